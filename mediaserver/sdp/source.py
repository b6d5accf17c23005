"""Who sends a stream of ours: its SSRC and CNAME (RFC 5576), and the names a browser's page sees (RFC 8830)."""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.sdp.session import Attributes

_STREAM, _TRACK = "agent", "agent-voice"


@dataclass(frozen=True, slots=True)
class Source:
    """One for the life of a leg: what its packets and reports are known by."""

    ssrc: int
    cname: str

    @classmethod
    def drawn(cls, octets: Callable[[int], bytes]) -> "Source":
        """By chance; a CNAME of 96 bits tells nothing of who we are (RFC 7022 4.2)."""
        return cls(int.from_bytes(octets(4)) or 1, base64.b64encode(octets(12)).decode())

    def attributes(self) -> Attributes:
        """For a stream that we send to a browser: it is put into a stream of that name in the page."""
        return ("msid", f"{_STREAM} {_TRACK}"), ("ssrc", f"{self.ssrc} cname:{self.cname}")
