"""Session descriptions: read or refused, and whatever is agreed on can be carried out and is told to the peer alike."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count

from fuzz import sdp_text
from fuzz.choices import Choices, edited, pumped
from fuzz.target import Target
from mediacodecs import registry
from mediaproviders.contract import PCM16_24K
from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.security import SUITES, Dtls, Protection, Sdes, SrtpPolicy
from mediaserver.sdp.session import LONGEST, SessionDescription
from mediaserver.talk.leg import stream_plan

_PRINT = "sha-256 " + ":".join(["CD"] * 32)
_SLOW_S = 2.0
"""Processor time for reading a long text five times, watched by a fuzzer."""
_DIRECTIONS = tuple(Direction)
_OURS = (
    Capabilities(),
    Capabilities(("OPUS", "G722", "PCMU", "PCMA", "L16")),
    Capabilities(("PCMA",), events=False, comfort_noise=False),
    Capabilities(("L16/16000", "OPUS", "PCMU"), offer_comfort_noise=True, own_order=True),
    Capabilities(("G722", "PCMU"), offer_comfort_noise=True, ptimes=(20,)),
)
_POLICIES: tuple[SrtpPolicy | None, ...] = (None, "never", "optional", "required")


@dataclass(slots=True)
class _Side:
    """One end of a leg, and the last description that came from it."""

    negotiation: Negotiation
    local: tuple[str, int]
    capabilities: Capabilities
    said: bytes = b""
    misled: bool = False
    """It has talked to somebody else meanwhile: then the two may not be able to agree any more."""


def _side(choices: Choices, local: tuple[str, int]) -> _Side:
    capabilities, policy = choices.pick(_OURS), choices.pick(_POLICIES)
    path = None
    if policy is not None:
        numbers = count(1)

        def octets(size: int) -> bytes:
            return bytes((next(numbers) % 256,)) * size

        browser = choices.flag() and policy == "required"
        protection = Protection(
            policy, octets, choices.pick((_PRINT, None)) if not browser else _PRINT, browser=browser
        )
        path = MediaPath(protection, IceLite(octets) if choices.flag() or browser else None, browser=browser)
    return _Side(Negotiation(capabilities, local, 1, path), local, capabilities)


def _local(choices: Choices) -> tuple[str, int]:
    return choices.pick((("192.0.2.1", 4000), ("2001:db8::1", 4000), ("192.0.2.1", 65534)))


# What must hold


def check_text(text: bytes) -> None:
    """What is read is written so that it reads the same."""
    try:
        found = SessionDescription.parse(text)
    except RemoteProtocolError as fault:
        assert fault.status == 400
        return
    written = bytes(found)
    if len(written) > LONGEST:
        return  # what stands for octets that are no UTF-8 is longer than they are
    assert SessionDescription.parse(written) == found
    assert bytes(SessionDescription.parse(written)) == written


def _check_answer(offer: bytes, side: _Side) -> None:
    assert len(side.said) < 3 * len(offer) + 2000
    if len(side.said) > LONGEST:
        return
    offered, answered = SessionDescription.parse(offer), SessionDescription.parse(side.said)
    assert bytes(answered) == side.said
    assert len(answered.media) == len(offered.media)
    accepted = [index for index, media in enumerate(answered.media) if media.port]
    assert len(accepted) == 1
    theirs, ours = offered.media[accepted[0]], answered.media[accepted[0]]
    assert ours.port == side.local[1] and ours.protocol == theirs.protocol
    assert set(ours.formats) <= {text.lstrip("0") or "0" for text in theirs.formats}
    plan = side.negotiation.plan
    assert plan is not None and plan.send.payload_type == int(ours.formats[0])


def _check_plan(plan: MediaPlan, side: _Side) -> None:
    assert plan.receive and all(_is_ours(form, side) for form in (plan.send, *plan.receive))
    assert plan.ptime_ms in registry.SPECS[_name(plan.send)].ptimes or plan.ptime_ms in side.capabilities.ptimes
    family = ip_address(side.local[0]).version
    for address, port in (plan.remote_rtp, plan.remote_rtcp):
        assert ip_address(address).version == family or ip_address(address).is_unspecified, address
        assert 0 < port <= 65535
    match plan.security:
        case Sdes(suite, ours, theirs):
            assert len(ours) == len(theirs) == SUITES[suite]
        case Dtls(_, fingerprints):
            assert fingerprints
    _carry_out(plan)


def _is_ours(form: PayloadFormat, side: _Side) -> bool:
    return 0 <= form.payload_type <= 127 and side.capabilities.speaks(form)


def _name(form: PayloadFormat) -> str:
    name = registry.name_of(form.encoding, form.clock_rate, form.channels)
    assert name is not None
    return name


def _carry_out(plan: MediaPlan) -> None:
    """The media plane can do what was agreed."""
    stream = stream_plan(plan)
    playout = Playout(encoding=stream.send_encoding, ptime_ms=stream.ptime_ms, source=PCM16_24K)
    session = MediaSession(stream, ssrc=1, cname="a@b", first_sequence=0, first_timestamp=0, now=0.0, playout=playout)
    sent: list[bytes] = []
    session.tick(0.0, sent.append)
    assert len(sent) <= 1
    assert all(packet[1] & 0x7F in (plan.send.payload_type, plan.comfort_noise_send) for packet in sent)


def _check_both(caller: _Side, callee: _Side) -> None:
    """Two sides that have taken each other's description at its word mean the same."""
    one, other = caller.negotiation.plan, callee.negotiation.plan
    assert one is not None and other is not None
    for mine, theirs in ((one, other), (other, one)):
        received = {form.payload_type: form.encoding for form in theirs.receive}
        assert received.get(mine.send.payload_type) == mine.send.encoding
        assert (
            mine.event_send is None
            or mine.event_send == theirs.event_receive
            or mine.event_send in theirs.events_receive
        )
        assert mine.comfort_noise_send is None or mine.comfort_noise_send == theirs.comfort_noise_receive
        assert mine.direction.sends == theirs.direction.receives
        assert type(mine.security) is type(theirs.security)
        if isinstance(mine.security, Sdes) and isinstance(theirs.security, Sdes):
            assert (mine.security.suite, mine.security.ours) == (theirs.security.suite, theirs.security.theirs)
        if isinstance(mine.security, Dtls) and isinstance(theirs.security, Dtls):
            assert mine.security.active is not theirs.security.active
        assert mine.rtcp_mux == theirs.rtcp_mux
        assert (mine.ice is None) == (theirs.ice is None)
    assert one.remote_rtp == callee.local and other.remote_rtp == caller.local


# What happens


def _answers(side: _Side, offer: bytes, direction: Direction) -> bool:
    try:
        side.said = side.negotiation.answer(offer, direction)
    except RemoteProtocolError as fault:
        assert fault.status in (400, 488), fault.status
        return False
    _check_answer(offer, side)
    assert side.negotiation.plan is not None
    _check_plan(side.negotiation.plan, side)
    return True


def _accepts(side: _Side, answer: bytes) -> bool:
    try:
        plan = side.negotiation.accepted(answer)
    except RemoteProtocolError as fault:
        assert fault.status in (400, 488), fault.status
        return False
    except LocalProtocolError:
        return False  # no offer stands
    _check_plan(plan, side)
    return True


def _offers(side: _Side, direction: Direction) -> None:
    side.said = side.negotiation.offer(direction)
    assert bytes(SessionDescription.parse(side.said)) == side.said


def _one_asks_the_other(choices: Choices, caller: _Side, callee: _Side) -> None:
    _offers(caller, choices.pick(_DIRECTIONS))
    if not _answers(callee, caller.said, choices.pick(_DIRECTIONS)):
        caller.negotiation.withdraw()
        return
    if _accepts(caller, callee.said):
        _check_both(caller, callee)
    else:
        assert caller.misled or callee.misled, "our own answer to our own offer is refused"


def _stranger_offers(choices: Choices, side: _Side, other: _Side) -> None:
    _answers(side, sdp_text.described(choices), choices.pick(_DIRECTIONS))


def _stranger_answers(choices: Choices, side: _Side, other: _Side) -> None:
    _offers(side, choices.pick(_DIRECTIONS))
    _accepts(side, sdp_text.described(choices))


def _answer_is_damaged(choices: Choices, caller: _Side, callee: _Side) -> None:
    _offers(caller, choices.pick(_DIRECTIONS))
    if _answers(callee, edited(caller.said, choices, sdp_text.WORDS), choices.pick(_DIRECTIONS)):
        _accepts(caller, edited(callee.said, choices, sdp_text.WORDS))
    caller.negotiation.withdraw()


_STEPS: tuple[Callable[[Choices, _Side, _Side], None], ...] = (
    _one_asks_the_other,
    _stranger_offers,
    _stranger_answers,
    _answer_is_damaged,
)


def _leg(choices: Choices) -> None:
    local = _local(choices)
    sides = [_side(choices, local), _side(choices, (local[0], 6000))]
    while choices.more():
        first = choices.below(2)
        step = choices.pick(_STEPS)
        step(choices, sides[first], sides[1 - first])
        if step is not _one_asks_the_other:
            sides[0].misled = sides[1].misled = True


def _long(choices: Choices) -> None:
    """Nothing takes long, however long it is itself."""
    side = _side(choices, _local(choices))
    text = sdp_text.described(choices) + pumped(choices, sdp_text.WORDS, 60_000)
    before = time.process_time()
    check_text(text)
    _answers(side, text, Direction.SENDRECV)
    _offers(side, Direction.SENDRECV)
    _accepts(side, text)
    assert time.process_time() - before < _SLOW_S, f"{len(text)} octets take too long"


def run(choices: Choices) -> None:
    """One input: a text to read, to answer, or to take as an answer; or the life of a leg."""
    kind = choices.below(5)
    if kind == 3:
        _leg(choices)
        return
    if kind == 4:
        _long(choices)
        return
    side, direction = _side(choices, _local(choices)), choices.pick(_DIRECTIONS)
    text = choices.rest(sdp_text.examples(), sdp_text.WORDS)
    if kind == 0:
        check_text(text)
    elif kind == 1:
        _answers(side, text, direction)
    else:
        _offers(side, direction)
        _accepts(side, text)


def seeds() -> list[bytes]:
    """Every example, for several of our sides; and some scripts."""
    sides = (bytes((0, 1, 0, 0)), bytes((0, 1, 2, 0, 1, 0)), bytes((1, 0, 3, 1, 0, 0)), bytes((0, 1, 3, 1, 1, 0)))
    texts = [bytes((kind % 3,)) + sides[kind % 4] + text for kind, text in enumerate(sdp_text.examples())]
    return texts + [bytes((3, *range(start, start + 60))) for start in range(0, 180, 3)]


TARGET = Target(run, seeds, sdp_text.WORDS, longest=3000, steps=8)
