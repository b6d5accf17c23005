"""The command line: which target, by which engine, for how long."""

import argparse
import importlib.util
import traceback
from collections.abc import Iterable
from pathlib import Path

from fuzz import drawn, guided
from fuzz.choices import FromOctets
from fuzz.target import TARGETS, load
from fuzz.watch import conclude

OUT = Path("out") / "fuzz"


def main(arguments: list[str] | None = None) -> int:
    """Fuzz or replay; 0 if nothing was found, 1 if something was, 2 if it cannot be done."""
    given = _arguments(arguments)
    if given.replay:
        return _replay(given.target[0], given.replay)
    if not given.hypothesis and importlib.util.find_spec("atheris") is None:
        print("The coverage-guided fuzzer is not installed: pip install -e '.[fuzz]', or use --hypothesis.")
        return 2
    worst = 0
    for name in given.target or TARGETS:
        folder = given.out / name
        if given.hypothesis:
            report = drawn.watch(name, folder, given.minutes)
        else:
            report = guided.watch(name, folder, given.minutes, given.memory)
        worst = max(worst, conclude(report))
    return worst


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz what strangers may send.")
    names = "; ".join(f"{name}: {what}" for name, what in TARGETS.items())
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help=f"{names}. Default: one after the other")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each target (default 1)")
    parser.add_argument("--hypothesis", action="store_true", help="property-based in place of coverage-guided")
    parser.add_argument("--memory", type=int, default=1024, metavar="MB", help="at most (default 1024)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where corpus and findings are kept (default {OUT})")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run files, or those of a folder, once")
    given = parser.parse_args(arguments)
    if given.replay and len(given.target) != 1:
        parser.error("--replay wants one target")
    return given


def _replay(name: str, paths: Iterable[Path]) -> int:
    target, faults, count = load(name), 0, 0
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    for path in files:
        count += 1
        try:
            target.run(FromOctets(path.read_bytes()))
        except Exception:
            faults += 1
            print(f"{path}:\n{traceback.format_exc()}")
    print(f"{name}: {count} replayed, {faults} failed")
    return 1 if faults else 0
