"""`python -m matrix`: every promised cell, shown."""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from matrix import table
from matrix.cells import CELLS, MODEL_NAMES, MODES, Cell, refusal
from matrix.chat import chat
from matrix.phone import Outcome, call
from matrix.world import World, world

AT_ONCE = 6
"""Calls at a time: callers, emulators and server share the machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Show every cell; 1 if one is not as promised."""
    parser = argparse.ArgumentParser(prog="python -m matrix", description=__doc__)
    parser.add_argument("--models", default=",".join(MODEL_NAMES), help="only these, comma-separated")
    parser.add_argument("--modes", default="on,off,chat", help="of on, off, chat")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    wanted = [
        cell for cell in CELLS if cell.model in options.models.split(",") and cell.mode in options.modes.split(",")
    ]
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        outcomes = uvloop.run(_all(wanted, Path(folder), console))
    outcomes = {cell: outcomes[cell] for cell in wanted}
    console.print(table.rich_table(outcomes))
    for sentence in table.refusals():
        console.print(f"refused: {sentence}", soft_wrap=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "matrix.md").write_text(table.markdown(outcomes))
    written = [{"model": cell.model, "mode": cell.mode, "outcome": dict(kept)} for cell, kept in outcomes.items()]
    (options.out / "matrix.json").write_text(json.dumps(written, indent=1) + "\n")
    failed = [cell for cell, kept in outcomes.items() if any(fault is not None for fault in kept.values())]
    console.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} cells are as promised")
    return 1 if failed else 0


async def _all(cells: Sequence[Cell], folder: Path, console: Console) -> dict[Cell, Outcome]:
    outcomes: dict[Cell, Outcome] = {}
    for cell in cells:
        if not cell.works:
            outcomes[cell] = {"refused": None if refusal(cell) is not None else "it was not refused"}
    # One wave after the other: a model's sessions are told apart by their order.
    waves = {mode: [cell for cell in cells if cell.mode == mode and cell.works] for mode in MODES}
    for modes in (("on", "off"), ("chat",)):
        if any(waves[mode] for mode in modes):
            async with world(folder / modes[0], calls="chat" not in modes) as running:
                for mode in modes:
                    turn = asyncio.Semaphore(AT_ONCE)
                    shown = await asyncio.gather(*(_show(cell, running, turn, console) for cell in waves[mode]))
                    outcomes |= zip(waves[mode], shown, strict=True)
    return outcomes


async def _show(cell: Cell, running: World, turn: asyncio.Semaphore, console: Console) -> Outcome:
    async with turn:
        kept = await (chat if cell.mode == "chat" else call)(cell, running)
    console.print(f"{cell.model} {cell.mode}: {table.shown(cell, kept)}", soft_wrap=True)
    return kept
