"""What a call needs of SIP and of the media plane: two narrow faces, so that a call is tested with neither."""

from collections.abc import Sequence
from typing import Protocol

from mediaserver.talk.orders import Open, Order


class Signalling(Protocol):
    """SIP, seen from one call. `leg` is the endpoint's handle."""

    def provisional(self, leg: int, status: int) -> None:
        """Send a 1xx."""

    def answer(self, leg: int, sdp: bytes) -> None:
        """Send the 200, repeated until the ACK."""

    def reject(self, leg: int, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Send a final refusal."""

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        """Send the 200 to a re-INVITE."""

    def reject_reinvite(self, leg: int, status: int) -> None:
        """Refuse a re-INVITE; the call goes on as it was."""

    def bye(self, leg: int, reason: str) -> None:
        """End the dialog; `reason` is the value of a Reason header (RFC 3326)."""


class Media(Protocol):
    """The media plane."""

    def open(self, order: Open) -> int:
        """Take a port pair; the RTP port."""

    def order(self, order: Order) -> None:
        """Do what the call wants."""
