"""What came of all cases: for people, and as JUnit's XML for machines."""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from rich.table import Table

from conformance.case import PARTS
from conformance.play import Result


def table(results: Sequence[Result]) -> Table:
    """One line a case."""
    shown = Table(show_lines=False)
    for heading in ("case", "by", "RFC", "result", "s"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("shows")
    for result in results:
        case = result.case
        verdict = "[green]ok[/]" if result.fault is None else "[red]FAILED[/]"
        shown.add_row(
            f"{case.build} {case.name}", case.transport, case.rfc, verdict, f"{result.seconds:.1f}", case.shows
        )
    return shown


def markdown(results: Sequence[Result]) -> str:
    """The same as text that lasts."""
    lines = ["| part | case | by | RFC | shows | result | s |", "|---|---|---|---|---|---|---:|"]
    for result in results:
        case = result.case
        verdict = "ok" if result.fault is None else "failed"
        cells = (PARTS[case.build], case.name, case.transport, case.rfc, case.shows, verdict, f"{result.seconds:.1f}")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def junit(results: Sequence[Result], path: Path, suite: str = "conformance") -> None:
    """Write JUnit's XML."""
    failed = sum(result.fault is not None for result in results)
    root = Element("testsuite", name=suite, tests=str(len(results)), failures=str(failed))
    for result in results:
        entry = SubElement(root, "testcase", name=result.case.name, classname=f"{suite}.{PARTS[result.case.build]}")
        entry.set("time", f"{result.seconds:.3f}")
        if result.fault is not None:
            SubElement(entry, "failure", message=_printable(result.fault.splitlines()[0])).text = _printable(
                result.fault
            )
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(sign if sign >= " " or sign in "\n\t" else " " for sign in text)
