"""Whom a connectivity check names, read from its octets alone."""

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.webrtc.binding import fragment_called

# RFC 5769 2.1, whose USERNAME is "evtj:h6vY".
RFC_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)


def request(name: str, kind: stun.Class = stun.Class.REQUEST) -> bytes:
    message = stun.Message(stun.Method.BINDING, kind)
    message.attributes["PRIORITY"] = 1
    message.attributes["USERNAME"] = name
    return bytes(message)


def test_the_request_of_the_rfc() -> None:
    assert fragment_called(RFC_REQUEST) == "evtj"


@given(st.text("abcABC019+/", max_size=40), st.text("abcABC019+/", max_size=300))
def test_it_is_what_stands_before_the_colon(ours: str, theirs: str) -> None:
    assert fragment_called(request(f"{ours}:{theirs}")) == ours


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        request("no colon"),
        request("ours:theirs", stun.Class.INDICATION),
        request("ours:theirs", stun.Class.RESPONSE),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)),
        request("ours:theirs")[:24],
        b"\0\1\0\4" + b"cookie" + bytes(14),
        b"\0\1\xff\xff\x21\x12\xa4\x42" + bytes(12) + b"\0\x24\0\0" * 400 + b"\0\6\0\3a:b\0",
    ],
)
def test_all_else_names_nobody(datagram: bytes) -> None:
    assert fragment_called(datagram) is None


@given(st.binary(max_size=200), st.integers(0, 60))
def test_garbage_is_borne(garbage: bytes, cut: int) -> None:
    fragment_called(garbage)
    fragment_called(b"\0\1" + garbage[:2] + b"\x21\x12\xa4\x42" + garbage)
    fragment_called(request("ours:theirs")[:cut] + garbage)
