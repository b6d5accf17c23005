"""Does an agent interrupt itself where a line echoes? `python -m bench.echo`; docs/echo.md says what is measured.

The calls run in virtual time: the server's own session, uplink, guard, detectors and turns, over a model of a line.
"""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from bench.echo_call import JUDGED_S, Deciding, EchoCall, Outcome, Says, loud_onset
from bench.echo_line import Line
from bench.echo_voices import AGENT_DB, at_level, voices
from bench.programs import ROOT
from mediacodecs.g711 import CODECS, Encoding
from mediacodecs.pcm import Pcm
from mediacodecs.signal.vad import DetectorPool, SileroBatch
from mediaserver.load.recording import RATE

ECHOES_DB = (-6.0, -12.0, -20.0, -30.0)
DELAYS_MS = (20.0, 120.0, 400.0)
SOFTEST_DB = -32.0
"""The softest a caller interrupts: below this, the same words are not heard in time on a line without an echo."""
SLACK_S = 0.02
"""What is decided so shortly before the caller's first loud packet may still be on account of softer ones."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of line and of interruption."""

    name: str
    line: Line
    over_db: float | None = None
    """The caller's level relative to the echo's; None: the caller says nothing."""
    level_db: float | None = None
    """The caller's level below full scale, in place of that."""

    @property
    def silent(self) -> bool:
        """The caller says nothing."""
        return self.over_db is None and self.level_db is None


@dataclass(slots=True)
class Result:
    """What was counted in the calls of a cell."""

    cell: str
    deciding: str
    calls: int
    ducks: int
    """Calls in which the agent ducked for its own echo."""
    selves: int
    """Calls in which our detector confirmed an interruption, or the model's heard speech, before the caller spoke."""
    upper: float
    """The 95 % upper bound of the share of such calls (Clopper-Pearson)."""
    neural: int
    """Calls in which a neural detector at the model's end heard the echo for speech."""
    missed: int
    """Interruptions that were not decided within 1.5 s, or not confirmed where we decide."""
    p50_ms: float | None
    p90_ms: float | None
    """From the arrival of the caller's first loud packet to the decision."""
    confirm_p90_ms: float | None
    """The same to the confirmation, where we decide."""
    neural_p90_ms: float | None
    erle_db: float | None
    """By how much softer an echo reached the model than it came."""
    cpu_ms: float
    """CPU of receiving and the uplink, the guard included, per second of the agent's speaking."""
    delay_ms: float | None
    level_db: float | None


def grid() -> list[Cell]:
    """The table of echoes, without and with an interruption."""
    cells = []
    for echo in ECHOES_DB:
        for delay in DELAYS_MS:
            line = Line(echo_db=echo, delay_ms=delay)
            for over in (None, 0.0, 6.0):
                said = "echo alone" if over is None else f"interrupted at {over:+g} dB"
                cells.append(Cell(f"{echo:g} dB, {delay:g} ms, {said}", line, over))
    return cells


def faults() -> list[Cell]:
    """Lines with something else amiss, all at -12 dB and 120 ms."""
    base = Line()
    kinds = {
        "5 % lost each way": replace(base, loss=0.05),
        "jitter of 40 ms": replace(base, jitter_ms=40.0),
        "clock 50 ppm slow": replace(base, skew_ppm=50.0),
        "delay grows by 60 ms": replace(base, moves_at_s=2.5, moves_by_ms=60.0),
        "delay shrinks by 40 ms": replace(base, moves_at_s=2.5, moves_by_ms=-40.0),
        "loudspeaker clips": replace(base, clip=0.25),
        "room of 30 ms": replace(base, tail_ms=30.0),
        "A-law": replace(base, encoding="PCMA"),
        "noise at -45 dB": replace(base, noise_db=-45.0),
    }
    return [
        Cell(f"{name}, {said}", line, over)
        for name, line in kinds.items()
        for said, over in (("echo alone", None), ("interrupted at +0 dB", 0.0), ("interrupted at +6 dB", 6.0))
    ]


def dry() -> list[Cell]:
    """Lines that give nothing back: what an interruption takes there is what it may take elsewhere."""
    line = Line(echo_db=None)
    return [Cell(f"no echo, caller at {level:g} dBFS", line, level_db=level) for level in (-20.0, -26.0, -32.0, -36.0)]


def measure(cell: Cell, calls: int, deciding: Deciding, pool: DetectorPool, *, guarded: bool = True) -> Result:
    """Make so many calls, each with voices, path, background and moment of its own."""
    outcomes = []
    for number in range(calls):
        says, answers = _scene(cell, number)
        call = EchoCall(cell.line, answers, says, deciding=deciding, seed=number, pool=pool, guarded=guarded)
        outcomes.append((call.run(), None if says is None else loud_onset(says)))
    return _result(cell, deciding, outcomes)


def _scene(cell: Cell, number: int) -> tuple[Says | None, list[tuple[Pcm, float]]]:
    rng = np.random.default_rng(1000 + number)
    people = voices()
    first = people.agent[number % len(people.agent)]
    second = people.agent[(number + 2) % len(people.agent)]
    answers = [(at_level(first, AGENT_DB), 0.2)]
    begin = 0.2 + len(first) / RATE + 1.0
    answers.append((at_level(second, AGENT_DB), begin))
    level = cell.level_db
    if level is None and cell.over_db is not None:
        level = max(AGENT_DB + (cell.line.echo_db or 0.0) + cell.over_db, SOFTEST_DB)
    if level is None:
        return None, answers
    caller = people.callers[number % len(people.callers)]
    # While the first answer is heard, not before the line can be known and not at its end.
    at = float(rng.uniform(1.3, 0.2 + len(first) / RATE - 0.9))
    return Says(at_level(caller, level)[: round(1.5 * RATE)], at), answers


def _result(cell: Cell, deciding: Deciding, outcomes: Sequence[tuple[Outcome, float | None]]) -> Result:
    ducks = selves = neural = missed = 0
    took: list[float] = []
    confirmed: list[float] = []
    sure: list[float] = []
    for outcome, onset in outcomes:
        end = 1e9 if onset is None else onset - SLACK_S
        ducks += any(at < end for at in outcome.ducked)
        selves += any(at < end for at in (*outcome.interrupted, *outcome.started))
        neural += any(at < end for at in outcome.sure)
        if onset is None:
            continue
        stopped = outcome.ducked if deciding == "local" else outcome.started
        took_s = _first(stopped, onset)
        missed += took_s is None or (deciding == "local" and _first(outcome.interrupted, onset) is None)
        took += [took_s] if took_s is not None else []
        confirmed += [each] if (each := _first(outcome.interrupted, onset)) is not None else []
        sure += [each] if (each := _first(outcome.sure, onset)) is not None else []
    calls = len(outcomes)
    alone = [outcome for outcome, onset in outcomes if onset is None]
    spoke = sum(outcome.spoke_s for outcome, _ in outcomes)
    delays = [outcome.delay_ms for outcome, _ in outcomes if outcome.delay_ms is not None]
    levels = [outcome.level_db for outcome, _ in outcomes if outcome.level_db is not None]
    return Result(
        cell=cell.name,
        deciding=deciding,
        calls=calls,
        ducks=ducks,
        selves=selves,
        upper=float(beta.ppf(0.95, selves + 1, calls - selves)) if selves < calls else 1.0,
        neural=neural,
        missed=missed,
        p50_ms=_percentile(took, 50),
        p90_ms=_percentile(took, 90),
        confirm_p90_ms=_percentile(confirmed, 90) if deciding == "local" else None,
        neural_p90_ms=_percentile(sure, 90),
        erle_db=_erle(alone, cell.line.encoding) if cell.line.echo_db is not None and alone else None,
        cpu_ms=round(1000 * sum(outcome.guard_s for outcome, _ in outcomes) / max(spoke, 0.1), 2),
        delay_ms=_percentile(delays, 50, 1.0),
        level_db=_percentile(levels, 50, 1.0),
    )


def _first(times: Sequence[float], onset: float) -> float | None:
    return next((at - onset for at in times if onset - SLACK_S <= at <= onset + JUDGED_S), None)


def _percentile(values: Sequence[float], percent: float, scale: float = 1000.0) -> float | None:
    return round(float(np.percentile(values, percent)) * scale, 1) if values else None


def _erle(outcomes: Sequence[Outcome], encoding: Encoding) -> float:
    """Of all the calls: power that came to power that was passed on, both with the line's background."""
    decode = CODECS[encoding].decode
    came, passed = (
        sum(float(np.square(decode(b"".join(payloads)).astype(np.float64)).sum()) for payloads in each)
        for each in ([outcome.came for outcome in outcomes], [outcome.passed for outcome in outcomes])
    )
    return round(10 * float(np.log10(max(came, 1.0) / max(passed, 1.0))), 1)


def table(results: Sequence[Result]) -> str:
    """The results as a table in Markdown."""
    titles = ["line", "decides", "self-interruptions", "95 % upper", "ducks", "neural", "missed", "p50 ms", "p90 ms"]
    titles += ["confirmed p90", "neural p90", "kept back, dB", "CPU ms"]
    rows = ["| " + " | ".join(titles) + " |", "|---|---" + "|---:" * (len(titles) - 2) + "|"]
    for one in results:
        cells: list[Any] = [one.cell, one.deciding, f"{one.selves} of {one.calls}", f"{one.upper:.0%}", one.ducks]
        cells += [one.neural, one.missed, one.p50_ms, one.p90_ms, one.confirm_p90_ms, one.neural_p90_ms]
        cells += [one.erle_db, one.cpu_ms]
        rows.append("| " + " | ".join("-" if each is None else str(each) for each in cells) + " |")
    return "\n".join(rows) + "\n"


def main(given: Sequence[str] | None = None) -> None:
    """Measure what was asked for, and print it."""
    arguments = _arguments().parse_args(given)
    pool = DetectorPool(SileroBatch())
    sets = {"grid": grid, "faults": faults, "dry": dry}
    results: list[Result] = []
    for name in arguments.sets.split(","):
        for cell in sets[name]():
            if arguments.only not in cell.name:
                continue
            # Where nobody interrupts, it is the same whoever decides.
            who: list[Deciding] = ["local"] if cell.silent else arguments.deciding.split(",")
            for deciding in who:
                results.append(measure(cell, arguments.calls, deciding, pool, guarded=not arguments.unguarded))
                print(table(results[-1:]).splitlines()[-1], flush=True)
    found = {"machine": platform.machine(), "cores": os.cpu_count(), "results": [asdict(one) for one in results]}
    path = Path(arguments.out) if arguments.out else ROOT / "out" / "echo.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2))
    path.with_suffix(".md").write_text(table(results))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20, help="calls in each cell")
    parser.add_argument("--sets", default="grid,faults,dry", help="of cells: grid, faults, dry")
    parser.add_argument("--only", default="", help="cells whose name has this in it")
    parser.add_argument("--deciding", default="provider,local", help="who decides interruptions")
    parser.add_argument("--unguarded", action="store_true", help="without the guard, to see what it is good for")
    parser.add_argument("--out", help="where to write the figures (JSON; a table goes beside it)")
    return parser


if __name__ == "__main__":
    main()
