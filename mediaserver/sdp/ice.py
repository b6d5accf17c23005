"""ICE in a session description, as a lite agent (RFC 8445 2.5, RFC 8839): one address of ours, on which we answer."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from mediaserver.sdp.session import Attributes, Connection, MediaDescription, SessionDescription

_HOST_PRIORITY = (126 << 24) | (65535 << 8) | 255
"""Type preference of a host candidate, the best local preference, the RTP component (RFC 8445 5.1.2.1)."""
_DISCARD = 9
"""The port of an offer whose candidates come later, or whose only address is a candidate (RFC 8840 4.1.1)."""


@dataclass(frozen=True, slots=True)
class Ice:
    """What the media plane needs to answer connectivity checks: user fragments and our password (RFC 8445 7.3)."""

    ours: str
    password: str = field(repr=False)
    theirs: str
    candidate: tuple[str, int] | None = None
    """The peer's best candidate of our family: where to send until a pair is nominated."""


class IceLite:
    """Our side of ICE for the life of a leg. `octets` gives that many random octets."""

    def __init__(self, octets: Callable[[int], bytes]) -> None:
        self._octets = octets
        self._credentials: tuple[str, str] | None = None
        self._theirs: tuple[str, str] | None = None

    def answer(
        self, session: SessionDescription, media: MediaDescription, connection: Connection, local: tuple[str, int]
    ) -> tuple[Ice | None, Attributes]:
        """What is agreed on, and the stream's attributes that say so; None: no ICE on this stream.

        New credentials of the peer are a restart (RFC 8445 9) and get new ones of ours.
        """
        theirs = _credentials(session, media)
        if theirs is None:
            return None, ()
        candidates = _candidates(media)
        default = (_written(connection.address), media.port)
        if candidates and media.port != _DISCARD and default not in candidates:
            # Something on the way has rewritten the address: only that one will do (RFC 8839 4.2.5).
            return None, (("ice-mismatch", None),)
        if theirs != self._theirs:
            self._theirs, self._credentials = theirs, None
        ufrag, password = self._own()
        attributes = self._attributes(local, mux=media.has("rtcp-mux"))
        return Ice(ufrag, password, theirs[0], _best(candidates, local)), attributes

    @property
    def agreed(self) -> bool:
        """The peer does it too, as far as is known: further offers of ours go on with it."""
        return self._theirs is not None

    def offer(self, local: tuple[str, int], *, mux: bool) -> Attributes:
        """The attributes of an offer of ours; `mux`: RTCP shares the port."""
        return self._attributes(local, mux=mux)

    def accepted(self, session: SessionDescription, media: MediaDescription, local: tuple[str, int]) -> Ice | None:
        """What the answer to an offer with ICE agrees to; None: the peer does not do it."""
        self._theirs = _credentials(session, media)
        if self._theirs is None or media.has("ice-mismatch"):
            return None
        ufrag, password = self._own()
        return Ice(ufrag, password, self._theirs[0], _best(_candidates(media), local))

    def _own(self) -> tuple[str, str]:
        if self._credentials is None:
            self._credentials = _word(self._octets(6)), _word(self._octets(18))
        return self._credentials

    def _attributes(self, local: tuple[str, int], *, mux: bool) -> Attributes:
        ufrag, password = self._own()
        address, port = local
        rtcp = ("candidate", f"1 2 UDP {_HOST_PRIORITY - 1} {address} {port + 1} typ host")
        return (
            ("ice-ufrag", ufrag),
            ("ice-pwd", password),
            ("candidate", f"1 1 UDP {_HOST_PRIORITY} {address} {port} typ host"),
            *(() if mux else (rtcp,)),
            ("end-of-candidates", None),
        )


def _written(address: str) -> str:
    """An address as candidates are compared by."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _word(octets: bytes) -> str:
    """Random ice-chars: letters, digits, + and /."""
    return base64.b64encode(octets).decode().rstrip("=")


def _credentials(session: SessionDescription, media: MediaDescription) -> tuple[str, str] | None:
    found = [session.attribute_of(media, name) for name in ("ice-ufrag", "ice-pwd")]
    ufrag, password = (None if attribute is None else attribute[1] for attribute in found)
    if not ufrag or not password or not 4 <= len(ufrag) <= 256 or not 22 <= len(password) <= 256:
        return None
    return ufrag, password


def _candidates(media: MediaDescription) -> dict[tuple[str, int], int]:
    """Addresses for RTP over UDP with their priorities; names (mDNS) and what cannot be read are passed over."""
    found: dict[tuple[str, int], int] = {}
    for name, value in media.attributes:
        words = (value or "").split() if name == "candidate" else []
        if len(words) < 8 or words[1] != "1" or words[2].upper() != "UDP":
            continue
        priority, address, port = words[3], words[4], words[5]
        if not (priority.isascii() and priority.isdigit() and port.isascii() and port.isdigit() and len(port) <= 5):
            continue
        try:
            found[str(ip_address(address)), int(port)] = int(priority[:10])
        except ValueError:
            continue
    return found


def _best(candidates: dict[tuple[str, int], int], local: tuple[str, int]) -> tuple[str, int] | None:
    family = ip_address(local[0]).version
    usable = [each for each in candidates if ip_address(each[0]).version == family and 0 < each[1] <= 65535]
    return max(usable, key=lambda each: candidates[each], default=None)
