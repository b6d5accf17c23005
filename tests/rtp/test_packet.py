import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp.packet import build, extension_elements, is_rtcp, parse

PLAIN = bytes.fromhex("80 00 1234 0001e240 cafebabe".replace(" ", ""))


def test_plain_packet() -> None:
    packet = parse(PLAIN + b"abc")
    assert packet is not None
    assert (packet.payload_type, packet.marker, packet.sequence) == (0, False, 0x1234)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (123456, 0xCAFEBABE, b"abc")


@settings(deadline=None)
@given(
    st.integers(0, 127),
    st.integers(0, 2**20),
    st.integers(0, 2**34),
    st.integers(0, 2**32 - 1),
    st.binary(),
    st.booleans(),
)
def test_build_and_parse_agree(
    kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool
) -> None:
    packet = parse(build(kind, sequence, timestamp, ssrc, payload, marker))
    assert packet is not None
    assert (packet.payload_type, packet.marker, packet.payload) == (kind, marker, payload)
    assert (packet.sequence, packet.timestamp, packet.ssrc) == (sequence % 2**16, timestamp % 2**32, ssrc)


def _with(first: int, tail: bytes) -> bytes:
    return bytes((first,)) + PLAIN[1:] + tail


def test_contributing_sources_padding_and_extension_are_cut_off() -> None:
    extension = struct.pack("!HH", 0xBEDE, 1) + b"\x10\xaa\x00\x00"
    packet = parse(_with(0x80 | 0x20 | 0x10 | 2, b"\0" * 8 + extension + b"audio" + b"\0\0\x03"))
    assert packet is not None
    assert packet.payload == b"audio"
    assert list(extension_elements(packet)) == [(1, b"\xaa")]


def test_two_byte_extension_elements() -> None:
    block = b"\x05\x00" + b"\x00" + b"\x07\x02hi" + b"\x00"
    packet = parse(_with(0x90, struct.pack("!HH", 0x1000, 2) + block))
    assert packet is not None
    assert list(extension_elements(packet)) == [(5, b""), (7, b"hi")]


def test_extension_elements_stop_where_bytes_make_no_sense() -> None:
    packet = parse(_with(0x90, struct.pack("!HH", 0xBEDE, 1) + b"\x10\xaa\x2f\x01"))
    assert packet is not None
    assert list(extension_elements(packet)) == [(1, b"\xaa")]
    packet = parse(_with(0x90, struct.pack("!HH", 0x4242, 1) + b"\x10\xaa\x2f\x01"))
    assert packet is not None
    assert list(extension_elements(packet)) == []


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x80",
        PLAIN[:11],
        _with(0x40, b"old version"),
        _with(0x8F, b"\0" * 59),  # fifteen sources need sixty octets
        _with(0x90, b"\xbe\xde\x00"),
        _with(0x90, b"\xbe\xde\xff\xff" + b"\0" * 100),
        _with(0xA0, b"abc\x00"),  # padding of nothing
        _with(0xA0, b"abc\x05"),
        _with(0xA0, b"\xff"),
    ],
)
def test_what_does_not_hold_together_is_no_packet(junk: bytes) -> None:
    assert parse(junk) is None


def test_padding_may_fill_the_whole_payload() -> None:
    packet = parse(_with(0xA0, b"\0\0\0\x04"))
    assert packet is not None
    assert packet.payload == b""


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_survived(junk: bytes) -> None:
    packet = parse(junk)
    if packet is not None:
        list(extension_elements(packet))


def test_rtcp_is_told_from_rtp() -> None:
    assert is_rtcp(bytes((0x80, 200)))
    assert is_rtcp(bytes((0x80, 205)))
    assert not is_rtcp(PLAIN)
    assert not is_rtcp(bytes((0x80, 0x80 | 101)))
    assert not is_rtcp(b"\x80")
