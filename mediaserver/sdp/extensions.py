"""What a stream's packets carry beside audio: header extensions (RFC 8285) and feedback (RFC 4585, RFC 5506).

Only what we have a use for is offered or agreed to, and only from the peer to us: how loud it says a packet is, a
number for each packet, and our telling it when those came.
"""

from dataclasses import dataclass

from mediaserver.sdp.session import Attributes, MediaDescription, SessionDescription

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
"""RFC 6464."""
TRANSPORT_SEQUENCE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
TRANSPORT_CC = "transport-cc"
_OUR_NUMBERS = {AUDIO_LEVEL: 1, TRANSPORT_SEQUENCE: 2}
_MUTE = ("recvonly", "inactive")
_LARGEST_NUMBER = 255


@dataclass(frozen=True, slots=True)
class Extensions:
    """What is agreed on for what the peer sends, each by its number in a packet's header; None: it is not there."""

    audio_level: int | None = None
    transport_sequence: int | None = None
    """Of each packet in all that the peer sends; it is told of them in feedback of its own."""
    reduced_rtcp: bool = False
    """Feedback goes without a report before it (RFC 5506)."""


NONE = Extensions()


def answer(
    session: SessionDescription, media: MediaDescription, types: tuple[int, ...]
) -> tuple[Extensions, Attributes]:
    """What is agreed to of an offered stream, whose payload `types` are ours too; and the attributes that say so."""
    agreed = _common(session, media, types)
    return agreed, _attributes(agreed, types)


def offer(types: tuple[int, ...], agreed: Extensions | None) -> Attributes:
    """For an offer of ours: all of it, or what is agreed already, which keeps its numbers (RFC 8285 7)."""
    everything = Extensions(_OUR_NUMBERS[AUDIO_LEVEL], _OUR_NUMBERS[TRANSPORT_SEQUENCE], True)
    return _attributes(everything if agreed is None else agreed, types)


def accepted(
    mine: MediaDescription, session: SessionDescription, theirs: MediaDescription, types: tuple[int, ...]
) -> Extensions:
    """What the answer agrees to of our offer: nothing that was not in it. `types` are those of the answer."""
    offered = _numbers(mine.attributes, ())
    said = _common(session, theirs, types)
    level = said.audio_level if said.audio_level == offered.get(AUDIO_LEVEL) else None
    number = said.transport_sequence if said.transport_sequence == offered.get(TRANSPORT_SEQUENCE) else None
    return Extensions(level, number, said.reduced_rtcp and mine.has("rtcp-rsize"))


def _common(session: SessionDescription, media: MediaDescription, types: tuple[int, ...]) -> Extensions:
    if not media.protocol.endswith("F"):  # a profile without feedback (RFC 4585 4)
        return NONE
    numbers = _numbers((*media.attributes, *session.attributes), _MUTE)
    wanted = numbers.get(TRANSPORT_SEQUENCE) if _wants_feedback(media, types) else None
    return Extensions(numbers.get(AUDIO_LEVEL), wanted, media.has("rtcp-rsize"))


def _numbers(attributes: Attributes, without: tuple[str, ...]) -> dict[str, int]:
    """The numbers of the extensions in extmap lines, but for those of the directions `without`."""
    found: dict[str, int] = {}
    for name, value in attributes:
        words = (value or "").split() if name == "extmap" else []
        if len(words) < 2:
            continue
        number, _, direction = words[0].partition("/")
        if direction in without or not (number.isascii() and number.isdigit() and len(number) <= 3):
            continue
        if words[1] in _OUR_NUMBERS and 0 < int(number) <= _LARGEST_NUMBER:
            found.setdefault(words[1], int(number))
    return found


def _wants_feedback(media: MediaDescription, types: tuple[int, ...]) -> bool:
    """Whether it is to be told of packets of any of the payload types, or of all of them."""
    known = {"*", *map(str, types)}
    for name, value in media.attributes:
        words = (value or "").split() if name == "rtcp-fb" else []
        if words[1:2] == [TRANSPORT_CC] and words[0] in known:
            return True
    return False


def _attributes(agreed: Extensions, types: tuple[int, ...]) -> Attributes:
    lines: list[tuple[str, str | None]] = []
    if agreed.audio_level is not None:
        lines.append(("extmap", f"{agreed.audio_level}/recvonly {AUDIO_LEVEL}"))
    if agreed.transport_sequence is not None:
        lines.append(("extmap", f"{agreed.transport_sequence}/recvonly {TRANSPORT_SEQUENCE}"))
        lines += [("rtcp-fb", f"{kind} {TRANSPORT_CC}") for kind in types]
    if agreed.reduced_rtcp:
        lines.append(("rtcp-rsize", None))
    return tuple(lines)
