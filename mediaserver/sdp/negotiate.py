"""Offer and answer (RFC 3264) for one audio stream, as pure functions of text and capabilities."""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.formats import (
    BY_ENCODING,
    COMFORT_NOISE,
    TELEPHONE_EVENT,
    covers_event,
    format_attributes,
    payload_formats,
)
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.session import Attributes, Connection, MediaDescription, Origin, SessionDescription

_PROFILES = frozenset({"RTP/AVP", "RTP/AVPF"})
_DIRECTIONS = tuple(direction.value for direction in Direction)
_EVENT_TYPE_OFFERED = 101
_NOT_ACCEPTABLE = 488


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What we can do on an audio stream.

    `codecs` are encoding names in the order we offer them. Comfort noise is accepted when offered if `comfort_noise`,
    and offered by us only if `offer_comfort_noise` too: agreeing to it allows us to leave silence out. `ptimes` are
    the packet times in ms we can send; `default_ptime` is used when the peer has no wish.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    events: bool = True
    comfort_noise: bool = True
    offer_comfort_noise: bool = False
    ptimes: tuple[int, ...] = (10, 20, 30, 40, 50, 60)
    default_ptime: int = 20

    def __post_init__(self) -> None:
        unknown = [name for name in self.codecs if name not in BY_ENCODING]
        if unknown or not self.codecs:
            raise ValueError(f"unknown or no codecs: {unknown}")
        if self.default_ptime not in self.ptimes:
            raise ValueError(f"default ptime {self.default_ptime} is not among {self.ptimes}")

    def speaks(self, form: PayloadFormat) -> bool:
        """Whether this is one of our codecs, with the clock rate it must have."""
        if form.encoding not in self.codecs or form.channels != 1:
            return False
        return form.clock_rate == BY_ENCODING[form.encoding].clock_rate

    def ptime(self, asked: int | None, largest: int | None) -> int:
        """The packet time in ms to send: what was asked for if we can and may, else the default or shorter."""
        allowed = [ms for ms in self.ptimes if largest is None or ms <= largest]
        if asked in allowed:
            return asked
        if not allowed or self.default_ptime in allowed:
            return self.default_ptime
        return max(allowed)


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What was agreed, and the description that tells the peer."""

    plan: MediaPlan
    sdp: bytes


@dataclass(frozen=True, slots=True)
class _Stream:
    """A peer's audio stream, understood."""

    media: MediaDescription
    remote: tuple[str, int]
    direction: Direction
    audio: tuple[PayloadFormat, ...]
    event: PayloadFormat | None
    noise: PayloadFormat | None


def answer(
    offer: bytes,
    capabilities: Capabilities,
    local: tuple[str, int],
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
) -> Negotiated:
    """Agree to the first audio stream of an offer that we can use and refuse all other streams (RFC 3264 6).

    `local` is the address and RTP port we announce, `direction` the most we want. Raises RemoteProtocolError with
    status 400 for what is not a valid description, 488 when nothing in it can be used, as when the media address is
    not of the family of `local`.
    """
    offered = SessionDescription.parse(offer)
    chosen, stream = _choose(offered, capabilities, ip_address(local[0]).version)
    agreed = _direction(stream.direction, direction)
    event = _announced(stream.event)
    formats = [*stream.audio, *(form for form in (event, stream.noise) if form is not None)]
    ptime = capabilities.ptime(_milliseconds(stream.media, "ptime"), _milliseconds(stream.media, "maxptime"))
    mux = stream.media.has("rtcp-mux")
    ours = _audio(formats, stream.media.protocol, local[1], ptime, agreed, mux)
    described = replace(
        _description(local[0], session_id, version, ()),
        media=tuple(ours if index == chosen else media.rejected() for index, media in enumerate(offered.media)),
        times=offered.times,
    )
    event_type = None if event is None else event.payload_type
    noise_type = None if stream.noise is None else stream.noise.payload_type
    plan = MediaPlan(
        send=stream.audio[0],
        receive=stream.audio,
        ptime_ms=ptime,
        direction=agreed,
        remote_rtp=stream.remote,
        remote_rtcp=_rtcp(stream, mux),
        event_send=event_type,
        event_receive=event_type,
        comfort_noise_send=noise_type,
        comfort_noise_receive=noise_type,
        rtcp_mux=mux,
    )
    return Negotiated(plan, bytes(described))


def offer(
    capabilities: Capabilities,
    local: tuple[str, int],
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
) -> bytes:
    """Describe all we can do as one audio stream, for an INVITE of ours or the 200 to one without an offer."""
    formats = [BY_ENCODING[name] for name in capabilities.codecs]
    if capabilities.events:
        formats.append(PayloadFormat(_EVENT_TYPE_OFFERED, TELEPHONE_EVENT, 8000, fmtp="0-16"))
    if capabilities.comfort_noise and capabilities.offer_comfort_noise:
        formats.append(BY_ENCODING[COMFORT_NOISE])
    media = _audio(formats, "RTP/AVP", local[1], capabilities.default_ptime, direction, mux=False)
    return bytes(_description(local[0], session_id, version, (media,)))


def accept(our_offer: bytes, answer: bytes, capabilities: Capabilities) -> MediaPlan:
    """Read the answer to an offer of ours (RFC 3264 7).

    We send with the payload types of the answer and receive with those of the offer. Raises RemoteProtocolError with
    status 400 for what is not a valid description, 488 for one that answers something else or refuses the stream, or
    with an address of the other family.
    """
    mine, theirs = SessionDescription.parse(our_offer), SessionDescription.parse(answer)
    if len(theirs.media) != len(mine.media):
        raise _unusable(f"offer has {len(mine.media)} streams, answer {len(theirs.media)}")
    offered = payload_formats(mine.media[0])
    known = {form.payload_type: form for form in offered}
    stream = _understand(theirs, theirs.media[0], capabilities, known, _family(mine))
    # What was answered but never offered counts for nothing.
    by_encoding = {form.encoding: form for form in offered}
    audio = [form for form in stream.audio if form.encoding in by_encoding]
    if not audio:
        raise _unusable("answer has no codec of the offer")
    event = None if stream.event is None else by_encoding.get(TELEPHONE_EVENT)
    noise = None if stream.noise is None else by_encoding.get(COMFORT_NOISE)
    mux = mine.media[0].has("rtcp-mux") and stream.media.has("rtcp-mux")
    return MediaPlan(
        send=audio[0],
        receive=tuple(form for form in offered if any(form.encoding == other.encoding for other in audio)),
        ptime_ms=capabilities.ptime(_milliseconds(stream.media, "ptime"), _milliseconds(stream.media, "maxptime")),
        direction=_direction(stream.direction, _stated_direction(mine, mine.media[0])),
        remote_rtp=stream.remote,
        remote_rtcp=_rtcp(stream, mux),
        event_send=stream.event.payload_type if stream.event and event else None,
        event_receive=event.payload_type if event else None,
        comfort_noise_send=stream.noise.payload_type if stream.noise and noise else None,
        comfort_noise_receive=noise.payload_type if noise else None,
        rtcp_mux=mux,
    )


def _unusable(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(reason, status=_NOT_ACCEPTABLE)


def _family(ours: SessionDescription) -> int:
    """The IP version of the address in a description of ours."""
    connection = ours.connection_of(ours.media[0])
    assert connection is not None
    return ip_address(connection.address).version


def _choose(offered: SessionDescription, capabilities: Capabilities, family: int) -> tuple[int, _Stream]:
    """Index and content of the first stream we can use; otherwise raises what was wrong with the first audio stream."""
    fault: RemoteProtocolError | None = None
    for index, media in enumerate(offered.media):
        if media.kind == "audio":
            try:
                return index, _understand(offered, media, capabilities, {}, family)
            except RemoteProtocolError as error:
                fault = fault or error
    raise fault or _unusable("no audio stream offered")


def _understand(
    session: SessionDescription,
    media: MediaDescription,
    capabilities: Capabilities,
    known: dict[int, PayloadFormat],
    family: int,
) -> _Stream:
    """Read an audio stream of the peer. Raises RemoteProtocolError: 488 if of no use, 400 if without address."""
    if media.kind != "audio" or media.port == 0:
        raise _unusable(f"no audio: {media.kind} on port {media.port}")
    if media.protocol not in _PROFILES:
        raise _unusable(f"transport profile {media.protocol[:40]} is not supported")
    connection = session.connection_of(media)
    if connection is None:
        raise RemoteProtocolError("audio stream has no connection line")
    formats = payload_formats(media, known)
    audio = tuple(form for form in formats if capabilities.speaks(form))
    if not audio:
        raise _unusable("no codec in common")
    clock = audio[0].clock_rate
    event = _companion(formats, TELEPHONE_EVENT, clock) if capabilities.events else None
    noise = _companion(formats, COMFORT_NOISE, clock) if capabilities.comfort_noise else None
    address, on_hold = _address(connection, family)
    stated = _stated_direction(session, media)
    return _Stream(media, (address, media.port), _muted(stated) if on_hold else stated, audio, event, noise)


def _companion(formats: list[PayloadFormat], encoding: str, clock_rate: int) -> PayloadFormat | None:
    """Events and noise must run on the clock of the audio they accompany (RFC 4733 2.3, RFC 3389 4)."""
    return next((form for form in formats if form.encoding == encoding and form.clock_rate == clock_rate), None)


def _announced(event: PayloadFormat | None) -> PayloadFormat | None:
    """The events we take: digits, and the hook flash if the peer spoke of it."""
    return event and replace(event, fmtp="0-16" if covers_event(event.fmtp, 16) else "0-15")


def _address(connection: Connection, family: int) -> tuple[str, bool]:
    """Where to send and whether the address says hold (RFC 3264 8.4), which it may in either family.

    Names are not looked up, and our socket can send to one `family` (4 or 6) only: 488 for the others.
    """
    try:
        parsed = ip_address(connection.address)
    except ValueError:
        raise _unusable(f"media address is not numeric: {connection.address[:80]!r}") from None
    if parsed.is_multicast:
        raise _unusable("multicast media is not supported")
    if parsed.version != family and not parsed.is_unspecified:
        raise _unusable(f"media address {parsed} is not IPv{family}")
    return str(parsed), parsed.is_unspecified


def _muted(stated: Direction) -> Direction:
    """What a peer states that takes no audio."""
    return Direction.SENDONLY if stated.sends else Direction.INACTIVE


def _stated_direction(session: SessionDescription, media: MediaDescription) -> Direction:
    found = session.attribute_of(media, *_DIRECTIONS)
    return Direction.SENDRECV if found is None else Direction(found[0])


def _direction(theirs: Direction, ours: Direction) -> Direction:
    """Our direction: we send if they receive and we want to, and the other way round (RFC 3264 6.1)."""
    sends, receives = theirs.receives and ours.sends, theirs.sends and ours.receives
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


def _milliseconds(media: MediaDescription, name: str) -> int | None:
    value = (media.attribute(name) or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 5 else None


def _rtcp(stream: _Stream, mux: bool) -> tuple[str, int]:
    """Where the peer takes RTCP: with RTP, where it says (RFC 3605), or one port up (RFC 3550 11)."""
    address, port = stream.remote
    if mux:
        return stream.remote
    words = (stream.media.attribute("rtcp") or "").split()
    if words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= 5 and 0 < int(words[0]) <= 65535:
        return _rtcp_address(words, address), int(words[0])
    return address, min(port + 1, 65535)


def _rtcp_address(words: list[str], rtp: str) -> str:
    """The address of an rtcp line if it has one we can send to, else that of RTP."""
    try:
        parsed = ip_address(words[3] if len(words) >= 4 else rtp)
    except ValueError:
        return rtp
    return str(parsed) if parsed.version == ip_address(rtp).version else rtp


def _audio(
    formats: list[PayloadFormat], protocol: str, port: int, ptime: int, direction: Direction, mux: bool
) -> MediaDescription:
    """Our audio stream."""
    attributes: Attributes = tuple(line for form in formats for line in format_attributes(form))
    attributes += (("ptime", str(ptime)), (direction.value, None))
    if mux:
        attributes += (("rtcp-mux", None),)
    return MediaDescription(
        "audio", port, protocol, tuple(str(form.payload_type) for form in formats), None, attributes
    )


def _description(
    address: str, session_id: int, version: int, media: tuple[MediaDescription, ...]
) -> SessionDescription:
    connection = Connection.of(address)
    return SessionDescription(Origin("-", str(session_id), str(version), connection), media, connection)
