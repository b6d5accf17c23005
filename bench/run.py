"""`python -m bench`: rounds of server and floor in turn under the same load, medians, a table and a JSON file."""

import argparse
import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rounds import Load, Mode, ProgramName, Round, run_round

MODES: tuple[Mode, ...] = ("constant", "discontinuous", "burst")

ROWS: tuple[tuple[str, Callable[[Round], float | None]], ...] = (
    ("CPU, ms per call-second", lambda r: r.cpu),
    ("  its child processes", lambda r: r.cpu_children),
    ("added path p50, ms", lambda r: r.media.added_path.p50),
    ("added path p99, ms", lambda r: r.media.added_path.p99),
    ("  uplink p50", lambda r: r.media.uplink.p50),
    ("  uplink p99", lambda r: r.media.uplink.p99),
    ("  downlink p50", lambda r: r.media.downlink.p50),
    ("  downlink p99", lambda r: r.media.downlink.p99),
    ("lateness p50, ms", lambda r: r.media.lateness.p50),
    ("lateness p99, ms", lambda r: r.media.lateness.p99),
    ("lateness max, ms", lambda r: r.media.lateness.max),
    ("barge-in stop p50, ms", lambda r: r.media.barge_in_stop.p50),
    ("barge-in stop p95, ms", lambda r: r.media.barge_in_stop.p95),
    ("RTP clock against wall, worst, ms", lambda r: r.media.clock.max),
    ("missing sequence numbers", lambda r: r.media.missing),
    ("underruns", lambda r: r.underruns),
    ("turns", lambda r: r.media.turns),
    ("  unanswered", lambda r: r.media.unanswered),
    ("callers' own clock late, p99, ms", lambda r: r.media.callers_late.p99),
    ("  max", lambda r: r.media.callers_late.max),
    ("memory before, MB", lambda r: r.rss_before),
    ("  during", lambda r: r.rss_during),
    ("  after hang-ups", lambda r: r.rss_after),
)


def median(rounds: Sequence[Round], figure: Callable[[Round], float | None]) -> float | None:
    """The median over rounds of one figure; None when no round has it."""
    values = [value for each in rounds if (value := figure(each)) is not None and not math.isnan(value)]
    return statistics.median(values) if values else None


def table(mode: Mode, load: Load, server: Sequence[Round], floor: Sequence[Round]) -> Table:
    """Server beside floor."""
    title = f"{mode}: {load.calls} calls of {load.seconds:.0f} s, median of {len(server)} rounds"
    grid = Table(title=title, title_justify="left")
    grid.add_column("")
    for name in ("server", "floor", "ratio"):
        grid.add_column(name, justify="right")
    for name, figure in ROWS:
        ours, least = median(server, figure), median(floor, figure)
        ratio = f"{ours / least:.2f}" if name.startswith("CPU") and ours and least else ""
        grid.add_row(name, _shown(ours), _shown(least), ratio)
    return grid


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


def verdicts(mode: Mode, server: Sequence[Round], floor: Sequence[Round]) -> list[tuple[str, bool | None]]:
    """The goals, each with whether it was reached (None: not measured)."""

    def ours(figure: Callable[[Round], float | None]) -> float | None:
        return median(server, figure)

    def least(figure: Callable[[Round], float | None]) -> float | None:
        return median(floor, figure)

    def holds(value: float | None, limit: float | None) -> bool | None:
        return None if value is None or limit is None else value <= limit

    floor_cpu, floor_late = least(lambda r: r.cpu), least(lambda r: r.media.lateness.p99)
    path_ms = 3.0 if mode == "discontinuous" else 13.0
    return [
        ("CPU at most 1.6 times the floor's", holds(ours(lambda r: r.cpu), floor_cpu and 1.6 * floor_cpu)),
        (
            "lateness p99 at most the floor's + 3 ms",
            holds(ours(lambda r: r.media.lateness.p99), None if floor_late is None else floor_late + 3.0),
        ),
        (f"added path p50 at most {path_ms:.0f} ms", holds(ours(lambda r: r.media.added_path.p50), path_ms)),
        ("barge-in stop p95 at most 20 ms", holds(ours(lambda r: r.media.barge_in_stop.p95), 20.0)),
        ("no missing sequence number", holds(ours(lambda r: r.media.missing), 0)),
        ("no underrun", holds(ours(lambda r: r.underruns), 0)),
        ("RTP clock within 20 ms of the wall", holds(ours(lambda r: r.media.clock.max), 20.0)),
        ("every turn answered", holds(ours(lambda r: r.media.unanswered), 0)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; exit code 1 when a round failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of the calls; at least 30 for figures")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each program")
    parser.add_argument("--modes", default="constant,discontinuous,burst")
    parser.add_argument("--programs", default="server,floor")
    parser.add_argument("--processes", type=int, default=1, help="processes the callers are spread over")
    parser.add_argument("--pin", action="store_true", help="the program on core 0, everything else on core 1")
    parser.add_argument("--quick", action="store_true", help="one round of 10 calls of 15 s, constant: does it run?")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    if options.quick:
        options.calls, options.seconds, options.rounds, options.modes = 10, 15.0, 1, "constant"
    modes: list[Mode] = [mode for mode in MODES if mode in options.modes.split(",")]
    programs: list[ProgramName] = [name for name in ("server", "floor") if name in options.programs.split(",")]
    load = Load(options.calls, options.seconds, options.processes, options.pin)
    console = Console()
    rounds = _all_rounds(modes, programs, load, options.rounds, options.out / "bench", console)
    for mode in modes:
        server, floor = ([r for r in rounds if r.mode == mode and r.program == name] for name in ("server", "floor"))
        console.print(table(mode, load, server, floor))
        for goal, reached in verdicts(mode, server, floor):
            console.print(f"  {'?' if reached is None else 'yes' if reached else 'NO '}  {goal}", highlight=False)
    path = options.out / "bench.json"
    path.write_text(json.dumps(document(load, rounds), indent=1, allow_nan=True) + "\n")
    console.print(f"figures of every round: {path}")
    return 0


def _all_rounds(
    modes: Sequence[Mode], programs: Sequence[ProgramName], load: Load, count: int, directory: Path, console: Console
) -> list[Round]:
    """Server and floor in turn, so that a slow minute of the machine is shared by both."""
    rounds: list[Round] = []
    for mode in modes:
        for index in range(count):
            for program in programs:
                with console.status(f"{mode}, round {index + 1} of {count}: {program}, {load.calls} calls"):
                    done = run_round(program, mode, load, directory / f"{mode}-{index + 1}-{program}")
                rounds.append(done)
                console.print(
                    f"{mode} {index + 1} {program}: CPU {done.cpu:.2f} ms per call-second, lateness p99"
                    f" {done.media.lateness.p99:.2f} ms, added path p50 {done.media.added_path.p50:.2f} ms",
                    highlight=False,
                )
    return rounds


def document(load: Load, rounds: Sequence[Round]) -> dict[str, Any]:
    """What goes into the JSON file."""
    return {
        "machine": {
            "python": sys.version.split()[0],
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
        },
        "load": {"calls": load.calls, "seconds": load.seconds, "processes": load.processes, "pinned": load.pin},
        "rounds": [each.to_json() for each in rounds],
    }
