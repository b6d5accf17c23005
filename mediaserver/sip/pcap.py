"""A ladder as a capture of the network (pcap), for Wireshark and tshark: each message in the packets it came in.

What went by TLS or WebSocket is shown as TCP on port 5060, or their readers would take it for what it was not.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from ipaddress import ip_address

from mediaserver.sip.events import Flow
from mediaserver.sip.ladder import Ladder, Rung

_MAGIC, _MAJOR, _MINOR, _SNAP, _ETHERNET = 0xA1B2C3D4, 2, 4, 262_144, 1
_LARGEST_UDP = 65_507
_SEGMENT = 32_768
"""Bytes of a message in one TCP segment; no wire carries that, but readers do not mind."""
_UDP, _TCP = 17, 6
_ACK_PSH = 0x18
_PLAIN_PORT = 5060
_ELSEWHERE = 10_000


def capture(ladder: Ladder) -> Iterator[bytes]:
    """The file, piece by piece. Times of the rungs are seconds of the epoch."""
    yield struct.pack("<IHHiIII", _MAGIC, _MAJOR, _MINOR, 0, 0, _SNAP, _ETHERNET)
    sequence: dict[tuple[bytes, int, bytes, int], int] = defaultdict(lambda: 1)
    for rung in ladder:
        if isinstance(rung, Rung):
            for frame in _frames(rung, sequence):
                seconds, rest = divmod(round(rung.at * 1_000_000), 1_000_000)
                yield struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame


def _frames(rung: Rung, sequence: dict[tuple[bytes, int, bytes, int], int]) -> Iterator[bytes]:
    flow = rung.flow
    (source, source_port), (target, target_port) = _ends(flow, rung.sent)
    if flow.transport == "udp":
        yield _ethernet(source, target, _UDP, _udp(source, source_port, target, target_port, rung.message))
        return
    way, back = (source, source_port, target, target_port), (target, target_port, source, source_port)
    for at in range(0, len(rung.message), _SEGMENT):
        piece = rung.message[at : at + _SEGMENT]
        segment = _tcp(way, sequence[way], sequence[back], piece)
        sequence[way] = (sequence[way] + len(piece)) % 2**32
        yield _ethernet(source, target, _TCP, segment)


def _ends(flow: Flow, sent: bool) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    """Source and target of a message."""
    local, remote = _packed(flow.local), _packed(flow.remote)
    if len(local[0]) != len(remote[0]):  # advertised by an address of the other family
        local = (bytes(len(remote[0]) - 1) + b"\x01", local[1])
    if flow.transport in ("tls", "ws", "wss"):
        local = (local[0], _PLAIN_PORT)
        if remote[1] < _PLAIN_PORT:  # 443 says HTTPS
            remote = (remote[0], remote[1] + _ELSEWHERE)
    return (local, remote) if sent else (remote, local)


def _packed(address: tuple[str, int]) -> tuple[bytes, int]:
    try:
        return ip_address(address[0].partition("%")[0]).packed, address[1]
    except ValueError:  # advertised by name
        return b"\x7f\x00\x00\x01", address[1]


def _ethernet(source: bytes, target: bytes, protocol: int, payload: bytes) -> bytes:
    if len(source) == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + source + target
        head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
        kind = 0x0800
    else:
        head = struct.pack("!IHBB", 0x6000_0000, len(payload), protocol, 64) + source + target
        kind = 0x86DD
    return bytes(12) + struct.pack("!H", kind) + head + payload


def _udp(source: bytes, source_port: int, target: bytes, target_port: int, message: bytes) -> bytes:
    message = message[:_LARGEST_UDP]
    head = struct.pack("!HHHH", source_port, target_port, 8 + len(message), 0)
    total = _checksum(_pseudo(source, target, _UDP, len(head) + len(message)) + head + message) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + message


def _tcp(way: tuple[bytes, int, bytes, int], sequence: int, acknowledged: int, piece: bytes) -> bytes:
    source, source_port, target, target_port = way
    head = struct.pack("!HHIIBBHHH", source_port, target_port, sequence, acknowledged, 0x50, _ACK_PSH, 65_535, 0, 0)
    total = _checksum(_pseudo(source, target, _TCP, len(head) + len(piece)) + head + piece)
    return head[:16] + struct.pack("!H", total) + head[18:] + piece


def _pseudo(source: bytes, target: bytes, protocol: int, length: int) -> bytes:
    """What the checksums of UDP and TCP cover besides (RFC 768, RFC 9293 3.1, RFC 8200 8.1)."""
    return source + target + struct.pack("!II", length, protocol)


def _checksum(data: bytes) -> int:
    """The sum of the Internet (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
