"""A chat with the agent of a cell, and what it showed."""

import asyncio
from typing import Final

from matrix.cells import GREETING, Cell
from matrix.phone import Outcome
from matrix.world import GOODBYE_TURN, TOOL_TURN, World
from mediaproviders.contract import ProviderError
from mediaserver.chat import ChatError, ChatSession

PATIENCE_S: Final = 60.0
"""Replies of models that only speak are as slow as speech."""


async def chat(cell: Cell, world: World) -> Outcome:
    """Hold the chat and judge it."""
    kept: dict[str, str | None] = dict.fromkeys(cell.promises, "it never came to that")
    ready = world.agents[cell.agent]
    try:
        async with asyncio.timeout(PATIENCE_S):
            await world.provision.start_chat(ready)
            async with ChatSession.of(ready, {"call_id": "matrix"}) as session:
                kept["greeting"] = None if session.welcome == GREETING else f"it said {session.welcome!r}"
                if session.slow is not (ready.chat == "transcription"):
                    kept["greeting"] = "it does not say whether it is slow"
                for turn in range(1, GOODBYE_TURN + 1):
                    reply = "".join([piece async for piece in session.say(f"This is my message number {turn}.")])
                    said = "answer number" in reply
                    if turn == TOOL_TURN:
                        told = said or "Monday from nine to five" in reply
                        kept["tool"] = None if told else f"it said {reply!r}"
                    elif turn < GOODBYE_TURN:
                        kept["question"] = None if said else f"it said {reply!r}"
                        if not said:
                            break
                kept["goodbye"] = None if session.ended is not None else "the chat did not end"
    except (ChatError, ProviderError, TimeoutError) as error:
        kept = {promise: fault and f"{type(error).__name__}: {error}" for promise, fault in kept.items()}
    return kept
