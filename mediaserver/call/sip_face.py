"""SIP as calls see it: every command is followed by a pump, which sends what it produced."""

import asyncio
from collections.abc import Sequence

from mediaserver.call.route import Route
from mediaserver.net.flows import SipShell
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import SipUri

type Fields = Sequence[tuple[str, str]]


class SipFace:
    """The endpoint and its shell, as `call.signalling.Signalling`."""

    def __init__(self, endpoint: SipEndpoint, shell: SipShell) -> None:
        self._endpoint = endpoint
        self._shell = shell

    # As the one who is called

    def provisional(self, leg: int, status: int, sdp: bytes | None = None) -> None:
        """Send a 1xx."""
        self._endpoint.provisional(leg, status, self._shell.now(), sdp)
        self._shell.pump()

    def answer(self, leg: int, sdp: bytes) -> None:
        """Send the 200."""
        self._endpoint.answer(leg, sdp, self._shell.now())
        self._shell.pump()

    def reject(self, leg: int, status: int, headers: Fields = ()) -> None:
        """Send a final refusal."""
        self._endpoint.reject(leg, status, self._shell.now(), headers=headers)
        self._shell.pump()

    # As the one who calls

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        """Where to send (RFC 3263)."""
        return await self._shell.resolve(hop, profile=profile)

    def invite(self, route: Route, flow: Flow, sdp: bytes | None, headers: Fields = ()) -> int:
        """Send an INVITE. It goes out a moment later, so that whoever calls knows the leg before it has any event."""
        leg = self._endpoint.invite(
            target=route.target,
            flow=flow,
            from_=route.from_,
            now=self._shell.now(),
            sdp=sdp,
            credentials=route.credentials,
            headers=[*route.headers, *headers],
            routes=[str(each) for each in route.preloaded],
            outbound=route.outbound,
        )
        asyncio.get_running_loop().call_soon(self._shell.pump)
        return leg

    def avoid(self, flow: Flow, seconds: float) -> None:
        """Have `resolve` name this address last for a while."""
        self._shell.avoid(flow, seconds)

    def heard(self, leg: int) -> bool:
        """Whether any response to our INVITE has come."""
        return self._endpoint.heard(leg)

    def acknowledge(self, leg: int, sdp: bytes) -> None:
        """Answer the offer of a 2xx."""
        self._endpoint.acknowledge(leg, sdp, self._shell.now())
        self._shell.pump()

    # As either

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """Accept a change of the session."""
        self._endpoint.answer_reinvite(leg, sdp, self._shell.now())
        self._shell.pump()

    def reject_reinvite(self, leg: int, status: int) -> None:
        """Refuse a change of the session."""
        self._endpoint.reject_reinvite(leg, status, self._shell.now())
        self._shell.pump()

    def reinvite(self, leg: int, sdp: bytes) -> None:
        """Offer a change of the session."""
        self._endpoint.reinvite(leg, sdp, self._shell.now())
        self._shell.pump()

    def info(self, leg: int, content_type: str, body: bytes) -> None:
        """Send an INFO."""
        self._endpoint.info(leg, content_type, body, self._shell.now())
        self._shell.pump()

    def bye(self, leg: int, reason: str) -> None:
        """End the dialog, or give up our INVITE."""
        self._endpoint.bye(leg, self._shell.now(), reason=reason)
        self._shell.pump()

    # Handing over

    def refer(
        self, leg: int, target: str, *, replaces_leg: int | None, referred_by: str | None, headers: Fields = ()
    ) -> None:
        """Send a REFER."""
        self._endpoint.transfers.refer(
            leg, target, self._shell.now(), replaces_leg=replaces_leg, referred_by=referred_by, headers=headers
        )
        self._shell.pump()

    def accept_transfer(self, leg: int) -> None:
        """Take the peer's REFER."""
        self._endpoint.transfers.accept(leg, self._shell.now())
        self._shell.pump()

    def transfer_progress(self, leg: int, status: int, reason: str) -> None:
        """Send a NOTIFY."""
        self._endpoint.transfers.progress(leg, status, reason, self._shell.now())
        self._shell.pump()

    def reject_transfer(self, leg: int, status: int) -> None:
        """Refuse the peer's REFER."""
        self._endpoint.transfers.reject(leg, status, self._shell.now())
        self._shell.pump()
