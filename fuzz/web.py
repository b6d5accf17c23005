"""What browsers send by HTTP: offers and fragments of ICE, whole and damaged; what is taken can always be restarted."""

import time
from itertools import count

from fuzz import sdp_text
from fuzz.choices import Choices, edited, pumped
from fuzz.target import Target
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp import web_offer
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.fragment import Fragment, fragment_of, restarted, ufrag_of
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.security import Protection
from mediaserver.sdp.session import LONGEST

_PRINT = "sha-256 " + ":".join(["CD"] * 32)
_SLOW_S = 2.0
"""Processor time for a long fragment and a long offer, watched by a fuzzer."""

_STREAM = (
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 110", b"c=IN IP4 0.0.0.0", b"a=ice-ufrag:EsAw",
    b"a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", b"a=fingerprint:sha-256 " + b":".join([b"7B"] * 32), b"a=setup:actpass",
    b"a=mid:0", b"a=sendrecv", b"a=rtcp-mux", b"a=rtpmap:111 opus/48000/2", b"a=rtpmap:110 telephone-event/48000",
    b"a=candidate:1 1 udp 2122260223 192.0.2.9 5004 typ host", b"a=end-of-candidates",
)  # fmt: skip
_HEAD = (b"v=0", b"o=- 1 1 IN IP4 127.0.0.1", b"s=-", b"t=0 0", b"a=group:BUNDLE 0 1")
_VIDEO = (b"m=video 9 UDP/TLS/RTP/SAVPF 96", b"c=IN IP6 ::", b"a=mid:1", b"a=recvonly", b"a=rtpmap:96 VP8/90000")
_DATA = (b"m=application 9 UDP/DTLS/SCTP webrtc-datachannel", b"c=IN IP4 0.0.0.0", b"a=mid:2", b"a=sctp-port:5000")
_FRAGMENT = (
    b"a=ice-options:trickle ice2", b"a=group:BUNDLE 0 1", b"m=audio 9 UDP/TLS/RTP/SAVPF 111", b"a=mid:0",
    b"a=ice-ufrag:ysXw", b"a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k",
    b"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1",
    b"a=candidate:2 1 udp 1 0a1b.local 5004 typ host", b"a=end-of-candidates",
)  # fmt: skip
WORDS = [
    *sdp_text.WORDS,
    b"a=end-of-candidates\r\n",
    b"a=mid:",
    b"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n",
    b"a=sendrecv\r\n",
]


def _text(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


_OFFERS = (
    _text(*_HEAD, *_STREAM),
    _text(*_HEAD, *_VIDEO, *_STREAM, *_DATA),
    _text(*_HEAD, *_VIDEO),
    _text(*_HEAD, *_STREAM, *_STREAM),
    _text(*_HEAD, *(each for each in _STREAM if not each.startswith(b"a=ice"))),
)
_FRAGMENTS = (
    _text(*_FRAGMENT),
    _text(*_FRAGMENT[4:6], *_FRAGMENT[2:4]),
    _text(*_FRAGMENT[2:4], *_FRAGMENT[6:]),
    _text(b"a=end-of-candidates"),
    _text(b"a=ice-ufrag:ysXw"),
)


def _negotiation() -> Negotiation:
    numbers = count(1)

    def octets(size: int) -> bytes:
        return bytes((next(numbers) % 256,)) * size

    path = MediaPath(Protection("optional", octets, _PRINT, browser=True), IceLite(octets), browser=True)
    return Negotiation(Capabilities(("OPUS", "PCMU", "PCMA")), ("192.0.2.1", 7882), 1, path)


def _answered(negotiation: Negotiation, offer: bytes) -> bytes | None:
    """The answer, as a call by HTTP comes to it; None: it is refused."""
    try:
        web_offer.check(offer)
        answer = negotiation.answer(offer)
        web_offer.check_agreed(negotiation.plan)
    except RemoteProtocolError as fault:
        assert fault.status in (400, 488), fault.status
        return None
    return answer


def _read(text: bytes) -> Fragment | None:
    try:
        found = Fragment.parse(text, "0")
    except RemoteProtocolError as fault:
        assert fault.status == 400
        return None
    assert (found.ufrag is None) is (found.password is None)
    return found


def _session(choices: Choices, offer: bytes) -> None:
    """A call that is answered, and whatever its page asks for after that."""
    negotiation = _negotiation()
    answer = _answered(negotiation, offer)
    while answer is not None and choices.more():
        text = choices.pick(_FRAGMENTS)
        fragment = _read(edited(text, choices, WORDS) if choices.flag() else text)
        if fragment is None or fragment.ufrag is None:
            continue
        offer = restarted(offer, fragment)
        again = _answered(negotiation, offer)
        if again is None:
            assert len(offer) > LONGEST, "what was taken once is refused after a restart"
            return
        assert negotiation.plan is not None and negotiation.plan.ice is not None
        assert negotiation.plan.ice.theirs == fragment.ufrag
        ours = _read(fragment_of(again))
        assert ours is not None and ours.ufrag == ufrag_of(again) and ours.candidates
        answer = again


def _long(choices: Choices) -> None:
    before = time.process_time()
    long = pumped(choices, WORDS, 60_000)
    _read(long[:16_000])
    _session(choices, choices.pick(_OFFERS) + long)
    assert time.process_time() - before < _SLOW_S, f"{len(long)} octets take too long"


def run(choices: Choices) -> None:
    """One input: a session by an offer that may be damaged; a fragment; or something long."""
    kind = choices.below(4)
    if kind == 0:
        _read(choices.rest(_FRAGMENTS, WORDS))
    elif kind == 1:
        _answered(_negotiation(), choices.rest(_OFFERS, WORDS))
    elif kind == 2:
        offer = choices.pick(_OFFERS)
        _session(choices, edited(offer, choices, WORDS) if choices.flag() else offer)
    else:
        _long(choices)


def seeds() -> list[bytes]:
    """Every example, and scripts of sessions."""
    found = [bytes((0,)) + each for each in _FRAGMENTS] + [bytes((1,)) + each for each in _OFFERS]
    found += [bytes((2, offer, 0, *(each % 5 for each in range(start, start + 20)))) for offer in range(5)
              for start in range(4)]  # fmt: skip
    return [*found, *(bytes((3, *range(start, start + 30))) for start in range(0, 90, 9))]


TARGET = Target(run, seeds, WORDS, longest=3000, steps=8)
