"""How far a run has come, and what came of it."""

import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Report:
    """One run of one engine. `coverage` counts edges, None where the engine does not tell."""

    target: str
    engine: str
    seconds: float = 0.0
    runs: int = 0
    coverage: int | None = None
    corpus: int | None = None
    memory_mb: int | None = None
    found: list[Path] = field(default_factory=list)
    fault: str = ""
    shown: float = -60.0

    def __str__(self) -> str:
        told = [f"{self.target} {self.engine} {self.seconds / 60:.1f} min", f"{self.runs:,} runs"]
        told += [] if self.coverage is None else [f"{self.coverage} edges"]
        told += [] if self.corpus is None else [f"corpus {self.corpus}"]
        told += [] if self.memory_mb is None else [f"{self.memory_mb} MB"]
        return ", ".join(told)


def show(report: Report) -> None:
    """The state of a run: in place on a terminal, else a line a minute."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{report}", end="", file=sys.stderr, flush=True)
    elif report.seconds - report.shown >= 60:
        report.shown = report.seconds
        print(report, file=sys.stderr, flush=True)


def conclude(report: Report) -> int:
    """Tell the outcome; the exit code."""
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"{report}: {'FAILED' if report.fault else 'nothing found'}")
    if report.fault:
        print(report.fault)
    for path in report.found:
        print(f"to see it again: python -m fuzz {report.target} --replay {path}")
    return 1 if report.fault else 0
