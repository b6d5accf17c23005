"""Offer and answer (RFC 3264) for one audio stream, as pure functions of text and capabilities."""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.capabilities import Capabilities as Capabilities
from mediaserver.sdp.capabilities import announced, companion, events_beside, spoken_of
from mediaserver.sdp.formats import COMFORT_NOISE, format_attributes, payload_formats
from mediaserver.sdp.grouping import bundled, grouped, mid_of
from mediaserver.sdp.path import Agreed, MediaPath
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.security import PLAIN_PROFILES
from mediaserver.sdp.session import Attributes, Connection, MediaDescription, Origin, SessionDescription

_DIRECTIONS = tuple(direction.value for direction in Direction)
_NOT_ACCEPTABLE = 488
_PLAIN = Agreed()


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
    events: tuple[PayloadFormat, ...]
    noise: PayloadFormat | None
    path: Agreed = _PLAIN


def answer(
    offer: bytes,
    capabilities: Capabilities,
    local: tuple[str, int],
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
    path: MediaPath | None = None,
) -> Negotiated:
    """Agree to the first audio stream of an offer that we can use and refuse all other streams (RFC 3264 6).

    `local` is the address and RTP port we announce, `direction` the most we want, `path` our side of encryption and
    ICE, without which there is neither. Raises RemoteProtocolError with
    status 400 for what is not a valid description, 488 when nothing in it can be used, as when the media address is
    not of the family of `local`.
    """
    offered = SessionDescription.parse(offer)
    chosen, stream = _choose(offered, capabilities, local, path)
    agreed = _direction(stream.direction, direction)
    formats = [capabilities.answered(form) for form in stream.audio]
    formats += [announced(event) for event in stream.events]
    formats += [] if stream.noise is None else [stream.noise]
    ptime = _ptime(stream, capabilities)
    mux = stream.media.has("rtcp-mux")
    attributes = (*mid_of(stream.media.attribute("mid")), *stream.path.attributes)
    ours = _audio(formats, stream.media.protocol, local[1], ptime, agreed, mux, attributes)
    described = replace(
        _description(
            local[0],
            session_id,
            version,
            (),
            lite=stream.path.ice is not None,
            more=grouped(offered, stream.media),
        ),
        media=tuple(ours if index == chosen else media.rejected() for index, media in enumerate(offered.media)),
        times=offered.times,
    )
    event = stream.events[0] if stream.events else None
    event_type = None if event is None else event.payload_type
    noise_type = None if stream.noise is None else stream.noise.payload_type
    plan = MediaPlan(
        send=capabilities.heeded(stream.audio[0]),
        receive=stream.audio,
        ptime_ms=ptime,
        direction=agreed,
        remote_rtp=stream.remote,
        remote_rtcp=_rtcp(stream, mux),
        event_send=event_type,
        event_receive=event_type,
        event_clock_rate=8000 if event is None else event.clock_rate,
        events_receive={each.payload_type: each.clock_rate for each in stream.events},
        comfort_noise_send=noise_type,
        comfort_noise_receive=noise_type,
        rtcp_mux=mux,
        signalled=None if path is None else path.signalled,
        security=stream.path.security,
        ice=stream.path.ice,
    )
    return Negotiated(plan, bytes(described))


def offer(
    capabilities: Capabilities,
    local: tuple[str, int],
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
    agreed: MediaPlan | None = None,
    path: MediaPath | None = None,
) -> bytes:
    """Describe all we can do as one audio stream, for an INVITE of ours or the 200 to one without an offer.

    In a session that is up, what was `agreed` keeps its payload types and goes first.
    """
    formats = capabilities.offered(agreed)
    mux = (path is not None and path.browser) or (agreed is not None and agreed.rtcp_mux)
    profile, attributes = ("RTP/AVP", ()) if path is None else path.offer(local, mux=mux)
    attributes = (*mid_of(None if path is None else path.mid), *attributes)
    media = _audio(formats, profile, local[1], capabilities.default_ptime, direction, mux, attributes)
    more = bundled(None if path is None else path.mid)
    return bytes(_description(local[0], session_id, version, (media,), lite=media.has("ice-ufrag"), more=more))


def accept(our_offer: bytes, answer: bytes, capabilities: Capabilities, path: MediaPath | None = None) -> MediaPlan:
    """Read the answer to an offer of ours (RFC 3264 7).

    `our_offer` may be an answer of ours that is offered again: then it may have streams that were refused. We send with
    the payload types of the answer and receive with those of the offer. Raises RemoteProtocolError with
    status 400 for what is not a valid description, 488 for one that answers something else or refuses the stream, or
    with an address of the other family.
    """
    mine, theirs = SessionDescription.parse(our_offer), SessionDescription.parse(answer)
    if len(theirs.media) != len(mine.media):
        raise _unusable(f"offer has {len(mine.media)} streams, answer {len(theirs.media)}")
    at = next((index for index, media in enumerate(mine.media) if media.port), 0)
    our, their = mine.media[at], theirs.media[at]
    offered = payload_formats(our)
    known = {form.payload_type: form for form in offered}
    local = _local(mine, our)
    # The peer's order is what it wants to be sent (RFC 3264 7), and its comfort noise goes with the first of it.
    stream = _understand(theirs, their, replace(capabilities, own_order=False), known, local, path)
    if path is not None:
        stream = replace(stream, path=path.accepted(our, theirs, their, local))
    stream = _with_candidate(stream)
    # What was answered but never offered counts for nothing.
    ours = {_kind(form): form for form in offered}
    audio = [form for form in stream.audio if _kind(form) in ours]
    if not audio:
        raise _unusable("answer has no codec of the offer")
    stream = replace(stream, audio=tuple(audio))
    events = [form for form in stream.events if _kind(form) in ours]
    event = events[0] if events else None
    noise = None if stream.noise is None else ours.get(_kind(stream.noise))
    mux = our.has("rtcp-mux") and stream.media.has("rtcp-mux")
    return MediaPlan(
        send=capabilities.heeded(audio[0]),
        receive=tuple(form for form in offered if _kind(form) in map(_kind, audio)),
        ptime_ms=_ptime(stream, capabilities),
        direction=_direction(stream.direction, _stated_direction(mine, our)),
        remote_rtp=stream.remote,
        remote_rtcp=_rtcp(stream, mux),
        event_send=event.payload_type if event else None,
        event_receive=ours[_kind(event)].payload_type if event else None,
        event_clock_rate=event.clock_rate if event else 8000,
        events_receive={ours[_kind(each)].payload_type: each.clock_rate for each in events},
        comfort_noise_send=stream.noise.payload_type if stream.noise and noise else None,
        comfort_noise_receive=noise.payload_type if noise else None,
        rtcp_mux=mux,
        signalled=None if path is None else path.signalled,
        security=stream.path.security,
        ice=stream.path.ice,
    )


def _unusable(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(reason, status=_NOT_ACCEPTABLE)


def _local(ours: SessionDescription, audio: MediaDescription) -> tuple[str, int]:
    """The address and port in a description of ours."""
    connection = ours.connection_of(audio)
    assert connection is not None
    return connection.address, audio.port


def _choose(
    offered: SessionDescription, capabilities: Capabilities, local: tuple[str, int], path: MediaPath | None
) -> tuple[int, _Stream]:
    """Index and content of the first stream we can use; otherwise raises what was wrong with the first audio stream."""
    fault: RemoteProtocolError | None = None
    for index, media in enumerate(offered.media):
        if media.kind == "audio":
            try:
                stream = _understand(offered, media, capabilities, {}, local, path)
                if path is not None:
                    connection = offered.connection_of(media)
                    assert connection is not None
                    stream = replace(stream, path=path.answer(offered, media, connection, local))
                return index, _with_candidate(stream)
            except RemoteProtocolError as error:
                fault = fault or error
    raise fault or _unusable("no audio stream offered")


def _with_candidate(stream: _Stream) -> _Stream:
    """With ICE an address that says nothing is no hold: the peer's is among its candidates."""
    ice = stream.path.ice
    if ice is None:
        return replace(stream, direction=_muted(stream.direction)) if _says_nothing(stream.remote[0]) else stream
    return stream if ice.candidate is None else replace(stream, remote=ice.candidate)


def _understand(
    session: SessionDescription,
    media: MediaDescription,
    capabilities: Capabilities,
    known: dict[int, PayloadFormat],
    local: tuple[str, int],
    path: MediaPath | None,
) -> _Stream:
    """Read an audio stream of the peer. Raises RemoteProtocolError: 488 if of no use, 400 if without address."""
    if media.kind != "audio" or media.port == 0:
        raise _unusable(f"no audio: {media.kind} on port {media.port}")
    if not (media.protocol in PLAIN_PROFILES if path is None else path.takes(media.protocol)):
        raise _unusable(f"transport profile {media.protocol[:40]} is not supported")
    connection = session.connection_of(media)
    if connection is None:
        raise RemoteProtocolError("audio stream has no connection line")
    formats = payload_formats(media, known)
    audio = tuple(form for form in formats if capabilities.speaks(form))
    if not audio:
        raise _unusable(
            f"no codec in common: peer offers {spoken_of(formats)}; we have {', '.join(capabilities.codecs)}"
        )
    audio = capabilities.ordered(audio)
    events = events_beside(formats, audio) if capabilities.events else ()
    noise = companion(formats, COMFORT_NOISE, audio[0].clock_rate) if capabilities.comfort_noise else None
    address = _address(connection, ip_address(local[0]).version)
    return _Stream(media, (address, media.port), _stated_direction(session, media), audio, events, noise)


def _kind(form: PayloadFormat) -> tuple[str, int, int]:
    """What a format is, whatever number it has."""
    return form.encoding, form.clock_rate, form.channels


def _ptime(stream: _Stream, capabilities: Capabilities) -> int:
    asked, largest = _milliseconds(stream.media, "ptime"), _milliseconds(stream.media, "maxptime")
    return capabilities.ptime(asked, largest, stream.audio[0])


def _address(connection: Connection, family: int) -> str:
    """Where to send; an unspecified address, of either family, says hold (RFC 3264 8.4).

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
    return str(parsed)


def _says_nothing(address: str) -> bool:
    return ip_address(address).is_unspecified


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
    formats: list[PayloadFormat],
    protocol: str,
    port: int,
    ptime: int,
    direction: Direction,
    mux: bool,
    more: Attributes = (),
) -> MediaDescription:
    """Our audio stream."""
    attributes: Attributes = tuple(line for form in formats for line in format_attributes(form))
    attributes += (("ptime", str(ptime)), (direction.value, None))
    if mux:
        attributes += (("rtcp-mux", None),)
    numbers = tuple(str(form.payload_type) for form in formats)
    return MediaDescription("audio", port, protocol, numbers, None, (*attributes, *more))


def _description(
    address: str,
    session_id: int,
    version: int,
    media: tuple[MediaDescription, ...],
    *,
    lite: bool = False,
    more: Attributes = (),
) -> SessionDescription:
    connection = Connection.of(address)
    attributes: Attributes = (*more, *((("ice-lite", None),) if lite else ()))
    return SessionDescription(Origin("-", str(session_id), str(version), connection), media, connection, attributes)
