"""One round: one program, its model and its callers, started fresh, measured, ended."""

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from bench.figures import Media, measure, read_callers, read_own_lateness, read_timeline
from bench.modes import SCENARIOS, Mode, Scenario
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

SETTLE_S = 3.0
"""From the beginning of the speech to the beginning of the CPU window."""
WARM_UP_S = 4.0
"""Length of the calls that are made and ended before the measured ones."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a round consists of. `pin`: the program on core 0, everything else on core 1."""

    calls: int
    seconds: float
    processes: int = 1
    pin: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What the program used; CPU in ms per call and second, memory in MB."""

    cpu: float
    cpu_children: float
    rss_cold: float
    """Before it had any call."""
    rss_before: float
    """After a wave of calls to warm it up."""
    rss_during: float
    rss_after: float


@dataclass(frozen=True, slots=True)
class Detection:
    """What the server's own detector did in the whole life of the process."""

    open_share: float
    """Share of the callers' audio, 0 to 1, during which its gate was open and the model ran."""
    windows: int
    runs: int


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of one round."""

    program: ProgramName
    mode: Mode
    load: Load
    usage: Usage
    underruns: int | None
    """As the program counts them; None when it does not."""
    detection: Detection | None
    """None when the program has no detector or it never ran."""
    media: Media

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def run_round(program: ProgramName, mode: Mode, load: Load, directory: Path) -> Round:
    """Run one. Raises RuntimeError when a process fails; its output is in `directory`."""
    directory, scenario = directory.resolve(), SCENARIOS[mode]
    directory.mkdir(parents=True, exist_ok=True)
    tested_core, other_core = (0, 1) if load.pin else (None, None)
    sip, provider = free_port(), free_port()
    timeline = directory / "timeline.jsonl"
    timeline.unlink(missing_ok=True)
    with ExitStack() as running:  # ended in reverse: the tested program must not lose its model before
        callers = _start_callers(sip, load, scenario, directory, other_core)
        emulator = start_emulator(provider, timeline, scenario, directory, other_core)
        start = start_server if program == "server" else start_floor
        tested = start(sip, provider, scenario, directory, tested_core)
        for each in (*callers, emulator, tested):
            running.callback(each.end)
        for each in (emulator, tested):
            each.wait_for('"ready"', 60)
        usage = _drive(tested, callers, load)
    return Round(
        program=program,
        mode=mode,
        load=load,
        usage=usage,
        underruns=_underruns(tested.lines(), load.calls),
        detection=_detection(tested.lines()),
        media=_media(program, scenario, load, callers, timeline),
    )


def _media(program: ProgramName, scenario: Scenario, load: Load, callers: list[Program], timeline: Path) -> Media:
    written = [each.output.with_suffix(".npz") for each in callers]
    return measure(
        {number: log for path in written for number, log in read_callers(path).items()},
        read_timeline(timeline)[load.calls :],  # as many sessions were for warming up
        [read_own_lateness(path) for path in written],
        scenario.turn_s,
        provider_decides=program == "floor" or scenario.interruption == "provider",
    )


def _start_callers(sip: int, load: Load, scenario: Scenario, directory: Path, core: int | None) -> list[Program]:
    bounds = [load.calls * index // load.processes for index in range(load.processes + 1)]
    return [
        start_callers(sip, first, last - first, load.calls, scenario, directory / f"callers{first}.npz", core)
        for first, last in pairwise(bounds)
    ]


def _drive(tested: Program, callers: list[Program], load: Load) -> Usage:
    """Warm up, place the calls, let them talk, hang up."""
    pid = tested.process.pid
    cold = rss_mb(pid)
    _place(callers, load, warm_up=True)
    time.sleep(WARM_UP_S)
    for each in callers:
        each.order(30 + load.calls, do="hang_up")
    time.sleep(1.0)
    before = rss_mb(pid)
    start_at = _place(callers, load, warm_up=False)
    time.sleep(max(0.0, start_at + SETTLE_S - time.monotonic()))
    own, children, began = cpu_seconds(pid), _children(pid), time.monotonic()
    time.sleep(max(0.0, start_at + load.seconds - time.monotonic()))
    call_seconds = (time.monotonic() - began) * load.calls
    own, children = cpu_seconds(pid) - own, _children(pid) - children
    during = rss_mb(pid)
    for each in callers:
        each.order(30 + load.calls, do="finish")
    time.sleep(1.0)
    return Usage(own * 1000 / call_seconds, children * 1000 / call_seconds, cold, before, during, rss_mb(pid))


def _place(callers: list[Program], load: Load, *, warm_up: bool) -> float:
    """Make the calls; when the speech begins, in monotonic seconds."""
    for each in callers:
        each.order(20 + load.calls, do="place", warm_up=warm_up)
    start_at = time.monotonic() + 0.3
    for each in callers:
        each.order(5, do="start", at=start_at)
    return start_at


def _children(pid: int) -> float:
    return sum(cpu_seconds(child) for child in descendants(pid))


def _underruns(lines: list[dict[str, Any]], calls: int) -> int | None:
    """Of the measured calls, which are the last to end."""
    ended = [line for line in lines if line.get("event") == "call.ended"]
    counted = [int(line["underruns"]) for line in ended[-calls:] if "underruns" in line]
    return sum(counted) if counted else None


def _detection(lines: list[dict[str, Any]]) -> Detection | None:
    said = [line for line in lines if line.get("event") == "detector"]
    if not said:
        return None
    return Detection(float(said[-1]["open_share"]), int(said[-1]["windows"]), int(said[-1]["runs"]))
