"""One round: one program, its model and its callers, started fresh, measured, ended."""

import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from bench.figures import Media, measure, read_callers, read_own_lateness, read_timeline
from bench.programs import (
    Program,
    cpu_seconds,
    descendants,
    free_port,
    rss_mb,
    start_callers,
    start_emulator,
    start_floor,
    start_server,
)

type ProgramName = Literal["server", "floor"]
type Mode = Literal["constant", "discontinuous", "burst"]

SETTLE_S = 3.0
"""From the beginning of the speech to the beginning of the CPU window."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a round consists of. `pin`: the program on core 0, everything else on core 1."""

    calls: int
    seconds: float
    processes: int = 1
    pin: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of one round; CPU in ms per call and second, memory in MB."""

    program: ProgramName
    mode: Mode
    cpu: float
    cpu_children: float
    rss_before: float
    rss_during: float
    rss_after: float
    underruns: int | None
    """As the program counts them; None when it does not."""
    media: Media

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def run_round(program: ProgramName, mode: Mode, load: Load, directory: Path) -> Round:
    """Run one. Raises RuntimeError when a process fails; its output is in `directory`."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    tested_core, other_core = (0, 1) if load.pin else (None, None)
    sip, provider = free_port(), free_port()
    timeline = directory / "timeline.jsonl"
    timeline.unlink(missing_ok=True)
    running: list[Program] = []
    try:
        running.append(start_emulator(provider, timeline, mode == "burst", directory, other_core))
        comfort_noise = mode == "discontinuous"
        if program == "server":
            tested = start_server(sip, provider, comfort_noise, directory, tested_core)
        else:
            tested = start_floor(sip, provider, directory, tested_core)
        running.append(tested)
        callers = _start_callers(sip, load, comfort_noise, directory, other_core)
        running += callers
        usage = _drive(tested, callers, load)
    finally:
        for process in reversed(running):
            process.end()
    logs = {number: log for each in callers for number, log in read_callers(_log_of(each, directory)).items()}
    own_lateness = [read_own_lateness(_log_of(each, directory)) for each in callers]
    media = measure(logs, read_timeline(timeline), own_lateness)
    return Round(program, mode, *usage, _underruns(tested), media)


def _start_callers(sip: int, load: Load, comfort_noise: bool, directory: Path, core: int | None) -> list[Program]:
    bounds = [load.calls * index // load.processes for index in range(load.processes + 1)]
    return [
        start_callers(sip, first, last - first, load.calls, comfort_noise, directory / f"callers{first}.npz", core)
        for first, last in pairwise(bounds)
    ]


def _log_of(callers: Program, directory: Path) -> Path:
    return directory / f"{callers.name}.npz"


def _drive(tested: Program, callers: list[Program], load: Load) -> tuple[float, float, float, float, float]:
    """Place the calls, let them talk, hang up; CPU of the program and its children, memory before, during and after."""
    pid = tested.process.pid
    before = rss_mb(pid)
    for each in callers:
        each.order(20 + load.calls, do="place")
    start_at = time.monotonic() + 0.3
    for each in callers:
        each.order(5, do="start", at=start_at)
    time.sleep(max(0.0, start_at + SETTLE_S - time.monotonic()))
    own, children, began = cpu_seconds(pid), _children(pid), time.monotonic()
    time.sleep(max(0.0, start_at + load.seconds - time.monotonic()))
    call_seconds = (time.monotonic() - began) * load.calls
    own, children = cpu_seconds(pid) - own, _children(pid) - children
    during = rss_mb(pid)
    for each in callers:
        each.order(30 + load.calls, do="finish")
    time.sleep(2.0)
    return own * 1000 / call_seconds, children * 1000 / call_seconds, before, during, rss_mb(pid)


def _children(pid: int) -> float:
    return sum(cpu_seconds(child) for child in descendants(pid))


def _underruns(tested: Program) -> int | None:
    ended = [line for line in tested.lines() if line.get("event") == "call.ended"]
    counted = [int(line["underruns"]) for line in ended if "underruns" in line]
    return sum(counted) if counted else None
