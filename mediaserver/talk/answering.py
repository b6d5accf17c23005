"""Whether the model is answering, and whether there are words in it: what its last words are waited for by."""

import asyncio
from typing import Final

from mediaproviders.contract import Conversation

HESITATION_S: Final = 1.0
"""How long an answer that begins with the call of a tool may take to bring words."""
WORDS_S: Final = 4.0
"""How long words are waited for that may have been said before."""
REST_S: Final = 3.0
"""How long the answer with which they were said may go on: some end it only when their call is answered."""
ANSWER_S: Final = 10.0
"""How long an answer may take to be generated."""


class Answering:
    """The answer in progress."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        """The model is not answering."""
        self.idle.set()
        self.words = asyncio.Event()
        """The model has something to say; cleared by whoever waits for it."""

    async def at_rest(self, within_s: float = ANSWER_S) -> None:
        """Until the model is not answering, or for so long."""
        try:
            async with asyncio.timeout(within_s):
                await self.idle.wait()
        except TimeoutError:
            pass

    async def last_words(self, session: Conversation | None, call: str, prompt: str | None, *, said: bool) -> bool:
        """Until the model has said what it has to say before its tool call `call` is done.

        `said`: it has spoken in the answer that it calls from. If it has not, some speak only once the call is
        answered: it is answered by `prompt` (None: it is not), and that is what is told.
        """
        self.words.clear()
        prompted = False
        if not said and session is not None and not await self._speaks(HESITATION_S) and prompt is not None:
            session.send_tool_result(call, prompt)
            prompted = True
            said = not await self._speaks(WORDS_S, even_if_idle=True)
        await self.at_rest(REST_S if said else ANSWER_S)
        return prompted

    async def _speaks(self, within_s: float, *, even_if_idle: bool = False) -> bool:
        """Whether the model says something before its answer is over, or (`even_if_idle`) in the next one."""
        waits = [self.words] if even_if_idle else [self.words, self.idle]
        tasks = [asyncio.ensure_future(event.wait()) for event in waits]
        try:
            await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        return self.words.is_set()
