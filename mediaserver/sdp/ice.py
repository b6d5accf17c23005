"""ICE in a session description, as a lite agent (RFC 8445 2.5, RFC 8839): addresses of ours, on which we answer."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address

from mediaserver.sdp.session import Attributes, Connection, MediaDescription, SessionDescription

_HOST_PREFERENCE = 126 << 24
"""Type preference of a host candidate (RFC 8445 5.1.2.2)."""
_BEST = 65535
"""Local preference of the address we would rather be reached at (RFC 8445 5.1.2.1)."""
_MOST_CANDIDATES = 128
"""Of the peer's that are looked at; a machine with many networks has thirty."""
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
    shared: bool = False
    """Checks come to the port that all browsers share, and are told apart by our user fragment."""


class IceLite:
    """Our side of ICE for the life of a leg. `octets` gives that many random octets."""

    def __init__(self, octets: Callable[[int], bytes]) -> None:
        self._octets = octets
        self._credentials: tuple[str, str] | None = None
        self._theirs: tuple[str, str] | None = None
        self.hosts: tuple[str, ...] = ()
        """Addresses at which all our browsers reach us by one port, the best first; none: the leg's own are described.

        Then there is no other way than ICE, whatever becomes of the peer's description on the way.
        """

    @property
    def ufrag(self) -> str:
        """Our user fragment in the next description, unless that answers a restart by the peer."""
        return self._own()[0]

    def answer(
        self, session: SessionDescription, media: MediaDescription, connection: Connection, local: tuple[str, int]
    ) -> tuple[Ice | None, Attributes]:
        """What is agreed on, and the stream's attributes that say so; None: no ICE on this stream.

        New credentials of the peer are a restart (RFC 8445 9) and get new ones of ours.
        """
        theirs = _credentials(session, media)
        if theirs is None or _is_lite(session):
            return None, ()
        candidates = _candidates(media)
        if not self.hosts and _rewritten(connection, media, candidates):
            # Something on the way has rewritten the address: only that one will do (RFC 8839 4.2.5).
            return None, (("ice-mismatch", None),)
        if theirs != self._theirs:
            # The first words of the peer's restart nothing: ours may have been told already.
            self._credentials = self._credentials if self._theirs is None else None
            self._theirs = theirs
        ufrag, password = self._own()
        attributes = (*_trickling(session, media), *self._attributes(local, mux=media.has("rtcp-mux")))
        return Ice(ufrag, password, theirs[0], _best(candidates, local), bool(self.hosts)), attributes

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
        if self._theirs is None or media.has("ice-mismatch") or _is_lite(session):
            return None
        ufrag, password = self._own()
        return Ice(ufrag, password, self._theirs[0], _best(_candidates(media), local), bool(self.hosts))

    def _own(self) -> tuple[str, str]:
        if self._credentials is None:
            self._credentials = _word(self._octets(6)), _word(self._octets(18))
        return self._credentials

    def _attributes(self, local: tuple[str, int], *, mux: bool) -> Attributes:
        ufrag, password = self._own()
        port = local[1]
        candidates = [
            ("candidate", _host(place, component, address, port + component - 1))
            for place, address in enumerate(self.hosts or local[:1])
            for component in ((1,) if mux else (1, 2))
        ]
        return ("ice-ufrag", ufrag), ("ice-pwd", password), *candidates, ("end-of-candidates", None)


def _host(place: int, component: int, address: str, port: int) -> str:
    """A candidate of ours; each address is a foundation of its own (RFC 8445 5.1.1.3)."""
    priority = _HOST_PREFERENCE | (_BEST - place) << 8 | 256 - component
    return f"{place + 1} {component} UDP {priority} {address} {port} typ host"


def _is_lite(session: SessionDescription) -> bool:
    """Whether the peer makes no checks either: then each sends to the address that is described (RFC 8445 6.1.1)."""
    return any(name == "ice-lite" for name, _ in session.attributes)


def with_ice(session: SessionDescription, media: MediaDescription) -> bool:
    """Whether a stream is described with what ICE needs."""
    return _credentials(session, media) is not None and not _is_lite(session)


def _trickling(session: SessionDescription, media: MediaDescription) -> Attributes:
    """Who tells candidates later may: a lite agent learns them from the checks anyhow (RFC 8838 17)."""
    options = session.attribute_of(media, "ice-options")
    trickles = options is not None and "trickle" in (options[1] or "").split()
    return (("ice-options", "trickle"),) if trickles else ()


def _rewritten(connection: Connection, media: MediaDescription, candidates: dict[tuple[str, int], int]) -> bool:
    """Whether the described address is none of the candidates, as far as these are known."""
    if not candidates or len(_listed(media)) > _MOST_CANDIDATES or media.port == _DISCARD:
        return False
    return (_written(connection.address), media.port) not in candidates


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


def _listed(media: MediaDescription) -> list[str]:
    return [value or "" for name, value in media.attributes if name == "candidate"]


def _candidates(media: MediaDescription) -> dict[tuple[str, int], int]:
    """Addresses for RTP over UDP with their priorities; names (mDNS) and what cannot be read are passed over."""
    found: dict[tuple[str, int], int] = {}
    for value in _listed(media)[:_MOST_CANDIDATES]:
        words = value.split(maxsplit=8)
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
