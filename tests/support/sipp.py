"""SIPp as the caller, the scenarios it follows (`tests/vectors/sipp`), and what reaches its media port."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediacodecs.g711 import PCMA, PCMU
from mediacodecs.pcm import Pcm
from mediaserver.load.recording import Arrival, Samples, parse_arrival, play_by_timestamp

SCENARIOS = Path(__file__).parents[1] / "vectors" / "sipp"
_KILL_AFTER_S = 5.0
_PACKET = 160
_DECODERS = {0: PCMU.decode, 8: PCMA.decode}
_SO_ATTACH_FILTER = 26
"""Of Linux, which Python has no name for."""
_TO_US = 0
"""`sll_pkttype` of a packet that arrived; on loopback every packet is also seen as it leaves (4)."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `status` 0 when every call followed the scenario to its end."""

    status: int
    errors: str
    messages: str

    def assert_followed(self) -> None:
        assert self.status == 0, f"sipp exited with {self.status}\n{self.errors}\n{self.messages[-6000:]}"


async def sipp(
    folder: Path, scenario: str, target: str, *options: str, media_port: int | None = None, max_s: int = 30
) -> Outcome:
    """Run a scenario against `target` (host:port), from `folder`. Calls not over after `max_s` are failures."""
    errors, messages = folder / "sipp.errors", folder / "sipp.messages"
    process = await asyncio.create_subprocess_exec(
        "sipp", target, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-s", "agent",
        "-i", "127.0.0.1", "-p", str(free_port()), "-ci", "127.0.0.1",
        "-mi", "127.0.0.1", "-mp", str(media_port or free_port()),
        "-nostdin", "-timeout", f"{max_s}s", "-timeout_error",
        "-trace_err", "-error_file", str(errors), "-trace_msg", "-message_file", str(messages), *options,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        cwd=folder, env=os.environ | {"TERM": "dumb"},
    )  # fmt: skip
    try:
        status = await asyncio.wait_for(process.wait(), max_s + _KILL_AFTER_S)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    return Outcome(status, *(path.read_text(errors="replace") if path.exists() else "" for path in (errors, messages)))


def free_port() -> int:
    """An even UDP port of loopback that nobody uses at this moment, the odd one above it too."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even, contextlib.ExitStack() as rest:
            even.bind(("127.0.0.1", 0))
            port: int = even.getsockname()[1]
            if port % 2:
                continue
            odd = rest.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                odd.bind(("127.0.0.1", port + 1))
                return port


def write_capture(path: Path, speech: Pcm, payload_type: int) -> None:
    """A capture as a network tap makes it (pcap, Ethernet) of `speech` as RTP: G.711, one packet each 20 ms."""
    encode = {0: PCMU.encode, 8: PCMA.encode}[payload_type]
    payload = encode(np.asarray(speech[: len(speech) // _PACKET * _PACKET]))
    blocks = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, at in enumerate(range(0, len(payload), _PACKET)):
        rtp = struct.pack("!BBHII", 0x80, payload_type | (number == 0) << 7, 700 + number, 9000 + at, 0x5EED5EED)
        frame = _ethernet(rtp + payload[at : at + _PACKET])
        seconds, microseconds = divmod(number * 20_000, 1_000_000)
        blocks += [struct.pack("<IIII", seconds, microseconds, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(blocks))


def _ethernet(payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 40000, 40002, 8 + len(payload), 0) + payload
    loopback = bytes((127, 0, 0, 1))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, loopback, loopback)
    return bytes(12) + b"\x08\x00" + ip + udp


class Ear:
    """RTP that comes in on one port, packet by packet."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    def take(self, packet: bytes) -> None:
        arrival = parse_arrival(time.monotonic(), packet)
        if arrival is not None:
            self.arrivals.append(arrival)

    @property
    def heard(self) -> Samples:
        """What it sounds like."""
        track = play_by_timestamp(self.arrivals, _DECODERS)
        assert track is not None, "no audio came"
        return track.samples


@contextmanager
def tap(port: int) -> Iterator[Ear]:
    """Hear what is sent to a UDP port of another process, from the wire. For tests marked ``tool("raw-sockets")``."""
    ear = Ear()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as wire:
        wire.bind(("lo", 0x0800))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        _only(wire, port)
        wire.setblocking(False)

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    packet, source = wire.recvfrom(2048)
                    header = (packet[0] & 0x0F) * 4
                    if source[2] == _TO_US and packet[9] == 17 and packet[header + 2 : header + 4] == wanted:
                        ear.take(packet[header + 8 :])

        wanted = struct.pack("!H", port)
        yield from _listening(wire, read, ear)


def _only(wire: socket.socket, port: int) -> None:
    """Have the kernel pass on nothing but UDP to `port`: a test's process need not look at all there is on loopback."""
    program = (
        (0x30, 0, 0, 9),  # the protocol
        (0x15, 0, 4, socket.IPPROTO_UDP),
        (0xB1, 0, 0, 0),  # the length of the IP header
        (0x48, 0, 0, 2),  # the destination port
        (0x15, 0, 1, port),
        (0x06, 0, 0, 0xFFFF),
        (0x06, 0, 0, 0),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))


@contextmanager
def receiver() -> Iterator[tuple[int, Ear]]:
    """A media port of our own to name in a scenario (`-key media_at PORT`), and what comes to it."""
    ear = Ear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.setblocking(False)

        def read() -> None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    ear.take(own.recv(2048))

        for _ in _listening(own, read, ear):
            yield own.getsockname()[1], ear


def _listening(sock: socket.socket, read: Callable[[], None], ear: Ear) -> Iterator[Ear]:
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, read)
    try:
        yield ear
    finally:
        loop.remove_reader(sock)
