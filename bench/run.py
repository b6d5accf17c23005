"""`python -m bench`: rounds of server and floor in turn under the same load, medians, tables and a JSON file."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.goals import verdicts
from bench.modes import DEFAULT_MODES, SCENARIOS, Mode
from bench.rounds import Load, ProgramName, Round, run_round
from bench.speech import SHORT_CYCLE_S
from bench.tables import markdown, select, table

AROUND_S = 10.0
"""What a round takes besides its calls: a guess, until the first one has been timed."""


@dataclass(frozen=True, slots=True)
class Step:
    """One round to be run."""

    mode: Mode
    number: int
    program: ProgramName
    load: Load

    @property
    def name(self) -> str:
        """For the progress and the directory."""
        return f"{self.mode}-{self.number}-{self.program}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark. Raises RuntimeError when a round failed."""
    options = _options(arguments)
    steps = plan(options)
    console = Console()
    rounds = _run(steps, options.out / "bench", console)
    for mode in dict.fromkeys(step.mode for step in steps):
        server, floor = select(rounds, mode, "server"), select(rounds, mode, "floor")
        console.print(table(mode, server, floor))
        for goal, reached in verdicts(mode, server, floor):
            console.print(f"  {'?' if reached is None else 'yes' if reached else 'NO '}  {goal}", highlight=False)
    written = {
        "bench.json": json.dumps(document(rounds), indent=1, allow_nan=True) + "\n",
        "bench.md": markdown(rounds, f"Python {platform.python_version()}, {os.cpu_count()} cores"),
    }
    for name, text in written.items():
        (options.out / name).write_text(text)
    console.print(f"figures of every round: {options.out / 'bench.json'}; as Markdown: {options.out / 'bench.md'}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of the calls; at least 30 for figures")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each program in each mode")
    parser.add_argument("--modes", default=",".join(DEFAULT_MODES), help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--programs", default="server,floor")
    parser.add_argument("--turns", type=int, default=100, help="turns of each call in the modes of short turns")
    parser.add_argument("--turn-calls", type=int, default=5, help="calls in the modes of short turns")
    parser.add_argument("--processes", type=int, default=1, help="processes the callers are spread over")
    parser.add_argument("--pin", action="store_true", help="the program on core 0, everything else on core 1")
    parser.add_argument("--quick", action="store_true", help="one round of 10 calls of 15 s, constant: does it run?")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    if options.quick:
        options.calls, options.seconds, options.rounds, options.modes = 10, 15.0, 1, "constant"
    if unknown := set(options.modes.split(",")) - SCENARIOS.keys():
        parser.error(f"no such mode: {', '.join(sorted(unknown))}; known are {', '.join(SCENARIOS)}")
    return options


def plan(options: argparse.Namespace) -> list[Step]:
    """Every mode once, then every mode again; server and floor in turn, so that both share a slow minute."""
    modes: list[Mode] = [mode for mode in SCENARIOS if mode in options.modes.split(",")]
    programs: list[ProgramName] = [name for name in ("server", "floor") if name in options.programs.split(",")]
    steps = []
    for number in range(1, options.rounds + 1):
        # The other way round every second time: a machine that gets slower favours neither.
        order = programs if number % 2 else programs[::-1]
        for mode in modes:
            load = Load(options.calls, options.seconds, options.processes, options.pin)
            if SCENARIOS[mode].short:
                # The last call begins a cycle later than the first, and its last answer needs time to begin.
                seconds = (options.turns + 1) * SHORT_CYCLE_S + 1.0
                load = Load(options.turn_calls, seconds, 1, options.pin)
            covered = SCENARIOS[mode].same_floor in modes
            steps += [Step(mode, number, name, load) for name in order if name == "server" or not covered]
    return steps


def _run(steps: Sequence[Step], directory: Path, console: Console) -> list[Round]:
    rounds: list[Round] = []
    began, around_s = time.monotonic(), AROUND_S
    for index, step in enumerate(steps):
        left = sum(each.load.seconds + around_s for each in steps[index:])
        progress = f"{step.name}: round {index + 1} of {len(steps)}, {step.load.calls} calls, about {_clock(left)} left"
        round_began = time.monotonic()
        with console.status(progress):
            if not console.is_terminal:
                console.print(progress, highlight=False)
            done = run_round(step.program, step.mode, step.load, directory / step.name)
        around_s = time.monotonic() - round_began - step.load.seconds
        rounds.append(done)
        console.print(
            f"{_clock(time.monotonic() - began):>6} {step.name}: CPU {done.usage.cpu:.2f} ms per call-second,"
            f" lateness p99 {done.media.lateness.p99:.2f} ms, added path p50 {done.media.added_path.p50:.2f} ms,"
            f" {done.media.unanswered} of {done.media.turns} turns unanswered",
            highlight=False,
        )
    return rounds


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def document(rounds: Sequence[Round]) -> dict[str, Any]:
    """What goes into the JSON file."""
    return {
        "machine": {
            "python": sys.version.split()[0],
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg(),
        },
        "rounds": [each.to_json() for each in rounds],
    }
