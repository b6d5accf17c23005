"""Header extensions, feedback and names of streams: what is agreed on with browsers, and left out with telephones."""

import os

import pytest

from mediaserver.sdp import extensions
from mediaserver.sdp.extensions import AUDIO_LEVEL, NONE, TRANSPORT_SEQUENCE, Extensions
from mediaserver.sdp.ice import IceLite
from mediaserver.sdp.negotiate import Capabilities, accept, answer, offer
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.security import Protection
from mediaserver.sdp.session import MediaDescription, SessionDescription

LOCAL = ("192.0.2.1", 4000)
FINGERPRINT = "sha-256 " + ":".join(["AB"] * 32)
CAN = Capabilities(codecs=("OPUS", "PCMU"))
OFFER = "\r\n".join((
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 126", "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
    f"a=fingerprint:{FINGERPRINT}", "a=setup:actpass", "a=mid:0",
    f"a=extmap:1 {AUDIO_LEVEL}",
    "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    f"a=extmap:3 {TRANSPORT_SEQUENCE}",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendrecv", "a=msid:- 8b4a5a1c", "a=rtcp-mux", "a=rtcp-rsize",
    "a=rtpmap:111 opus/48000/2", "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2", "a=rtpmap:126 telephone-event/8000", "a=ssrc:77 cname:x", "",
))  # fmt: skip


def path(*, browser: bool = False) -> MediaPath:
    protection = Protection("optional", os.urandom, FINGERPRINT, browser=browser, suites=())
    return MediaPath(protection, IceLite(os.urandom), browser=browser)


def said(sdp: bytes, name: str) -> list[str | None]:
    (media,) = SessionDescription.parse(sdp).media
    return [value for known, value in media.attributes if known == name]


def test_a_browser_is_answered_what_we_do_and_nothing_else() -> None:
    agreed = answer(OFFER.encode(), CAN, LOCAL, 1, 1, path=path())
    assert agreed.plan.extensions == Extensions(1, 3, True)
    assert said(agreed.sdp, "extmap") == [f"1/recvonly {AUDIO_LEVEL}", f"3/recvonly {TRANSPORT_SEQUENCE}"]
    assert "111 transport-cc" in said(agreed.sdp, "rtcp-fb")
    assert said(agreed.sdp, "rtcp-rsize") == [None]


def test_the_stream_has_names_in_the_page_and_the_source_that_will_send_it() -> None:
    agreed = answer(OFFER.encode(), CAN, LOCAL, 1, 1, path=path())
    source = agreed.plan.source
    assert source is not None and 0 < source.ssrc < 2**32
    assert said(agreed.sdp, "ssrc") == [f"{source.ssrc} cname:{source.cname}"]
    assert said(agreed.sdp, "msid") == ["agent agent-voice"]
    assert said(agreed.sdp, "mid") == ["0"]


def test_the_source_is_the_same_for_all_of_the_call() -> None:
    way = path()
    first, second = (answer(OFFER.encode(), CAN, LOCAL, 1, version, path=way) for version in (1, 2))
    assert first.plan.source == second.plan.source
    assert answer(OFFER.encode(), CAN, LOCAL, 1, 1, path=path()).plan.source != first.plan.source


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (f"a=extmap:1 {AUDIO_LEVEL}\r\n", "", Extensions(None, 3, True)),
        ("extmap:1 ", "extmap:1/recvonly ", Extensions(None, 3, True)),
        ("extmap:1 ", "extmap:1/inactive ", Extensions(None, 3, True)),
        ("extmap:1 ", "extmap:1/sendonly ", Extensions(1, 3, True)),
        ("extmap:3 ", "extmap:300 ", Extensions(1, None, True)),
        ("extmap:3 ", "extmap:x ", Extensions(1, None, True)),
        ("rtcp-fb:111 transport-cc", "rtcp-fb:111 nack", Extensions(1, None, True)),
        ("rtcp-fb:111 ", "rtcp-fb:63 ", Extensions(1, None, True)),
        ("rtcp-fb:111 ", "rtcp-fb:* ", Extensions(1, 3, True)),
        ("a=rtcp-rsize\r\n", "", Extensions(1, 3, False)),
        ("SAVPF", "SAVP", NONE),
    ],
)
def test_what_is_not_wholly_offered_is_not_agreed_on(before: str, after: str, expected: Extensions) -> None:
    assert OFFER.count(before)
    agreed = answer(OFFER.replace(before, after).encode(), CAN, LOCAL, 1, 1, path=path())
    assert agreed.plan.extensions == expected
    assert len(said(agreed.sdp, "extmap")) == 2 - (expected.audio_level, expected.transport_sequence).count(None)


def test_a_browser_is_offered_them_and_may_take_some() -> None:
    way = path(browser=True)
    ours = offer(CAN, LOCAL, 1, 1, path=way)
    assert said(ours, "extmap") == [f"1/recvonly {AUDIO_LEVEL}", f"2/recvonly {TRANSPORT_SEQUENCE}"]
    assert said(ours, "ssrc") == [f"{way.source.ssrc} cname:{way.source.cname}"]
    theirs = ours.decode().replace("a=setup:actpass", "a=setup:active").replace("/recvonly", "/sendonly")
    theirs = theirs.replace("a=ice-lite\r\n", "")
    assert accept(ours, theirs.encode(), CAN, way).extensions == Extensions(1, 2, True)
    without = theirs.replace(f"a=extmap:2/sendonly {TRANSPORT_SEQUENCE}\r\n", "")
    plan = accept(ours, without.encode(), CAN, way)
    assert plan.extensions == Extensions(1, None, True)
    again = offer(CAN, LOCAL, 1, 2, agreed=plan, path=way, said=ours)
    assert said(again, "extmap") == [f"1/recvonly {AUDIO_LEVEL}"]
    other = theirs.replace("extmap:1/sendonly", "extmap:9/sendonly")
    assert accept(ours, other.encode(), CAN, way).extensions == Extensions(None, 2, True), "a number never offered"


def test_a_telephone_is_told_of_nothing() -> None:
    ours = offer(CAN, LOCAL, 1, 1, path=MediaPath(Protection("never", os.urandom)))
    for name in ("extmap", "rtcp-fb", "rtcp-rsize", "ssrc", "msid"):
        assert not said(ours, name)


def test_lines_without_sense_are_passed_over() -> None:
    odd = tuple(("extmap", value) for value in (None, "", "1", "/ x", "0 " + AUDIO_LEVEL, "٣ " + AUDIO_LEVEL))
    media = MediaDescription("audio", 9, "RTP/AVPF", ("0",), attributes=(*odd, ("rtcp-fb", None), ("rtcp-fb", "0")))
    session = SessionDescription.parse(b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n")
    assert extensions.answer(session, media, (0,)) == (NONE, ())
