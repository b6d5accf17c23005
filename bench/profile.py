"""`python -m bench.profile`: where the program's CPU goes, sampled in one round of each mode."""

import argparse
import json
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.kinds import LOOP_KIND, OTHER, RULES, kind
from bench.modes import PROVIDER_MODES, SCENARIOS, Mode
from bench.rounds import Load, ProgramName, Watch, run_round

TICKS_S = os.sysconf("SC_CLK_TCK")
LEAST = 0.02
"""A smaller share in every column is not worth a line."""
KERNEL, TOTAL = "*of all that, in the kernel*", "**CPU, ms per call-second**"


@dataclass(frozen=True, slots=True)
class Threads:
    """CPU seconds so far: of the main thread, of the others by name, and of all in the kernel."""

    main: float
    others: Mapping[str, float]
    kernel: float

    @classmethod
    def of(cls, pid: int) -> "Threads":
        """Those of a process."""
        main, kernel, others = 0.0, 0.0, defaultdict[str, float](float)
        for task in Path(f"/proc/{pid}/task").iterdir():
            seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
            kernel += int((task / "stat").read_text().rpartition(")")[2].split()[12]) / TICKS_S
            if task.name == str(pid):
                main = seconds
            else:
                others[(task / "comm").read_text().strip().rstrip("0123456789")] += seconds
        return cls(main, others, kernel)


class Sampling(Watch):
    """Has the program sampled during the CPU window."""

    def __init__(self, samples: Path, calls: int) -> None:
        self.runner: Sequence[str] = ("-m", "bench.sampled", str(samples))
        self._samples = samples
        self._calls = calls
        self.spent: dict[str, float] = {}
        """What the CPU was used for, in ms per call-second."""

    def during(self, pid: int, seconds: float) -> None:
        """Sample until the end of the CPU window. Raises RuntimeError when nothing is written."""
        self._samples.unlink(missing_ok=True)
        first, began = Threads.of(pid), time.monotonic()
        os.kill(pid, signal.SIGUSR1)
        time.sleep(seconds)
        last, seconds = Threads.of(pid), time.monotonic() - began
        os.kill(pid, signal.SIGUSR2)
        self.spent = spent(_written(self._samples), first, last, seconds, self._calls)


def _written(path: Path) -> list[tuple[list[str], int]]:
    deadline = time.monotonic() + 5.0
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError("the program wrote no samples")
        time.sleep(0.05)
    stacks: list[tuple[list[str], int]] = json.loads(path.read_text())
    return stacks


def spent(
    stacks: Sequence[tuple[Sequence[str], int]], first: Threads, last: Threads, seconds: float, calls: int
) -> dict[str, float]:
    """What CPU was used for between two moments, in ms per call-second."""
    counts: Counter[str] = Counter()
    for stack, count in stacks:
        counts[kind(stack)] += count
    main = (last.main - first.main) * 1000 / seconds / calls
    # Samples are of the wall's clock, waiting is the loop's: the others are known, and the loop used what is left.
    wall = 1000 / calls / max(1, sum(counts.values()))
    found = {label: wall * count for label, count in counts.items() if label != LOOP_KIND}
    busy = sum(found.values())
    # What had to wait for a core was sampled as if it had one.
    found = {label: value * min(1.0, main / busy) for label, value in found.items()}
    found[LOOP_KIND] = max(0.0, main - busy)
    for name, used in last.others.items():
        found[f"threads of {name}"] = (used - first.others.get(name, 0.0)) * 1000 / seconds / calls
    everything = sum(found.values())
    found[KERNEL] = (last.kernel - first.kernel) * 1000 / seconds / calls
    found[TOTAL] = everything
    return found


def markdown(columns: Mapping[str, Mapping[str, float]]) -> str:
    """A line for each label that is worth one, a column for each program."""
    known = [label for _, label in RULES]
    labels = list(dict.fromkeys(known + [label for column in columns.values() for label in column]))
    labels = [each for each in labels if each not in (OTHER, KERNEL, TOTAL)]
    small = [
        each for each in labels if all(column.get(each, 0.0) < LEAST * column[TOTAL] for column in columns.values())
    ]
    lines = ["| | " + " | ".join(columns) + " |", "|---" + "|---:" * len(columns) + "|"]
    for label in (*(each for each in labels if each not in small), OTHER, KERNEL, TOTAL):
        cells = []
        for column in columns.values():
            value = column.get(label, 0.0)
            if label == OTHER:
                value += sum(column.get(each, 0.0) for each in small)
            cells.append(f"{value:.2f}" if value >= 0.005 else "-")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile. Raises RuntimeError when a round failed."""
    options = _options(arguments)
    console, columns = Console(), dict[str, dict[str, float]]()
    rounds: list[tuple[ProgramName, Mode]] = [
        ("server", mode) for mode in SCENARIOS if mode in options.modes.split(",")
    ]
    if options.floor:
        rounds.append(("floor", "constant"))
    for program, mode in rounds:
        name = mode if program == "server" else program
        directory = options.out / "profile" / name
        directory.mkdir(parents=True, exist_ok=True)
        watch = Sampling((directory / "samples.json").resolve(), options.calls)
        load = Load(options.calls, options.seconds, pin=options.pin)
        done = run_round(program, mode, load, directory, watch)
        columns[name] = watch.spent
        console.print(
            f"{name}: CPU {done.usage.cpu:.2f} ms per call-second with the sampling,"
            f" {done.media.unanswered} of {done.media.turns} turns unanswered",
            highlight=False,
        )
    text = markdown(columns)
    (options.out / "profile.md").write_text(text)
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--modes", "--mode", default=",".join(PROVIDER_MODES), help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--floor", action="store_true", help="the floor, too")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--pin", action="store_true", help="the program on core 0, everything else on core 1")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    if unknown := set(options.modes.split(",")) - SCENARIOS.keys():
        parser.error(f"no such mode: {', '.join(sorted(unknown))}; known are {', '.join(SCENARIOS)}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
