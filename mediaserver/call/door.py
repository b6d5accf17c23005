"""Who may speak to this server, and as whom: trunks by address, phones and users by digest, networks, or nobody."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from ipaddress import ip_address

from mediaserver.call.trunk import Trunk
from mediaserver.call.trunks import Trunks
from mediaserver.config.network import Networks
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.authenticator import Verdict as Proof
from mediaserver.sip.digest_door import GUARDED
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from mediaserver.sip.sources import source_of

_WELCOME = Admission(Verdict.WELCOME)
_TURN_AWAY = Admission(Verdict.TURN_AWAY)
_FORBIDDEN = Admission(Verdict.REFUSE, 403)
_REMEMBERED = 2048
_REMEMBERED_S = 32.0
"""A refused INVITE may come again so long (64 * T1): it is refused again, whatever is free by then."""


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """Whom the door knows besides the trunks."""

    allow: tuple[str, ...] = ()
    """Networks that may speak to us; empty: all, unless `known_only`."""
    known_only: bool = False
    """There are trunks, phones or users: whoever is none of them does not call."""
    phones: Collection[str] = ()
    """Accounts that may register."""
    retry_after_s: int = 5


class FrontDoor:
    """`sip.door.Door` by configuration.

    `users` judges the digest of phones, of users and of trunks that have to prove themselves; None without any.
    `at_home` says which account has registered by a flow. `incoming` counts the calls that came by a trunk. `failed` is
    told of wrong credentials of whom we had asked for them: not of those that somebody else sends by a forged address.
    """

    def __init__(
        self,
        settings: DoorSettings,
        trunks: Trunks,
        users: DigestAuthenticator | None = None,
        at_home: Callable[[Flow], str | None] = lambda flow: None,
        incoming: Callable[[str], int] = lambda trunk: 0,
        failed: Callable[[Flow, float], None] = lambda flow, now: None,
    ) -> None:
        self._settings = settings
        self._allowed = Networks.of(settings.allow)
        self._trunks = trunks
        self._users = users
        self._at_home = at_home
        self._incoming = incoming
        self._failed = failed
        self._by_user = {trunk.settings.inbound_user: trunk for trunk in trunks.values() if trunk.settings.inbound_user}
        self._refused: OrderedDict[Hashable, float] = OrderedDict()
        self.over_limit: dict[str, int] = {}
        """How many INVITEs were refused because a trunk had as many calls as it may, by trunk."""

    def admit(self, request: Request, flow: Flow, now: float) -> Admission:
        """Judge by where it comes from first, then by who it can prove to be; never raises.

        A phone may stand behind the address of a trunk: it is known by the very flow it has registered by. By a
        connection it need not prove itself again, as long as a request says that it is its own and comes by no proxy.
        """
        admission = self._judge(request, flow, now)
        if admission is _WELCOME or admission.status != 401:
            return admission
        stale = "stale=true" in admission.headers[0][1]
        if not stale and self._users is not None and self._users.was_asked(request, source_of(flow.remote[0])):
            self._failed(flow, now)
        return admission

    def _judge(self, request: Request, flow: Flow, now: float) -> Admission:
        user = self._at_home(flow)
        if user is not None and flow.reliable and request.method != "REGISTER" and _is_from(user, request):
            return Admission(Verdict.WELCOME, user=user)
        registers = request.method == "REGISTER" and self._users is not None
        trunk = None if registers or user is not None else self._trunks.of(request, flow)
        if trunk is not None:
            return self._of_trunk(trunk, request, flow, now)
        if not self._lets_in(flow):
            return _TURN_AWAY
        if request.method not in GUARDED:
            return _WELCOME
        return (self._registering if request.method == "REGISTER" else self._stranger)(request, flow, now)

    def _lets_in(self, flow: Flow) -> bool:
        settings = self._settings
        if settings.allow:
            return self._allowed.width(flow.remote[0]) >= 0
        if not settings.known_only or self._users is not None:
            return True
        return _is_here(flow)  # nobody but the trunks has business here; health checks come from this machine

    def _of_trunk(self, trunk: Trunk, request: Request, flow: Flow, now: float) -> Admission:
        if request.method == "REGISTER":
            return _FORBIDDEN
        wanted = trunk.settings.inbound_user
        if wanted is not None and self._users is not None and request.method in GUARDED:
            proof, user = self._users.judge(request, now, source=source_of(flow.remote[0]))
            if proof is not Proof.OK or user != wanted:
                return _challenge(self._users, flow, now, proof)
        return self._admitted(trunk, request, now)

    def _registering(self, request: Request, flow: Flow, now: float) -> Admission:
        if not self._settings.phones or self._users is None:
            return _FORBIDDEN
        proof, user = self._users.judge(request, now, source=source_of(flow.remote[0]))
        if proof is not Proof.OK:
            return _challenge(self._users, flow, now, proof)
        return Admission(Verdict.WELCOME, user=user) if user in self._settings.phones else _FORBIDDEN

    def _stranger(self, request: Request, flow: Flow, now: float) -> Admission:
        """Nobody knows the address: a user, a trunk with a digest user, or whoever the settings let call."""
        if self._users is None:
            return _WELCOME if self._settings.allow or not self._settings.known_only else _FORBIDDEN
        proof, user = self._users.judge(request, now, source=source_of(flow.remote[0]))
        if proof is not Proof.OK or user is None:
            return _challenge(self._users, flow, now, proof)
        trunk = self._by_user.get(user)
        return Admission(Verdict.WELCOME, user=user) if trunk is None else self._admitted(trunk, request, now)

    def _admitted(self, trunk: Trunk, request: Request, now: float) -> Admission:
        """Welcome as a trunk's; an INVITE only while the trunk has calls left."""
        if request.method == "INVITE":
            key = _key(request)
            if self._was_refused(key, now) or not self._has_calls_left(trunk, now):
                self._remember(key, now)
                self.over_limit[trunk.name] = self.over_limit.get(trunk.name, 0) + 1
                headers = [("Retry-After", str(self._settings.retry_after_s))]
                return Admission(Verdict.REFUSE, 503, headers, trunk=trunk.name)
        return Admission(Verdict.WELCOME, trunk=trunk.name)

    def _has_calls_left(self, trunk: Trunk, now: float) -> bool:
        return trunk.has_room(self._incoming) and trunk.admits_call(now)

    def _was_refused(self, key: Hashable, now: float) -> bool:
        while self._refused and next(iter(self._refused.values())) < now - _REMEMBERED_S:
            self._refused.popitem(last=False)
        return key in self._refused

    def _remember(self, key: Hashable, now: float) -> None:
        self._refused.setdefault(key, now)
        if len(self._refused) > _REMEMBERED:
            self._refused.popitem(last=False)


def _challenge(users: DigestAuthenticator, flow: Flow, now: float, proof: Proof) -> Admission:
    asked = users.challenge(now, stale=proof is Proof.STALE, source=source_of(flow.remote[0]))
    return Admission(Verdict.REFUSE, 401, [("WWW-Authenticate", challenge) for challenge in asked])


def _key(request: Request) -> Hashable:
    """Names an INVITE and its repetitions."""
    try:
        return request.call_id, request.cseq.number, request.from_.tag
    except RemoteProtocolError:
        return None


def _is_from(user: str, request: Request) -> bool:
    """Whether a request says that it is an account's own: a proxy, or a PBX, has one connection for everybody."""
    try:
        return request.from_.uri.unescaped_user == user and len(request.headers.get_all("Via")) == 1
    except RemoteProtocolError:
        return False


def _is_here(flow: Flow) -> bool:
    return ip_address(flow.remote[0].partition("%")[0]).is_loopback
