"""The coverage-guided fuzzer: atheris in a process of its own, watched over by the one that was called."""

import re
import subprocess
import sys
import time
from pathlib import Path

from fuzz.target import WATCHED, load
from fuzz.watch import Report, show

_PULSE = re.compile(r"#(?P<runs>\d+)\s+\w+\s+cov: (?P<cov>\d+) ft: \d+ corp: (?P<corpus>\d+)/\S+.*?rss: (?P<rss>\d+)Mb")
_SLOWEST_S = 20
_SPELL_S = 600
"""After so long a fresh process goes on with the corpus: the fuzzer itself grows by a few megabytes a minute."""


def watch(name: str, folder: Path, minutes: float, memory_mb: int) -> Report:
    """Fuzz for so long, showing how far it has come, and tell what came of it."""
    found, corpus = folder / "found", folder / "corpus"
    for each in (found, corpus):
        each.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    _sow(name, corpus)
    report = Report(name, "coverage-guided")
    began = time.monotonic()
    while not report.fault and not report.found and (left := minutes * 60 - report.seconds) >= 1:
        stopped = _spell(report, [name, str(corpus), *_flags(name, folder, min(left, _SPELL_S), memory_mb)], began)
        report.found = sorted(set(found.iterdir()) - before)
        if stopped:
            break
    return report


def _spell(report: Report, arguments: list[str], began: float) -> bool:
    """One process of the fuzzer, till its time is over or it finds something; whether somebody has stopped it."""
    before = report.runs
    tail: list[str] = []
    command = [sys.executable, "-m", "fuzz.guided", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as child:
        assert child.stderr is not None
        for line in child.stderr:
            if pulse := _PULSE.match(line):
                report.runs, report.coverage = before + int(pulse["runs"]), int(pulse["cov"])
                report.corpus, report.memory_mb = int(pulse["corpus"]), int(pulse["rss"])
                report.seconds = time.monotonic() - began
                show(report)
            elif not line.startswith(("INFO", "#", "\tNEW_FUNC")):
                tail = [*tail[-60:], line]
    report.seconds = time.monotonic() - began
    stopped = any("KeyboardInterrupt" in line or "run interrupted" in line for line in tail)
    if child.returncode and not stopped:
        report.fault = "".join(tail).strip() or f"the fuzzer ended with {child.returncode}"
    return stopped


def _sow(name: str, corpus: Path) -> None:
    for number, seed in enumerate(load(name).seeds()):
        (corpus / f"seed-{number:04}").write_bytes(seed)


def _flags(name: str, folder: Path, seconds: float, memory_mb: int) -> list[str]:
    target = load(name)
    dictionary = folder / "words"
    words = ("".join(f"\\x{octet:02x}" for octet in word) for word in target.words)
    dictionary.write_text("".join(f'"{word}"\n' for word in words))
    return [
        f"-max_total_time={max(1, round(seconds))}",
        f"-max_len={target.longest}",
        f"-dict={dictionary}",
        f"-artifact_prefix={folder / 'found'}/",
        f"-rss_limit_mb={memory_mb}",
        f"-timeout={_SLOWEST_S}",
        "-print_final_stats=1",
    ]


def _fuzz(name: str, arguments: list[str]) -> None:
    import atheris

    from fuzz.choices import FromOctets

    with atheris.instrument_imports(include=list(WATCHED)):
        target = load(name)

    def once(octets: bytes) -> None:
        target.run(FromOctets(octets))

    atheris.Setup([sys.argv[0], *arguments], once)
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], sys.argv[2:])
