"""
The callers' process: many calls from one wheel, precomputed speech out, a log of every packet in.

Driven by JSON lines on standard input: `place` sets the calls up one after the other, `start` begins the speech at a
monotonic time, `hang_up` ends them, so that more can be placed, `finish` does so too and writes the log. Arrival times
are the kernel's, so that a busy caller does not make the server look late.
"""

import argparse
import asyncio
import gc
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import orjson
import uvloop

from bench.browser_line import Browsers
from bench.browser_speech import make_browser_cycle
from bench.dialling import Dialler, Leg
from bench.speech import Cycle, make_cycle, make_short_cycle
from mediacodecs.g711 import PCMU
from mediaserver.load.ear import LOUD_RMS
from mediaserver.load.recording import RATE

HEADER = struct.Struct("!BBHII")
STAMP = struct.Struct("@qq")
SO_TIMESTAMPNS = 35
"""Linux: `SO_TIMESTAMPNS`, which Python's socket module does not name."""
SILENCE = b"\xff" * 160
WARM_UP_FRAMES = 45
"""Speech of a call that is only to warm up: as large a share of its 4 s as speech has in a cycle."""
SLOTS = 16
SLOT_S = 0.02 / SLOTS


class Line(Protocol):
    """One caller's line, whatever it is made of."""

    number: int
    offset: int
    """Frames by which it is behind the first one in the cycle."""
    marks: list[tuple[str, float]]

    def send(self, payload: bytes, mark: str | None) -> None:
        """Send one frame; note when, if it is one that latency is measured from."""

    def heard(self) -> list[tuple[float, bytes, bool]]:
        """Every RTP packet that came: when (wall clock), its octets, whether it is loud."""

    def close(self) -> None:
        """Close its sockets."""


class Phones(Protocol):
    """What places lines' calls and ends them."""

    silence: bytes
    """The payload of a quiet frame."""
    clock_rate: int
    """Hz; of the timestamps of what comes."""

    async def place(self, number: int, offset: int) -> Line:
        """Call. Raises RuntimeError if refused, TimeoutError if ignored."""

    async def end(self, line: Line) -> None:
        """Hang up. Raises TimeoutError if that is not answered."""

    def look_after(self, lines: list[Line], now: float) -> None:
        """Do what time has made due; asked once every 20 ms."""


class SipLine:
    """A telephone's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, address: str, offset: int) -> None:
        self._loop = loop
        self.number = number
        self.offset = offset
        self.socket, self.rtcp = _port_pair(address)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        self.port: int = self.socket.getsockname()[1]
        self.leg: Leg | None = None
        self.remote = (address, 0)
        self.sequence = 0
        self.ssrc = int.from_bytes(os.urandom(4))
        self.log: list[tuple[float, bytes]] = []
        self.marks: list[tuple[str, float]] = []

    def receive(self) -> None:
        """Note one packet and when the kernel had it (wall clock)."""
        try:
            packet, ancillary, _, _ = self.socket.recvmsg(2048, 64)
        except OSError:
            return
        seconds, nanoseconds = STAMP.unpack(ancillary[0][2])
        self.log.append((seconds + nanoseconds * 1e-9, packet))

    def heard(self) -> list[tuple[float, bytes, bool]]:
        """Every packet."""
        return [(at, packet, _loud(packet)) for at, packet in self.log if len(packet) >= 12]

    def close(self) -> None:
        """Close both sockets."""
        self._loop.remove_reader(self.socket)
        self.socket.close()
        self.rtcp.close()

    def send(self, payload: bytes, mark: str | None) -> None:
        """Send one frame; note when, if it is one that latency is measured from."""
        self.sequence += 1
        packet = HEADER.pack(128, 0, self.sequence & 0xFFFF, self.sequence * 160 & 0xFFFFFFFF, self.ssrc) + payload
        if mark is not None:
            self.marks.append((mark, time.monotonic()))
        try:
            self.socket.sendto(packet, self.remote)
        except OSError:
            pass


def _port_pair(address: str) -> tuple[socket.socket, socket.socket]:
    """An even port and the one above it, which takes RTCP: nobody reads it, but it must not be another line's."""
    while True:
        rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        rtp.setblocking(False)
        try:
            rtp.bind((address, 0))
            port = rtp.getsockname()[1]
            if port % 2 == 0:
                rtcp.bind((address, port + 1))
                return rtp, rtcp
        except OSError:  # the odd one is taken
            pass
        rtp.close()
        rtcp.close()


class SipPhones:
    """Telephones, by SIP and G.711."""

    silence = SILENCE
    clock_rate = RATE

    def __init__(self, host: str, port: int, comfort_noise: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._host, self._comfort_noise = host, comfort_noise
        self._dialler = Dialler((host, port))

    async def place(self, number: int, offset: int) -> SipLine:
        """Call."""
        line = SipLine(self._loop, number, self._host, offset)
        line.leg, line.remote = await self._dialler.place(line.port, self._comfort_noise)
        self._loop.add_reader(line.socket, line.receive)
        return line

    async def end(self, line: Line) -> None:
        """BYE."""
        assert isinstance(line, SipLine) and line.leg is not None
        await self._dialler.end(line.leg)

    def look_after(self, lines: list[Line], now: float) -> None:
        """A call of SIP needs nothing."""


class Callers:
    """All lines of this process."""

    def __init__(self, options: argparse.Namespace, cycle: Cycle, phones: Phones) -> None:
        self.options = options
        self.phones = phones
        self.cycle = cycle
        self.marks = cycle.marks
        self.loop = asyncio.get_running_loop()
        self.slots: list[list[Line]] = [[] for _ in range(SLOTS)]
        self.lines: list[Line] = []
        self.start_at = float("inf")
        self.frame = -1
        """Of the speech; none before it starts."""
        self.warming_up = False
        self.wall_minus_monotonic = time.time() - time.monotonic()
        self.own_lateness: list[float] = []
        """In seconds, of every turn of the wheel since the speech began: what may be the callers' own fault."""

    async def place(self, warm_up: bool) -> None:
        """Set up every call, one after the other, so that the model sees its sessions in this order."""
        options = self.options
        self.warming_up = warm_up
        for number in range(options.first, options.first + options.count):
            line = await self.phones.place(number, number * len(self.cycle.frames) // options.total)
            # A program deals its calls to its own slots in turn. By the golden ratio every phase between the two
            # occurs equally often; otherwise the wait for the next packet would be the luck of the round.
            self.slots[int(SLOTS * (number // 4 * 0.618034 % 1.0))].append(line)
            self.lines.append(line)

    async def turn_wheel(self) -> None:
        """One slot after the other, all in 20 ms; absolute deadlines."""
        began, turns = time.monotonic(), 0
        frames, marks, length = self.cycle.frames, self.marks, len(self.cycle.frames)
        silence = self.phones.silence
        while True:
            turns += 1
            due = began + turns * SLOT_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if turns % SLOTS == 0:
                self.phones.look_after(self.lines, time.monotonic())
            if due >= self.start_at:
                self.frame += turns % SLOTS == 0
                if not self.warming_up:
                    self.own_lateness.append(time.monotonic() - due)
            if self.warming_up:
                payload = frames[self.frame] if 0 <= self.frame < WARM_UP_FRAMES else silence
                for line in self.slots[turns % SLOTS]:
                    line.send(payload, None)
                continue
            for line in self.slots[turns % SLOTS]:
                at = self.frame - line.offset
                if at < 0:
                    line.send(silence, None)
                else:
                    line.send(frames[at % length], marks.get(at % length))

    async def hang_up(self) -> None:
        """End every call."""
        lost = 0
        for line in self.lines:
            try:
                await self.phones.end(line)
            except TimeoutError:
                lost += 1
        self.slots = [[] for _ in range(SLOTS)]
        self.start_at, self.frame = float("inf"), -1
        if lost:
            sys.stderr.write(f"{lost} hang-ups not answered\n")

    def forget(self) -> None:
        """Drop what the calls so far have heard, and their sockets."""
        for line in self.lines:
            line.close()
        self.lines = []

    async def finish(self) -> None:
        """Hang up and write the log."""
        await self.hang_up()
        drift = time.time() - time.monotonic() - self.wall_minus_monotonic
        if abs(drift) > 0.0005:
            sys.stderr.write(f"the wall clock was stepped by {drift * 1000:.1f} ms during the run\n")
        write_log(
            Path(self.options.log), self.lines, self.wall_minus_monotonic, self.own_lateness, self.phones.clock_rate
        )


def write_log(
    path: Path, lines: list[Line], wall_minus_monotonic: float, own_lateness: list[float], clock_rate: int = RATE
) -> None:
    """All packets as columns: call, at (monotonic seconds), RTP header, loud; and when marked frames were sent."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("call", "at", "header", "loud")}
    for line in lines:
        packets = line.heard()
        columns["call"].append(np.full(len(packets), line.number))
        columns["at"].append(np.array([at for at, _, _ in packets]) - wall_minus_monotonic)
        columns["header"].append(np.frombuffer(b"".join(p[:12] for _, p, _ in packets), np.uint8).reshape(-1, 12))
        columns["loud"].append(np.array([loud for _, _, loud in packets], dtype=bool))
    marks = [(line.number, kind, at) for line in lines for kind, at in line.marks]
    np.savez(
        path,
        **{name: np.concatenate(parts) for name, parts in columns.items()},  # type: ignore[arg-type]
        own_lateness=np.array(own_lateness),
        clock_rate=np.array(clock_rate),
        mark_call=np.array([mark[0] for mark in marks]),
        mark_kind=np.array([mark[1] for mark in marks]),
        mark_at=np.array([mark[2] for mark in marks]),
    )


def _loud(packet: bytes) -> bool:
    if packet[1] & 127 != 0 or len(packet) == 12:
        return False
    samples = PCMU.decode(packet[12:]).astype(np.float64)
    return bool(np.sqrt(np.mean(samples * samples)) > LOUD_RMS)


def _callers(options: argparse.Namespace) -> Callers:
    if options.whip:
        return Callers(options, make_browser_cycle(), Browsers(options.whip, options.key))
    cycle = make_short_cycle() if options.short else make_cycle()
    return Callers(options, cycle, SipPhones(options.host, options.port, options.comfort_noise))


async def main() -> None:
    """Obey standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--total", type=int, required=True)
    parser.add_argument("--comfort-noise", action="store_true")
    parser.add_argument("--short", action="store_true", help="many short turns")
    parser.add_argument("--whip", help="agent's endpoint to call as a browser does, with --key, instead of by SIP")
    parser.add_argument("--key", default="", help="http.admin_key of the server")
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    callers = _callers(options)
    # The log only grows and has no cycles: looking through it would stall every call at once.
    gc.disable()
    wheel = asyncio.create_task(callers.turn_wheel())
    orders = asyncio.StreamReader()
    await callers.loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while text := await orders.readline():
        order = orjson.loads(text)
        match order["do"]:
            case "place":
                await callers.place(order.get("warm_up", False))
            case "start":
                callers.start_at = order["at"]
            case "hang_up":
                await callers.hang_up()
                callers.forget()
            case "finish":
                await callers.finish()
        sys.stdout.write(f'{{"done": "{order["do"]}"}}\n')
        sys.stdout.flush()
        if wheel.done():
            wheel.result()


if __name__ == "__main__":
    uvloop.run(main())
