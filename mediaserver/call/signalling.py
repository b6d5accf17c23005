"""What a call needs of SIP and of the media plane: two narrow faces, so that a call is tested with neither."""

from collections.abc import Sequence
from typing import Protocol

from mediaserver.call.route import Route
from mediaserver.sip.events import Flow
from mediaserver.sip.uri import SipUri
from mediaserver.talk.orders import Open, Order

type Fields = Sequence[tuple[str, str]]
"""Header fields."""


class Answering(Protocol):
    """SIP, as the one who is called. `leg` is the endpoint's handle; commands for one that is gone do nothing."""

    def provisional(self, leg: int, status: int, sdp: bytes | None = None) -> None:
        """Send a 1xx, with early media's description if given."""

    def answer(self, leg: int, sdp: bytes) -> None:
        """Send the 200, repeated until the ACK."""

    def reject(self, leg: int, status: int, headers: Fields = ()) -> None:
        """Send a final refusal."""


class Calling(Protocol):
    """SIP, as the one who calls."""

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        """Where to send, in the order to try; OSError says why nowhere."""

    def invite(self, route: Route, flow: Flow, sdp: bytes | None, headers: Fields = ()) -> int:
        """Send an INVITE; the new leg. Without `sdp` the peer is asked for its offer."""

    def avoid(self, flow: Flow, seconds: float) -> None:
        """Have `resolve` name this address last for a while: it failed us."""

    def heard(self, leg: int) -> bool:
        """Whether any response to our INVITE has come."""

    def acknowledge(self, leg: int, sdp: bytes) -> None:
        """Answer the offer that a 2xx brought."""


class Transferring(Protocol):
    """SIP, for handing calls over (RFC 3515, RFC 3891)."""

    def refer(
        self, leg: int, target: str, *, replaces_leg: int | None, referred_by: str | None, headers: Fields = ()
    ) -> None:
        """Ask the peer to call `target`, in the place of our leg `replaces_leg` if given."""

    def accept_transfer(self, leg: int) -> None:
        """Take the peer's REFER (202); `transfer_progress` is due until the end."""

    def transfer_progress(self, leg: int, status: int, reason: str) -> None:
        """Tell how the transfer stands (NOTIFY); a final status ends it."""

    def reject_transfer(self, leg: int, status: int) -> None:
        """Refuse the peer's REFER."""


class Changing(Protocol):
    """SIP, for changes of the session."""

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """Send the 200 to a re-INVITE or UPDATE."""

    def reject_reinvite(self, leg: int, status: int) -> None:
        """Refuse a change of the session; the call goes on as it was."""

    def reinvite(self, leg: int, sdp: bytes) -> None:
        """Offer a change of the session; `SessionChanged` or `ChangeRefused` follows."""


class Signalling(Answering, Calling, Changing, Transferring, Protocol):
    """SIP, seen from one call."""

    def info(self, leg: int, content_type: str, body: bytes) -> None:
        """Send an INFO."""

    def bye(self, leg: int, reason: str) -> None:
        """End the dialog, or give up our INVITE; `reason` is the value of a Reason header (RFC 3326)."""


class Media(Protocol):
    """The media plane."""

    def open(self, order: Open) -> int:
        """Take a port pair; the RTP port."""

    def order(self, order: Order) -> None:
        """Do what the call wants."""
