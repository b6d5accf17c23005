"""A peer's audio stream as it is described, understood: what it offers that we can do, and where it takes media."""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.capabilities import Capabilities, companion, events_beside, spoken_of
from mediaserver.sdp.formats import COMFORT_NOISE, payload_formats
from mediaserver.sdp.path import Agreed, MediaPath
from mediaserver.sdp.plan import Direction, PayloadFormat
from mediaserver.sdp.security import PLAIN_PROFILES
from mediaserver.sdp.session import Connection, MediaDescription, SessionDescription

_DIRECTIONS = tuple(direction.value for direction in Direction)
_NOT_ACCEPTABLE = 488
_PLAIN = Agreed()


@dataclass(frozen=True, slots=True)
class Stream:
    """What was said of it; `audio`, `events` and `noise` are the formats that we can do, the most wanted first."""

    media: MediaDescription
    remote: tuple[str, int]
    direction: Direction
    audio: tuple[PayloadFormat, ...]
    events: tuple[PayloadFormat, ...]
    noise: PayloadFormat | None
    path: Agreed = _PLAIN

    def ptime(self, capabilities: Capabilities) -> int:
        """The packet time in ms to send."""
        asked, largest = _milliseconds(self.media, "ptime"), _milliseconds(self.media, "maxptime")
        return capabilities.ptime(asked, largest, self.audio[0])

    def rtcp(self, mux: bool) -> tuple[str, int]:
        """Where the peer takes RTCP: with RTP, where it says (RFC 3605), or one port up (RFC 3550 11)."""
        address, port = self.remote
        if mux:
            return self.remote
        words = (self.media.attribute("rtcp") or "").split()
        if words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= 5 and 0 < int(words[0]) <= 65535:
            return _rtcp_address(words, address), int(words[0])
        return address, min(port + 1, 65535)

    def with_candidate(self) -> "Stream":
        """With ICE an address that says nothing is no hold: the peer's is among its candidates."""
        ice = self.path.ice
        if ice is None:
            return replace(self, direction=_muted(self.direction)) if _says_nothing(self.remote[0]) else self
        return self if ice.candidate is None else replace(self, remote=ice.candidate)


def choose(
    offered: SessionDescription, capabilities: Capabilities, local: tuple[str, int], path: MediaPath | None
) -> tuple[int, Stream]:
    """Index and content of the first stream we can use; otherwise raises what was wrong with the first audio stream."""
    fault: RemoteProtocolError | None = None
    for index, media in enumerate(offered.media):
        if media.kind == "audio":
            try:
                stream = understand(offered, media, capabilities, {}, local, path)
                if path is not None:
                    connection = offered.connection_of(media)
                    assert connection is not None
                    stream = replace(stream, path=path.answer(offered, media, connection, local))
                return index, stream.with_candidate()
            except RemoteProtocolError as error:
                fault = fault or error
    raise fault or unusable("no audio stream offered")


def understand(
    session: SessionDescription,
    media: MediaDescription,
    capabilities: Capabilities,
    known: dict[int, PayloadFormat],
    local: tuple[str, int],
    path: MediaPath | None,
) -> Stream:
    """Read an audio stream of the peer. Raises RemoteProtocolError: 488 if of no use, 400 if without address."""
    if media.kind != "audio" or media.port == 0:
        raise unusable(f"no audio: {media.kind} on port {media.port}")
    if not (media.protocol in PLAIN_PROFILES if path is None else path.takes(media.protocol)):
        raise unusable(f"transport profile {media.protocol[:40]} is not supported")
    connection = session.connection_of(media)
    if connection is None:
        raise RemoteProtocolError("audio stream has no connection line")
    formats = payload_formats(media, known)
    audio = tuple(form for form in formats if capabilities.speaks(form))
    if not audio:
        raise unusable(
            f"no codec in common: peer offers {spoken_of(formats)}; we have {', '.join(capabilities.codecs)}"
        )
    audio = capabilities.ordered(audio)
    events = events_beside(formats, audio) if capabilities.events else ()
    noise = companion(formats, COMFORT_NOISE, audio[0].clock_rate) if capabilities.comfort_noise else None
    address = _remote(session, media, connection, local, path)
    return Stream(media, (address, media.port), stated_direction(session, media), audio, events, noise)


def _remote(
    session: SessionDescription,
    media: MediaDescription,
    connection: Connection,
    local: tuple[str, int],
    path: MediaPath | None,
) -> str:
    """Where to send as far as the description tells; with ICE an address of no use to us is no fault."""
    family = ip_address(local[0]).version
    try:
        return _address(connection, family)
    except RemoteProtocolError:
        if path is None or not path.finds(session, media):
            raise
        return "0.0.0.0" if family == 4 else "::"


def _address(connection: Connection, family: int) -> str:
    """Where to send; an unspecified address, of either family, says hold (RFC 3264 8.4).

    Names are not looked up, and our socket can send to one `family` (4 or 6) only: 488 for the others.
    """
    try:
        parsed = ip_address(connection.address)
    except ValueError:
        raise unusable(f"media address is not numeric: {connection.address[:80]!r}") from None
    if parsed.is_multicast:
        raise unusable("multicast media is not supported")
    if parsed.is_unspecified:
        return "0.0.0.0" if family == 4 else "::"
    if parsed.version != family:
        raise unusable(f"media address {parsed} is not IPv{family}")
    return str(parsed)


def _says_nothing(address: str) -> bool:
    return ip_address(address).is_unspecified


def _muted(stated: Direction) -> Direction:
    """What a peer states that takes no audio."""
    return Direction.SENDONLY if stated.sends else Direction.INACTIVE


def stated_direction(session: SessionDescription, media: MediaDescription) -> Direction:
    """What a description says of a stream, from the point of view of who wrote it."""
    found = session.attribute_of(media, *_DIRECTIONS)
    return Direction.SENDRECV if found is None else Direction(found[0])


def _milliseconds(media: MediaDescription, name: str) -> int | None:
    value = (media.attribute(name) or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else None


def _rtcp_address(words: list[str], rtp: str) -> str:
    """The address of an rtcp line if it has one we can send to, else that of RTP."""
    try:
        parsed = ip_address(words[3] if len(words) >= 4 else rtp)
    except ValueError:
        return rtp
    return str(parsed) if parsed.version == ip_address(rtp).version else rtp


def unusable(reason: str) -> RemoteProtocolError:
    """What cannot be agreed to (488)."""
    return RemoteProtocolError(reason, status=_NOT_ACCEPTABLE)
