"""The plain door: addresses that may speak to us, and users who prove themselves by digest (RFC 3261 22)."""

from collections.abc import Callable, Collection

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.authenticator import Verdict as Proof
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.sources import source_of

GUARDED = frozenset({"INVITE", "REGISTER", "REFER"})
"""The methods that cost something or change something: only these are challenged."""

_WELCOME = Admission(Verdict.WELCOME)
_TURN_AWAY = Admission(Verdict.TURN_AWAY)


def everybody(address: str) -> bool:
    """Admit any address."""
    return True


class DigestDoor:
    """Lets in the addresses for which `admits` is true; who asks for something has to be a user of `authenticator`.

    Without an authenticator nobody is challenged.
    """

    def __init__(
        self,
        *,
        admits: Callable[[str], bool] = everybody,
        authenticator: DigestAuthenticator | None = None,
        guarded: Collection[str] = GUARDED,
    ) -> None:
        self._admits = admits
        self._authenticator = authenticator
        self._guarded = guarded

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        """Turn away by the address alone, then challenge with 401 whoever has not proved himself."""
        if not self._admits(flow.remote[0]):
            return _TURN_AWAY
        if self._authenticator is None or request.method not in self._guarded:
            return _WELCOME
        source = source_of(flow.remote[0])
        proof, user = self._authenticator.judge(request, now, source=source)
        if proof is Proof.OK:
            return Admission(Verdict.WELCOME, user=user)
        challenges = self._authenticator.challenge(now, stale=proof is Proof.STALE, source=source)
        return Admission(Verdict.REFUSE, 401, [("WWW-Authenticate", challenge) for challenge in challenges])
