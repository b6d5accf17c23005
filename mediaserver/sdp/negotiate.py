"""Offer and answer (RFC 3264) for one audio stream, as pure functions of text and capabilities."""

from dataclasses import dataclass, replace

from mediaserver.sdp import extensions
from mediaserver.sdp.capabilities import Capabilities as Capabilities
from mediaserver.sdp.capabilities import announced
from mediaserver.sdp.formats import format_attributes, payload_formats
from mediaserver.sdp.grouping import bundled, grouped, mid_of
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.session import Attributes, Connection, MediaDescription, Origin, SessionDescription
from mediaserver.sdp.stream import Stream, choose, stated_direction, understand, unusable


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What was agreed, and the description that tells the peer."""

    plan: MediaPlan
    sdp: bytes


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
    chosen, stream = choose(offered, capabilities, local, path)
    plan = _agreed_to(stream, capabilities, _direction(stream.direction, direction), path)
    formats = [capabilities.answered(form) for form in stream.audio]
    formats += [announced(event) for event in stream.events]
    formats += [] if stream.noise is None else [stream.noise]
    carried, lines = extensions.answer(offered, stream.media, _types(stream.audio))
    plan = replace(plan, extensions=carried)
    attributes = (*mid_of(stream.media.attribute("mid")), *lines, *stream.path.attributes)
    ours = _audio(formats, stream.media.protocol, local[1], plan.ptime_ms, plan.direction, plan.rtcp_mux, attributes)
    lite, more = stream.path.ice is not None, grouped(offered, stream.media)
    described = replace(
        _description(local[0], session_id, version, (), lite=lite, more=more),
        media=tuple(ours if index == chosen else media.rejected() for index, media in enumerate(offered.media)),
        times=offered.times,
    )
    return Negotiated(plan, bytes(described))


def _agreed_to(stream: Stream, capabilities: Capabilities, direction: Direction, path: MediaPath | None) -> MediaPlan:
    """What our answer to an offered stream agrees to: both sides use the payload types of the offer."""
    event = stream.events[0] if stream.events else None
    event_type = None if event is None else event.payload_type
    noise_type = None if stream.noise is None else stream.noise.payload_type
    mux = stream.media.has("rtcp-mux")
    return MediaPlan(
        send=capabilities.heeded(stream.audio[0]),
        receive=stream.audio,
        ptime_ms=stream.ptime(capabilities),
        direction=direction,
        remote_rtp=stream.remote,
        remote_rtcp=stream.rtcp(mux),
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
        source=stream.path.source,
    )


def offer(
    capabilities: Capabilities,
    local: tuple[str, int],
    session_id: int,
    version: int,
    direction: Direction = Direction.SENDRECV,
    agreed: MediaPlan | None = None,
    path: MediaPath | None = None,
    said: bytes | None = None,
) -> bytes:
    """Describe all we can do as one audio stream, for an INVITE of ours or the 200 to one without an offer.

    In a session that is up, what was `agreed` keeps its payload types and goes first, and the stream its place among
    those that were refused in what we `said` last (RFC 3264 8).
    """
    formats = capabilities.offered(agreed)
    mux = (path is not None and path.browser) or (agreed is not None and agreed.rtcp_mux)
    profile, attributes = ("RTP/AVP", ()) if path is None else path.offer(local, mux=mux)
    lines = _carried(capabilities, formats, agreed, path)
    attributes = (*mid_of(None if path is None else path.mid), *lines, *attributes)
    media = _audio(formats, profile, local[1], capabilities.default_ptime, direction, mux, attributes)
    more = bundled(None if path is None else path.mid)
    before = () if said is None else SessionDescription.parse(said).media
    at = _live(before)
    streams = tuple(media if index == at else each for index, each in enumerate(before)) or (media,)
    return bytes(_description(local[0], session_id, version, streams, lite=media.has("ice-ufrag"), more=more))


def accept(our_offer: bytes, answer: bytes, capabilities: Capabilities, path: MediaPath | None = None) -> MediaPlan:
    """Read the answer to an offer of ours (RFC 3264 7).

    `our_offer` may be an answer of ours that is offered again: then it may have streams that were refused. We send with
    the payload types of the answer and receive with those of the offer. Raises RemoteProtocolError with
    status 400 for what is not a valid description, 488 for one that answers something else or refuses the stream, or
    with an address of the other family.
    """
    mine, theirs = SessionDescription.parse(our_offer), SessionDescription.parse(answer)
    if len(theirs.media) != len(mine.media):
        raise unusable(f"offer has {len(mine.media)} streams, answer {len(theirs.media)}")
    at = _live(mine.media)
    our, their = mine.media[at], theirs.media[at]
    offered = payload_formats(our)
    known = {form.payload_type: form for form in offered}
    local = _local(mine, our)
    # The peer's order is what it wants to be sent (RFC 3264 7), and its comfort noise goes with the first of it.
    stream = understand(theirs, their, replace(capabilities, own_order=False), known, local, path)
    if path is not None:
        stream = replace(stream, path=path.accepted(our, theirs, their, local))
    stream = stream.with_candidate()
    direction = _direction(stream.direction, stated_direction(mine, our))
    plan = _answered(stream, our, offered, capabilities, direction, path)
    return replace(plan, extensions=extensions.accepted(our, theirs, their, _types(stream.audio)))


def _answered(
    stream: Stream,
    our: MediaDescription,
    offered: list[PayloadFormat],
    capabilities: Capabilities,
    direction: Direction,
    path: MediaPath | None,
) -> MediaPlan:
    """What an answer agrees to of `our` stream; what was never `offered` counts for nothing."""
    ours = {_kind(form): form for form in offered}
    audio = [form for form in stream.audio if _kind(form) in ours]
    if not audio:
        raise unusable("answer has no codec of the offer")
    stream = replace(stream, audio=tuple(audio))
    events = [form for form in stream.events if _kind(form) in ours]
    event = events[0] if events else None
    noise = None if stream.noise is None else ours.get(_kind(stream.noise))
    mux = our.has("rtcp-mux") and stream.media.has("rtcp-mux")
    return MediaPlan(
        send=capabilities.heeded(audio[0]),
        receive=tuple(form for form in offered if _kind(form) in map(_kind, audio)),
        ptime_ms=stream.ptime(capabilities),
        direction=direction,
        remote_rtp=stream.remote,
        remote_rtcp=stream.rtcp(mux),
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
        source=stream.path.source,
    )


def _live(ours: tuple[MediaDescription, ...]) -> int:
    """Which stream of a description of ours is not refused: the only one, or one among several that are."""
    return next((index for index, media in enumerate(ours) if media.port), 0)


def _local(ours: SessionDescription, audio: MediaDescription) -> tuple[str, int]:
    """The address and port in a description of ours."""
    connection = ours.connection_of(audio)
    assert connection is not None
    return connection.address, audio.port


def _carried(
    capabilities: Capabilities, formats: list[PayloadFormat], agreed: MediaPlan | None, path: MediaPath | None
) -> Attributes:
    """Header extensions and feedback in an offer of ours: only browsers are asked for any."""
    if agreed is None and not (path is not None and path.browser):
        return ()
    audio = tuple(form for form in formats if capabilities.speaks(form))
    return extensions.offer(_types(audio), None if agreed is None else agreed.extensions)


def _types(formats: tuple[PayloadFormat, ...]) -> tuple[int, ...]:
    return tuple(form.payload_type for form in formats)


def _kind(form: PayloadFormat) -> tuple[str, int, int]:
    """What a format is, whatever number it has."""
    return form.encoding, form.clock_rate, form.channels


def _direction(theirs: Direction, ours: Direction) -> Direction:
    """Our direction: we send if they receive and we want to, and the other way round (RFC 3264 6.1)."""
    sends, receives = theirs.receives and ours.sends, theirs.sends and ours.receives
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


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
