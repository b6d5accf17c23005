"""Signalling of every kind: what concerns a leg goes the way the leg came by, SIP or HTTP."""

from collections.abc import Sequence

from mediaserver.call.route import Route
from mediaserver.call.signalling import Answering, Changing, Signalling
from mediaserver.call.web_line import WebLine
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import SipUri

type Fields = Sequence[tuple[str, str]]


class BothLines:
    """`call.signalling.Signalling`: legs below zero are those of `web`, all others SIP's. Whom we call is SIP's."""

    def __init__(self, sip: Signalling, web: WebLine) -> None:
        self._sip = sip
        self._web = web

    def _answering(self, leg: int) -> Answering:
        return self._web if leg < 0 else self._sip

    def _changing(self, leg: int) -> Changing:
        return self._web if leg < 0 else self._sip

    def provisional(self, leg: int, status: int, sdp: bytes | None = None) -> None:
        """Send a 1xx."""
        self._answering(leg).provisional(leg, status, sdp)

    def answer(self, leg: int, sdp: bytes) -> None:
        """Answer the call."""
        self._answering(leg).answer(leg, sdp)

    def reject(self, leg: int, status: int, headers: Fields = ()) -> None:
        """Send a final refusal."""
        self._answering(leg).reject(leg, status, headers)

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        """Where to send (RFC 3263)."""
        return await self._sip.resolve(hop, profile)

    def invite(self, route: Route, flow: Flow, sdp: bytes | None, headers: Fields = ()) -> int:
        """Send an INVITE."""
        return self._sip.invite(route, flow, sdp, headers)

    def avoid(self, flow: Flow, seconds: float) -> None:
        """Have `resolve` name this address last for a while."""
        self._sip.avoid(flow, seconds)

    def heard(self, leg: int) -> bool:
        """Whether any response to our INVITE has come."""
        return self._sip.heard(leg)

    def acknowledge(self, leg: int, sdp: bytes) -> None:
        """Answer the offer of a 2xx."""
        self._sip.acknowledge(leg, sdp)

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """Accept a change of the session."""
        self._changing(leg).answer_reinvite(leg, sdp)

    def reject_reinvite(self, leg: int, status: int) -> None:
        """Refuse a change of the session."""
        self._changing(leg).reject_reinvite(leg, status)

    def reinvite(self, leg: int, sdp: bytes) -> None:
        """Offer a change of the session."""
        self._changing(leg).reinvite(leg, sdp)

    def info(self, leg: int, content_type: str, body: bytes) -> None:
        """Send an INFO; by HTTP there is none, and keys go as events in RTP."""
        if leg >= 0:
            self._sip.info(leg, content_type, body)

    def bye(self, leg: int, reason: str) -> None:
        """End the call, or give up our INVITE."""
        if leg < 0:
            self._web.bye(leg)
        else:
            self._sip.bye(leg, reason)

    def refer(
        self, leg: int, target: str, *, replaces_leg: int | None, referred_by: str | None, headers: Fields = ()
    ) -> None:
        """Ask the peer to call somebody."""
        if leg < 0:
            self._web.refer(leg)
        else:
            self._sip.refer(leg, target, replaces_leg=replaces_leg, referred_by=referred_by, headers=headers)

    def accept_transfer(self, leg: int) -> None:
        """Take the peer's REFER: there is none by HTTP."""
        self._sip.accept_transfer(leg)

    def transfer_progress(self, leg: int, status: int, reason: str) -> None:
        """Tell how the transfer stands."""
        self._sip.transfer_progress(leg, status, reason)

    def reject_transfer(self, leg: int, status: int) -> None:
        """Refuse the peer's REFER."""
        self._sip.reject_transfer(leg, status)
