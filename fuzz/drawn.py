"""The property-based engine: hypothesis, as long as there is time, with examples that it has failed by kept."""

import hashlib
import traceback
from pathlib import Path
from time import monotonic

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import FlakyStrategyDefinition

from fuzz.choices import FromHypothesis
from fuzz.target import load
from fuzz.watch import Report, show

_ROUND = 500


def watch(name: str, folder: Path, minutes: float) -> Report:
    """Draw examples for so long, showing how far it has come, and tell what came of it."""
    target = load(name)
    report = Report(name, "hypothesis")
    began = monotonic()
    last: list[bytes] = []

    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=DirectoryBasedExampleDatabase(folder / "hypothesis"),
        suppress_health_check=list(HealthCheck),
        phases=[phase for phase in Phase if phase is not Phase.explain],
        report_multiple_bugs=False,
    )
    @given(st.data())
    def example(data: st.DataObject) -> None:
        choices = FromHypothesis(data, target.steps)
        report.runs += 1
        try:
            target.run(choices)
        except FlakyStrategyDefinition:
            raise
        except Exception:
            last[:] = [bytes(choices.octets_so_far)]
            raise

    while (passed := monotonic() - began) < minutes * 60:
        report.seconds = passed
        show(report)
        try:
            example()
        except FlakyStrategyDefinition:
            continue  # keys and signatures of a real handshake are never the same twice, nor is what comes after
        except Exception:
            report.fault = traceback.format_exc()
            report.found = _kept(folder / "found", last)
            break
    report.seconds = monotonic() - began
    return report


def _kept(folder: Path, octets: list[bytes]) -> list[Path]:
    """The example of the failure, as a file that plays it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"drawn-{hashlib.sha256(one).hexdigest()[:16]}" for one in octets]
    for path, one in zip(paths, octets, strict=True):
        path.write_bytes(one)
    return paths
