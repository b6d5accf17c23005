"""Requests of ours outside of any dialog but INVITE: REGISTER, OPTIONS and the like (RFC 3261 8.1, 10.2, 11.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.sip.challenge import MOST_ANSWERS, answer_challenge
from mediaserver.sip.core import Core
from mediaserver.sip.dialog import routed
from mediaserver.sip.events import Flow, Replied
from mediaserver.sip.headers import Headers
from mediaserver.sip.identity import SDP, OwnContact
from mediaserver.sip.in_dialog import Transmit, outcome_of
from mediaserver.sip.leg import Credentials
from mediaserver.sip.message import Request, Response
from mediaserver.sip.sips import promises
from mediaserver.sip.transaction import Cause, Transaction
from mediaserver.sip.uri import NameAddr, SipUri


@dataclass(slots=True)
class Asked:
    """A request that has no final response yet, and how often a challenge of it was answered."""

    id: int
    request: Request
    flow: Flow
    credentials: Credentials | None
    answered: int = 0


class OutsideRequests:
    """Sends each request and tells its end by one `Replied`; challenges are answered on the way."""

    def __init__(self, core: Core, transmit: Transmit) -> None:
        self._core = core
        self._transmit = transmit
        self._issued = 0
        self._asked: dict[int, Asked] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def contact(self, flow: Flow, user: str | None) -> str:
        """Our Contact value as a peer of `flow` reaches us, for a REGISTER."""
        return self._core.identity.contact(flow, OwnContact(user))

    def request(
        self,
        method: str,
        *,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        now: float,
        call_id: str | None = None,
        cseq: int | None = None,
        contact: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        credentials: Credentials | None = None,
        routes: Sequence[str] = (),
    ) -> int:
        """Send a request other than INVITE (8.1.1); `Replied` with its number tells how it ended.

        Challenges are answered with `credentials`, by as many requests more as `MOST_ANSWERS` of `challenge` at most,
        each with the next CSeq number: who gives `cseq` leaves room for them. `routes` are Route values.
        """
        core = self._core
        route_set = [NameAddr.parse(route) for route in routes]
        promises(target, route_set, flow)
        uri, ways = routed(target, route_set)
        fields = Headers([("Route", way) for way in ways])
        fields.add("Max-Forwards", "70")
        fields.add("From", str(NameAddr(from_.display, from_.uri, {**from_.parameters, "tag": core.token()})))
        fields.add("To", str(to))
        fields.add("Call-ID", call_id or core.token())
        fields.add("CSeq", f"{1 if cseq is None else cseq} {method}")
        if contact is not None:
            fields.add("Contact", contact)
        if method == "OPTIONS":
            fields.add("Accept", SDP)
        core.identity.capabilities(fields)
        fields.add("User-Agent", core.settings.user_agent)
        for name, value in headers:
            _merge(fields, name, value)
        self._issued += 1
        asked = self._asked[self._issued] = Asked(self._issued, Request(method, uri, fields, body), flow, credentials)
        self._send(asked, now)
        return asked.id

    def _send(self, asked: Asked, now: float) -> None:
        transaction = self._transmit(asked.request, asked.flow, None, now)
        transaction.done = lambda outcome, at: self._concluded(asked, transaction, outcome, at)

    def _concluded(self, asked: Asked, transaction: Transaction, outcome: Response | Cause, now: float) -> None:
        if isinstance(outcome, Response) and asked.answered < MOST_ANSWERS:
            cseq = asked.request.cseq.number + 1
            again = answer_challenge(asked.request, outcome, asked.credentials, cseq, self._core.token())
            if again is not None:
                asked.request = again
                asked.answered += 1
                self._send(asked, now)
                return
        del self._asked[asked.id]
        status, reason = outcome_of(outcome, transaction)
        self._core.emit(Replied(asked.id, status, reason, outcome if isinstance(outcome, Response) else None))


def _merge(headers: Headers, name: str, value: str) -> None:
    """Add a field of the caller's; to those we have written already, Supported above all, it adds what it says."""
    before = headers.get(name)
    if name.lower() in ("supported", "allow", "accept") and before is not None:
        headers.set(name, f"{before}, {value}" if before else value)
    else:
        headers.add(name, value)
