"""What came of all cells, for people and for the README."""

from collections.abc import Mapping

from rich.table import Table

from matrix.cells import CELLS, MODEL_NAMES, MODES, Cell, Mode, refusal
from matrix.phone import Outcome

HEADINGS: Mapping[Mode, str] = {
    "on": "call, voice streaming on",
    "off": "call, voice streaming off",
    "chat": "chat",
}


def shown(cell: Cell, outcome: Outcome) -> str:
    """A cell in a few words."""
    wrong = [f"{promise}: {fault}" for promise, fault in outcome.items() if fault is not None]
    if wrong:
        return "✗ " + "; ".join(wrong)
    if not cell.works:
        return "refused"
    return "✓ " + ("through transcription, slow" if cell.mode == "chat" and cell.known.chat != "text" else "")


def rich_table(outcomes: Mapping[Cell, Outcome]) -> Table:
    """For the terminal."""
    table = Table("model", *HEADINGS.values(), show_lines=False)
    for model in MODEL_NAMES:
        cells = [Cell(model, mode) for mode in MODES]
        table.add_row(model, *(shown(cell, outcomes[cell]) if cell in outcomes else "-" for cell in cells))
    return table


def markdown(outcomes: Mapping[Cell, Outcome]) -> str:
    """For the README."""
    lines = ["| model | " + " | ".join(HEADINGS.values()) + " |", "|---|---|---|---|"]
    for model in MODEL_NAMES:
        cells = [Cell(model, mode) for mode in MODES]
        row = (shown(cell, outcomes[cell]).strip() if cell in outcomes else "-" for cell in cells)
        lines.append(f"| {model} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def refusals() -> list[str]:
    """The words with which each refused cell is refused."""
    return [f"{cell.model}: {refusal(cell)}" for cell in CELLS if not cell.works]
