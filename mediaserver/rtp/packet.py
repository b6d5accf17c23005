"""RTP packets (RFC 3550 5.1) and their header extensions (RFC 8285)."""

import struct
from collections.abc import Iterator

from mediaserver.rtp.serial import SEQUENCE_MASK, TIMESTAMP_MASK

HEADER_SIZE = 12
_HEADER = struct.Struct("!BBHII")
_WORDS = struct.Struct("!HH")
_PLAIN = 0x80  # version 2, no padding, no extension, no contributing sources
_ONE_BYTE_PROFILE = 0xBEDE
_TWO_BYTE_PROFILE = 0x1000


class RtpPacket:
    """One parsed packet. Made fifty times a second per call, hence neither frozen nor a dataclass."""

    __slots__ = ("extension", "marker", "payload", "payload_type", "profile", "sequence", "ssrc", "timestamp")

    def __init__(self, kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> None:
        self.marker = kind > 127
        self.payload_type = kind & 0x7F
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload = payload
        self.profile = 0
        self.extension: bytes | None = None


def parse(packet: bytes) -> RtpPacket | None:
    """Read an RTP packet; None when it is not one (version, lengths or padding do not hold)."""
    if len(packet) < HEADER_SIZE:
        return None
    first, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(packet)
    if first == _PLAIN:
        return RtpPacket(kind, sequence, timestamp, ssrc, packet[HEADER_SIZE:])
    if first & 0xC0 != _PLAIN:
        return None
    return _parse_rare(packet, first, RtpPacket(kind, sequence, timestamp, ssrc, b""))


def _parse_rare(packet: bytes, first: int, parsed: RtpPacket) -> RtpPacket | None:
    start = HEADER_SIZE + 4 * (first & 0x0F)
    end = len(packet)
    if first & 0x10:
        if start + 4 > end:
            return None
        parsed.profile, words = _WORDS.unpack_from(packet, start)
        start += 4 + 4 * words
        parsed.extension = packet[start - 4 * words : start]
    if first & 0x20:
        padding = packet[-1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    parsed.payload = packet[start:end]
    return parsed


def is_rtcp(packet: bytes) -> bool:
    """Tell RTCP from RTP on a shared port (RFC 5761 4)."""
    return len(packet) > 1 and 192 <= packet[1] <= 223


def extension_elements(packet: RtpPacket) -> Iterator[tuple[int, bytes]]:
    """The (id, value) elements of a one-byte or two-byte header extension; stops where the bytes make no sense."""
    block = packet.extension
    if block is None:
        return
    two_byte = packet.profile & 0xFFF0 == _TWO_BYTE_PROFILE
    if not two_byte and packet.profile != _ONE_BYTE_PROFILE:
        return
    at = 0
    while at < len(block):
        if block[at] == 0:  # padding between elements
            at += 1
            continue
        if two_byte:
            if at + 2 > len(block):
                return
            number, size, at = block[at], block[at + 1], at + 2
        else:
            number, size, at = block[at] >> 4, (block[at] & 0x0F) + 1, at + 1
            if number == 15:  # reserved: stop reading (RFC 8285 4.2)
                return
        if at + size > len(block):
            return
        yield number, block[at : at + size]
        at += size


def build(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool = False) -> bytes:
    """A packet without padding, extension or contributing sources; counters may be given unwrapped."""
    kind = payload_type | 0x80 if marker else payload_type
    # Packing anew and joining was measured faster than patching a kept bytearray (0.23 against 0.40 us).
    return _HEADER.pack(_PLAIN, kind, sequence & SEQUENCE_MASK, timestamp & TIMESTAMP_MASK, ssrc) + payload
