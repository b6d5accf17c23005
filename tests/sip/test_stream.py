from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.framing import MAX_BODY, MAX_HEAD
from mediaserver.sip.message import MalformedRequest, parse
from mediaserver.sip.stream import StreamParser
from support.sip_messages import request

ONE = request({"Call-ID": "one"}, body=b"v=0\r\n\r\nOPTIONS x SIP/2.0\r\n\r\n")
TWO = request({"Call-ID": "two", "Content-Length": None}, extra="l :\r\n  3\r\n", body=b"abc")
THREE = request({"Call-ID": "three"}).replace(b"\r\n", b"\n")
ALL = b"\r\n" + ONE + b"\r\n\r\n" + TWO + b"\r\n\r\n\r\n\r\n" + THREE


def test_messages_are_cut_by_their_length() -> None:
    parser = StreamParser()
    assert parser.feed(ALL) == [ONE, TWO, THREE]
    assert parser.pings == 3
    assert [parse(octets).call_id for octets in (ONE, TWO, THREE)] == ["one", "two", "three"]


def test_octet_by_octet() -> None:
    parser = StreamParser()
    messages = [message for octet in ALL for message in parser.feed(bytes([octet]))]
    assert messages == [ONE, TWO, THREE]
    assert parser.pings == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(ALL)), max_size=12))
def test_the_cuts_of_the_network_change_nothing(cuts: list[int]) -> None:
    parser = StreamParser()
    edges = [0, *sorted(cuts), len(ALL)]
    messages: list[bytes] = []
    for start, end in pairwise(edges):
        messages += parser.feed(ALL[start:end])
    assert messages == [ONE, TWO, THREE]
    assert parser.pings == 3


def test_pings_between_messages_only() -> None:
    parser = StreamParser()
    parser.feed(b"\r\n")
    assert parser.pings == 0, "one CRLF is a pong"
    parser.feed(b"\r\n")
    assert parser.pings == 1
    parser.pings = 0
    parser.feed(b"\r\n" + ONE[:-10])
    assert parser.feed(ONE[-10:]) == [ONE]
    parser.feed(b"\r\n")
    assert parser.pings == 0, "a message between two CRLFs makes no ping of them"


@pytest.mark.parametrize(
    "octets",
    [
        request({"Content-Length": None}),
        request({"Content-Length": "-1"}),
        request({"Content-Length": "x"}),
        request({"Content-Length": ""}),
        request({"Content-Length": "9" * 5000}),
        request(extra="l: 1\r\n"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"x" * (MAX_HEAD + 1),
        request(extra="".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(17))),
    ],
)
def test_a_stream_that_cannot_be_cut_must_be_closed(octets: bytes) -> None:
    parser = StreamParser()
    with pytest.raises(RemoteProtocolError) as caught:
        parser.feed(octets)
    assert caught.value.status is None
    with pytest.raises(RemoteProtocolError):
        parser.feed(ONE)


def test_messages_before_the_fault_are_not_lost() -> None:
    parser = StreamParser()
    assert parser.feed(ONE + request({"Content-Length": None})) == [ONE]
    assert parser.fault is not None
    with pytest.raises(RemoteProtocolError):
        parser.feed(b"")


def test_an_endless_header_is_not_kept() -> None:
    parser = StreamParser()
    with pytest.raises(RemoteProtocolError):
        for _ in range(100):
            parser.feed(b"X: " + b"y" * 1000 + b"\r\n")


def test_the_largest_message_passes() -> None:
    head = request({"Content-Length": str(MAX_BODY)})
    octets = head + b"x" * MAX_BODY
    assert StreamParser().feed(octets) == [octets]
    parse(octets)


@pytest.mark.parametrize("length", [MAX_BODY + 1, 2**31 - 1])
def test_of_a_body_too_long_the_head_alone_comes_to_be_refused(length: int) -> None:
    parser = StreamParser()
    (head,) = parser.feed(request({"Content-Length": str(length)}) + b"x" * 100)
    with pytest.raises(MalformedRequest) as caught:
        parse(head)
    assert caught.value.status == 513
    assert parser.fault is not None
    with pytest.raises(RemoteProtocolError):
        parser.feed(ONE)


def test_a_pong_is_told_from_a_ping_by_what_was_asked() -> None:
    parser = StreamParser()
    parser.feed(b"\r\n")
    assert (parser.pings, parser.pongs) == (0, 0), "nobody asked"
    parser = StreamParser()
    parser.awaits_pong = True
    assert parser.feed(b"\r\n" + ONE) == [ONE]
    assert (parser.pings, parser.pongs, parser.awaits_pong) == (0, 1, False)
    parser.awaits_pong = True
    parser.feed(b"\r\n\r\n")
    assert (parser.pings, parser.pongs, parser.awaits_pong) == (1, 1, True), "the peer pings too"
    parser.feed(b"\r\n")
    assert (parser.pings, parser.pongs) == (1, 2)


def test_whether_a_message_has_begun() -> None:
    parser = StreamParser()
    for octets, partial in ((b"\r\n", False), (ONE[:9], True), (ONE[9:], False), (b"\r\n\r\n", False)):
        parser.feed(octets)
        assert parser.partial is partial
