"""RTCP (RFC 3550 6): reports, names and goodbyes, in compound packets. What is not understood is passed over."""

import struct
from dataclasses import dataclass

from mediaserver.rtp.serial import TIMESTAMP_MASK, forward

_SENDER_REPORT, _RECEIVER_REPORT, _SOURCE_DESCRIPTION, _GOODBYE = 200, 201, 202, 203
_CNAME = 1
_HEADER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of the stream `ssrc`.

    `fraction_lost` is in 1/256 since the last report, `jitter` in timestamp units, `last_report` the middle 32 bits of
    the NTP time of the last sender report and `delay` the time since it arrived, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR (6.4.1). `ntp` is the 64-bit NTP time that corresponds to `timestamp`."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR (6.4.2)."""

    ssrc: int
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES (6.5) of one source, its CNAME only."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE (6.6)."""

    sources: tuple[int, ...]
    reason: str = ""


type RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def ntp_time(seconds: float) -> int:
    """`seconds` as 64-bit fixed point."""
    return round(seconds * 65536.0) << 16 & 0xFFFF_FFFF_FFFF_FFFF


def compact_ntp(ntp: int) -> int:
    """The middle 32 bits of an NTP time, as report blocks carry them."""
    return ntp >> 16 & TIMESTAMP_MASK


def round_trip(arrival_ntp: int, block: ReportBlock) -> float | None:
    """Round-trip time in seconds from a report block about our stream (6.4.1).

    None when the block tells nothing (no sender report has reached the peer) or nothing credible (over 30 s, or less
    than the rounding of the fields explains).
    """
    if block.last_report == 0:
        return None
    units = forward(compact_ntp(arrival_ntp), block.last_report + block.delay, 32)
    if not -66 <= units <= 30 * 65536:
        return None
    return max(units, 0) / 65536.0


def parse(packet: bytes) -> list[RtcpPacket]:
    """The packets of a compound one that are understood and whole; empty for what is not RTCP."""
    found: list[RtcpPacket] = []
    at = 0
    while at + 4 <= len(packet):
        first, kind, words = _HEADER.unpack_from(packet, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or not 192 <= kind <= 223 or end > len(packet):
            break
        body = packet[at + 4 : end]
        at = end
        if first & 0x20:
            padding = body[-1] if body else 0
            if padding == 0 or padding > len(body):
                break
            body = body[:-padding]
        one = _parse_one(kind, first & 0x1F, body)
        if one is not None:
            found.append(one)
    return found


def is_foreign(packet: bytes) -> bool:
    """Whether it is RTCP from end to end, none of it of a type that we read (RFC 3550 6.7, RFC 4585 6, RFC 3611)."""
    at, size = 0, len(packet)
    while at + 4 <= size:
        first, kind, words = _HEADER.unpack_from(packet, at)
        if first >> 6 != 2 or not _GOODBYE < kind <= 223:
            return False
        at += 4 + 4 * words
    return 0 < at == size


def _parse_one(kind: int, count: int, body: bytes) -> RtcpPacket | None:
    if kind == _SENDER_REPORT and len(body) >= _SENDER_INFO.size:
        ssrc, ntp, timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
        return SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(body, _SENDER_INFO.size, count))
    if kind == _RECEIVER_REPORT and len(body) >= 4:
        return ReceiverReport(_WORD.unpack_from(body)[0], _blocks(body, 4, count))
    if kind == _SOURCE_DESCRIPTION:
        return _parse_description(body)
    if kind == _GOODBYE and len(body) >= 4 * count:
        reason = body[4 * count + 1 : 4 * count + 1 + body[4 * count]] if len(body) > 4 * count else b""
        sources = tuple(_WORD.unpack_from(body, 4 * index)[0] for index in range(count))
        return Goodbye(sources, reason.decode("utf-8", "replace"))
    return None


def _blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for at in range(start, min(start + count * _BLOCK.size, len(body) - _BLOCK.size + 1), _BLOCK.size):
        ssrc, lost, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
        cumulative = lost & 0xFF_FFFF
        if cumulative & 0x80_0000:
            cumulative -= 0x100_0000
        blocks.append(ReportBlock(ssrc, lost >> 24, cumulative, highest, jitter, last_report, delay))
    return tuple(blocks)


def _parse_description(body: bytes) -> SourceDescription | None:
    if len(body) < 4:
        return None
    at = 4
    while at + 2 <= len(body) and body[at]:
        kind, size = body[at], body[at + 1]
        value = body[at + 2 : at + 2 + size]
        if kind == _CNAME and len(value) == size:
            return SourceDescription(_WORD.unpack_from(body)[0], value.decode("utf-8", "replace"))
        at += 2 + size
    return None


def build(*packets: RtcpPacket) -> bytes:
    """A compound packet. RFC 3550 6.1 wants a report first and a CNAME in each; that is the caller's business."""
    return b"".join(map(_build_one, packets))


def _build_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, timestamp, sent, octets, blocks):
            info = _SENDER_INFO.pack(
                ssrc, ntp, timestamp & TIMESTAMP_MASK, sent & TIMESTAMP_MASK, octets & TIMESTAMP_MASK
            )
            return _framed(_SENDER_REPORT, len(blocks), info + b"".join(map(_build_block, blocks)))
        case ReceiverReport(ssrc, blocks):
            return _framed(_RECEIVER_REPORT, len(blocks), _WORD.pack(ssrc) + b"".join(map(_build_block, blocks)))
        case SourceDescription(ssrc, cname):
            name = cname.encode()[:255]
            chunk = _WORD.pack(ssrc) + bytes((_CNAME, len(name))) + name
            return _framed(_SOURCE_DESCRIPTION, 1, chunk + b"\0" * (4 - len(chunk) % 4))
        case Goodbye(sources, reason):
            body = b"".join(map(_WORD.pack, sources))
            if reason:
                text = reason.encode()[:255]
                body += bytes((len(text),)) + text
                body += b"\0" * (-len(body) % 4)
            return _framed(_GOODBYE, len(sources), body)


def _build_block(block: ReportBlock) -> bytes:
    lost = max(-0x80_0000, min(block.cumulative_lost, 0x7F_FFFF)) & 0xFF_FFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest_sequence & TIMESTAMP_MASK,
        min(block.jitter, TIMESTAMP_MASK),
        block.last_report,
        min(block.delay, TIMESTAMP_MASK),
    )


def _framed(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body
