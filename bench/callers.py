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

import numpy as np
import orjson
import uvloop

from bench.dialling import Dialler, Leg
from bench.speech import Cycle, make_cycle, make_short_cycle
from mediacodecs.g711 import PCMU
from mediaserver.load.ear import LOUD_RMS

HEADER = struct.Struct("!BBHII")
STAMP = struct.Struct("@qq")
SO_TIMESTAMPNS = 35
"""Linux: `SO_TIMESTAMPNS`, which Python's socket module does not name."""
SILENCE = b"\xff" * 160
WARM_UP_FRAMES = 45
"""Speech of a call that is only to warm up: as large a share of its 4 s as speech has in a cycle."""
SLOTS = 16
SLOT_S = 0.02 / SLOTS


class Line:
    """One caller's telephone line."""

    def __init__(self, number: int, address: str, offset: int) -> None:
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


class Callers:
    """All lines of this process."""

    def __init__(self, options: argparse.Namespace, cycle: Cycle) -> None:
        self.options = options
        self.cycle = cycle
        self.marks = cycle.marks
        self.loop = asyncio.get_running_loop()
        self.dialler = Dialler((options.host, options.port))
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
            line = Line(number, options.host, number * len(self.cycle.frames) // options.total)
            line.leg, line.remote = await self.dialler.place(line.port, options.comfort_noise)
            self.loop.add_reader(line.socket, line.receive)
            # A program deals its calls to its own slots in turn. By the golden ratio every phase between the two
            # occurs equally often; otherwise the wait for the next packet would be the luck of the round.
            self.slots[int(SLOTS * (number // 4 * 0.618034 % 1.0))].append(line)
            self.lines.append(line)

    async def turn_wheel(self) -> None:
        """One slot after the other, all in 20 ms; absolute deadlines."""
        began, turns = time.monotonic(), 0
        frames, marks, length = self.cycle.frames, self.marks, len(self.cycle.frames)
        while True:
            turns += 1
            due = began + turns * SLOT_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if due >= self.start_at:
                self.frame += turns % SLOTS == 0
                if not self.warming_up:
                    self.own_lateness.append(time.monotonic() - due)
            if self.warming_up:
                payload = frames[self.frame] if 0 <= self.frame < WARM_UP_FRAMES else SILENCE
                for line in self.slots[turns % SLOTS]:
                    line.send(payload, None)
                continue
            for line in self.slots[turns % SLOTS]:
                at = self.frame - line.offset
                if at < 0:
                    line.send(SILENCE, None)
                else:
                    line.send(frames[at % length], marks.get(at % length))

    async def hang_up(self) -> None:
        """End every call."""
        lost = 0
        for line in self.lines:
            assert line.leg is not None
            try:
                await self.dialler.end(line.leg)
            except TimeoutError:
                lost += 1
        self.slots = [[] for _ in range(SLOTS)]
        self.start_at, self.frame = float("inf"), -1
        if lost:
            sys.stderr.write(f"{lost} BYE not answered\n")

    def forget(self) -> None:
        """Drop what the calls so far have heard, and their sockets."""
        for line in self.lines:
            self.loop.remove_reader(line.socket)
            line.socket.close()
            line.rtcp.close()
        self.lines = []

    async def finish(self) -> None:
        """Hang up and write the log."""
        await self.hang_up()
        drift = time.time() - time.monotonic() - self.wall_minus_monotonic
        if abs(drift) > 0.0005:
            sys.stderr.write(f"the wall clock was stepped by {drift * 1000:.1f} ms during the run\n")
        write_log(Path(self.options.log), self.lines, self.wall_minus_monotonic, self.own_lateness)


def write_log(path: Path, lines: list[Line], wall_minus_monotonic: float, own_lateness: list[float]) -> None:
    """All packets as columns: call, at (monotonic seconds), RTP header, loud; and when marked frames were sent."""
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("call", "at", "header", "loud")}
    for line in lines:
        packets = [(at, packet) for at, packet in line.log if len(packet) >= 12]
        columns["call"].append(np.full(len(packets), line.number))
        columns["at"].append(np.array([at for at, _ in packets]) - wall_minus_monotonic)
        columns["header"].append(np.frombuffer(b"".join(p[:12] for _, p in packets), np.uint8).reshape(-1, 12))
        columns["loud"].append(np.array([_loud(packet) for _, packet in packets], dtype=bool))
    marks = [(line.number, kind, at) for line in lines for kind, at in line.marks]
    np.savez(
        path,
        **{name: np.concatenate(parts) for name, parts in columns.items()},  # type: ignore[arg-type]
        own_lateness=np.array(own_lateness),
        mark_call=np.array([mark[0] for mark in marks]),
        mark_kind=np.array([mark[1] for mark in marks]),
        mark_at=np.array([mark[2] for mark in marks]),
    )


def _loud(packet: bytes) -> bool:
    if packet[1] & 127 != 0 or len(packet) == 12:
        return False
    samples = PCMU.decode(packet[12:]).astype(np.float64)
    return bool(np.sqrt(np.mean(samples * samples)) > LOUD_RMS)


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
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    callers = Callers(options, make_short_cycle() if options.short else make_cycle())
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
