import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.fragment import LONGEST, Fragment, fragment_of, restarted, ufrag_of
from mediaserver.sdp.session import SessionDescription
from support.web_offers import PASSWORD, UFRAG, fragment, offer, stream

CANDIDATE = "1 1 udp 2130706431 198.51.100.1 39132 typ host generation 0"


def test_candidates_that_come_later() -> None:
    read = Fragment.parse(fragment(UFRAG, PASSWORD, CANDIDATE))
    assert read == Fragment(UFRAG, PASSWORD, (CANDIDATE,))
    assert not read.ended and PASSWORD not in repr(read)


def test_the_form_of_the_standard_with_credentials_in_the_stream() -> None:
    text = (
        "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n"
        f"a=candidate:{CANDIDATE}\r\na=end-of-candidates\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\n"
    )
    assert Fragment.parse(text.encode(), "0") == Fragment("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k", (CANDIDATE,), True)
    assert Fragment.parse(text.encode(), "1").ufrag == "other"
    assert Fragment.parse(text.replace("\r\n", "\n").encode(), "unknown").ufrag == "ysXw", "the first stands for all"


def test_only_the_end_of_candidates() -> None:
    assert Fragment.parse(b"a=end-of-candidates\r\n") == Fragment(ended=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "says nothing"),
        (b"\xff\x00", "malformed"),
        (b"v=0\r\n", "says nothing"),
        (b"a=ice-ufrag:ysXw\r\n", "only one of"),
        (b"a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n", "only one of"),
        (fragment("abc"), "a=ice-ufrag must be 4 to 256"),
        (fragment("ab cd"), "a=ice-ufrag must be"),
        (fragment("abcd", "short"), "a=ice-pwd must be 22 to 256"),
        (b"a=mid:0\r\nnonsense\r\n", "malformed line"),
        (b"m=audio 9 X 0\r\n" * 65, "more than 64 streams"),
        (b"a=x\r\n" * LONGEST, "longer than"),
    ],
)
def test_what_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why) as refused:
        Fragment.parse(text)
    assert refused.value.status == 400


def test_a_restart_is_the_offer_before_with_new_words_of_ice() -> None:
    before = offer(stream(candidates=3, port=40_000), stream("video", "1", "96"), bundle="0 1")
    new = Fragment.parse(fragment("newU", "n" * 22, CANDIDATE))
    again = SessionDescription.parse(restarted(before, new))
    told = SessionDescription.parse(before)
    assert [(each.kind, each.formats) for each in again.media] == [(each.kind, each.formats) for each in told.media]
    for media in again.media:
        assert media.attribute("ice-ufrag") == "newU" and media.attribute("ice-pwd") == "n" * 22
        assert [value for name, value in media.attributes if name == "candidate"] == [CANDIDATE]
        assert media.attribute("fingerprint") == told.media[0].attribute("fingerprint"), "DTLS goes on"
        assert media.port == 9, "its address is among the candidates, or comes later"
    assert ufrag_of(bytes(again)) == "newU" and ufrag_of(before) == UFRAG
    with pytest.raises(RemoteProtocolError, match="needs a=ice-ufrag"):
        restarted(before, Fragment(candidates=(CANDIDATE,)))


def test_our_part_of_a_restart() -> None:
    answer = (
        "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-lite\r\n"
        "m=audio 7882 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\na=rtcp-mux\r\na=mid:0\r\n"
        "a=fingerprint:sha-256 AB\r\na=setup:passive\r\na=ice-ufrag:ours\r\na=ice-pwd:oursoursoursoursoursours\r\n"
        "a=candidate:1 1 UDP 2130706431 192.0.2.1 7882 typ host\r\na=end-of-candidates\r\n"
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
    )
    said = fragment_of(answer.encode())
    assert said.decode().splitlines() == [
        "a=group:BUNDLE 0",
        "a=ice-lite",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=ice-ufrag:ours",
        "a=ice-pwd:oursoursoursoursoursours",
        "a=candidate:1 1 UDP 2130706431 192.0.2.1 7882 typ host",
        "a=end-of-candidates",
    ]
    read = Fragment.parse(said, "0")
    assert (read.ufrag, read.ended, len(read.candidates)) == ("ours", True, 1)


@given(st.binary(max_size=400) | st.text("am=: ice-ufragpwd0candidte\r\n").map(str.encode))
def test_whatever_the_octets(text: bytes) -> None:
    try:
        read = Fragment.parse(text, "0")
    except RemoteProtocolError as refused:
        assert refused.status == 400
    else:
        assert (read.ufrag is None) is (read.password is None)
        if read.ufrag is not None:
            assert ufrag_of(restarted(offer(), read)) == read.ufrag
