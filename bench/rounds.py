"""One round: one program, its model and its callers, started fresh, measured, ended."""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from bench.figures import Media, measure, read_callers, read_own_lateness, read_timeline
from bench.modes import SCENARIOS, Mode, Scenario
from bench.programs import (
    Doors,
    Program,
    cpu_seconds,
    descendants,
    free_port,
    reach_of,
    rss_mb,
    start_callers,
    start_emulator,
    start_floor,
    start_server,
)
from bench.services import FLOOR_UPLINK_MS

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
    emulator: float
    """What the model's stand-in used meanwhile, as a share of one core: where it has none left it is measured, too."""
    callers: float
    """What the callers used, likewise."""


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
    uplink_ms: int
    """Caller audio in one message to the model."""
    usage: Usage
    underruns: int | None
    """As the program counts them; None when it does not."""
    detection: Detection | None
    """None when the program has no detector or it never ran."""
    media: Media

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Watch:
    """Whoever wants to look at the program while it is measured. This one does not."""

    runner: Sequence[str] = ("-m",)
    """What the interpreter runs the program's module by."""

    def during(self, pid: int, seconds: float) -> None:
        """Wait for the end of the CPU window."""
        time.sleep(seconds)


def run_round(program: ProgramName, mode: Mode, load: Load, directory: Path, watch: Watch | None = None) -> Round:
    """Run one. Raises RuntimeError when a process fails; its output is in `directory`."""
    watch = watch or Watch()
    directory, scenario = directory.resolve(), SCENARIOS[mode]
    if program == "floor":
        scenario = scenario.for_floor()
    directory.mkdir(parents=True, exist_ok=True)
    tested_core, other_core = (0, 1) if load.pin else (None, None)
    timeline = directory / "timeline.jsonl"
    timeline.unlink(missing_ok=True)
    with ExitStack() as running:  # ended in reverse: the tested program must not lose its model before

        def begun(process: Program) -> Program:
            running.callback(process.end)
            return process

        doors = Doors(free_port(), free_port(socket.SOCK_STREAM))
        emulator = begun(start_emulator(timeline, scenario, directory, other_core))
        callers = [begun(each) for each in _start_callers(doors, load, scenario, directory, other_core)]
        start = start_server if program == "server" else start_floor
        tested = begun(start(doors, reach_of(emulator), scenario, directory, tested_core, watch.runner))
        tested.wait_for('"ready"', 60)
        usage = _drive(tested, emulator, callers, load, watch)
    return Round(
        program=program,
        mode=mode,
        load=load,
        uplink_ms=scenario.connected.uplink_ms if program == "server" else FLOOR_UPLINK_MS,
        usage=usage,
        underruns=_underruns(tested.lines(), load.calls),
        detection=_detection(tested.lines()),
        media=_media(scenario, load, callers, timeline),
    )


def _media(scenario: Scenario, load: Load, callers: list[Program], timeline: Path) -> Media:
    written = [each.output.with_suffix(".npz") for each in callers]
    return measure(
        {number: log for path in written for number, log in read_callers(path).items()},
        read_timeline(timeline)[load.calls :],  # as many sessions were for warming up
        [read_own_lateness(path) for path in written],
        scenario.turn_s,
        scenario.connected.stop_event if scenario.interruption == "provider" else None,
    )


def _start_callers(doors: Doors, load: Load, scenario: Scenario, directory: Path, core: int | None) -> list[Program]:
    bounds = [load.calls * index // load.processes for index in range(load.processes + 1)]
    return [
        start_callers(doors, first, last - first, load.calls, scenario, directory / f"callers{first}.npz", core)
        for first, last in pairwise(bounds)
    ]


def _drive(tested: Program, emulator: Program, callers: list[Program], load: Load, watch: Watch) -> Usage:
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
    began, used = time.monotonic(), _used(tested, emulator, callers)
    watch.during(pid, max(0.0, start_at + load.seconds - time.monotonic()))
    seconds = time.monotonic() - began
    own, children, model, calling = (
        after - at_first for after, at_first in zip(_used(tested, emulator, callers), used, strict=True)
    )
    during = rss_mb(pid)
    for each in callers:
        each.order(30 + load.calls, do="finish")
    time.sleep(1.0)
    of_calls = 1000 / seconds / load.calls
    return Usage(
        cpu=own * of_calls,
        cpu_children=children * of_calls,
        rss_cold=cold,
        rss_before=before,
        rss_during=during,
        rss_after=rss_mb(pid),
        emulator=model / seconds,
        callers=calling / seconds,
    )


def _used(tested: Program, emulator: Program, callers: list[Program]) -> tuple[float, float, float, float]:
    """CPU seconds so far: of the program, its children, the emulator, the callers."""
    pid = tested.process.pid
    calling = sum(cpu_seconds(each.process.pid) for each in callers)
    return cpu_seconds(pid), _children(pid), cpu_seconds(emulator.process.pid), calling


def _place(callers: list[Program], load: Load, *, warm_up: bool) -> float:
    """Make the calls; when the speech begins, in monotonic seconds."""
    for each in callers:
        # A busy machine may take its time: this is for programs that hang.
        each.order(20 + 3 * load.calls, do="place", warm_up=warm_up)
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
