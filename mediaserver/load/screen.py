"""What a person sees of a rehearsal: a live transcript in two columns at a terminal, plain lines anywhere else."""

import time
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mediaserver.load.picture import Latency

type Speaker = Literal["caller", "agent"]

CALLER, AGENT, BARGE_IN, FAINT = "bold blue", "bold green", "bold red", "bright_black"


@dataclass(slots=True, eq=False)
class Entry:
    """One thing said, `at` seconds into the call; below it notes, some of them alarming: latency, what was heard."""

    at: float
    speaker: Speaker
    text: str
    notes: list[tuple[str, bool]] = field(default_factory=list)


def stages(latency: Latency) -> str:
    """A latency in words."""
    return (
        f"answered after {latency.total_ms:.0f} ms = {latency.endpoint_ms:.0f} hears the end"
        f" + {latency.think_ms:.0f} thinks + {latency.playout_ms:.0f} reaches the ear"
    )


class Screen:
    """The transcript so far and what is going on. Without a terminal every entry is one line."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._entries: list[Entry] = []
        self._doing = ""
        self._since = time.monotonic()
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=8, transient=False)
        self._interactive = console.is_terminal

    def __enter__(self) -> "Screen":
        if self._interactive:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._doing = ""
        if self._interactive:
            self._live.stop()

    def doing(self, what: str) -> None:
        """Say what is going on; the time it takes is counted."""
        self._doing, self._since = what, time.monotonic()
        if not self._interactive:
            self._console.print(f"{what} …", style=FAINT, highlight=False)

    def expect(self, entry: Entry) -> None:
        """Show that something is being said whose words are not known yet; plain lines wait for them."""
        if entry not in self._entries:
            self._entries.append(entry)
            self._entries.sort(key=lambda each: each.at)

    def say(self, entry: Entry) -> None:
        """Add to the transcript."""
        self.expect(entry)
        if not self._interactive:
            self._console.print(f"[{entry.at:5.1f} s] {entry.speaker:<6} {entry.text}", highlight=False, markup=False)

    def note(self, entry: Entry, note: str, *, alarming: bool = False) -> None:
        """Write below an entry."""
        entry.notes.append((note, alarming))
        if not self._interactive:
            self._console.print(f"{'':17}{note}", highlight=False, markup=False)

    def _draw(self) -> RenderableType:
        table = Table.grid(expand=True, padding=(0, 1))
        table.add_column(width=7, justify="right", style=FAINT)
        table.add_column(ratio=1)
        table.add_column(ratio=1)
        table.add_row("", Text("caller", CALLER), Text("agent", AGENT))
        for entry in self._entries:
            cell = Text(entry.text)
            for note, alarming in entry.notes:
                cell.append(f"\n{note}", BARGE_IN if alarming else FAINT)
            columns = (cell, "") if entry.speaker == "caller" else ("", cell)
            table.add_row(f"{entry.at:.1f} s", *columns)
        parts: list[RenderableType] = [Panel(table, title=self._title, title_align="left", border_style=FAINT)]
        if self._doing:
            parts.append(Spinner("dots", Text(f"{self._doing}  {time.monotonic() - self._since:.0f} s", FAINT)))
        return Group(*parts)
