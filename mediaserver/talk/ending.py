"""How a conversation ends, and only once: by the agent's wish, at a limit, or because the model is lost."""

import asyncio
from collections.abc import Callable
from typing import Final

from mediaproviders.contract import AudioFormat, Conversation, ProviderError
from mediaserver.talk.last_words import LastWords
from mediaserver.talk.orders import HangUp, Lost, Report

FAREWELL: Final = "The time for this call is up. Say one short sentence of goodbye now; ask nothing, call no tool."
FAREWELL_S: Final = 10.0
"""How long a goodbye may take to be generated."""
GO_ON: Final = "The line is cut when you have said goodbye. If you have not yet, say it now in one short sentence."
GOODBYE_S: Final = 4.0
"""How long a goodbye is waited for that may have been said before."""
HESITATION_S: Final = 1.0
"""How long an answer that begins with the call may take to bring words."""
REST_S: Final = 3.0
"""How long the answer with which a goodbye was said may go on: some end it only when their call is answered."""


class Ending:
    """The end of one call's conversation. `sorry` (mu-law) is what the caller hears when the model is lost."""

    def __init__(self, call: str, last_words: LastWords, report: Callable[[Report], None], sorry: bytes) -> None:
        self._call = call
        self._last_words = last_words
        self._report = report
        self._sorry = sorry
        self._why = ("the agent ended the call", "agent-hung-up")
        self.begun = False
        """It is being ended, with words still to be heard."""
        self.idle = asyncio.Event()
        """The model is not answering."""
        self.idle.set()
        self.words = asyncio.Event()
        """The model has something to say; cleared by whoever waits for it."""

    async def hang_up(self, session: Conversation | None, call: str, *, said: bool) -> None:
        """The model asked for it by tool call `call`; its last words go out first.

        `said`: it has spoken in the answer that it calls from. Otherwise its goodbye comes when the call is answered.
        """
        self.words.clear()
        if not said and session is not None and not await self._speaks(HESITATION_S):
            session.send_tool_result(call, GO_ON)
            said = not await self._speaks(GOODBYE_S, even_if_idle=True)
        await self._at_rest(REST_S if said else FAREWELL_S)
        await self.cut()

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

    async def cut(self) -> None:
        """Cut the line when the last words have been heard."""
        await self._last_words.heard()
        self._report(HangUp(self._call, *self._why))

    async def at_limit(self, limit: str, session: Conversation, *, takes_text: bool) -> None:
        """A limit is reached: the agent takes its leave, however it is disposed to, and the line is cut.

        A model that does not take texts cannot be told to: it finishes what it is saying.
        """
        self._why = ("a limit of the call is reached", limit)
        await self._at_rest()
        if takes_text:
            # Not before: some models break off what they have said already, and the caller is still hearing.
            await self._last_words.heard()
            await self._at_rest()
            self.idle.clear()
            session.instruct(FAREWELL)
            await self._at_rest()
        await self.cut()

    async def _at_rest(self, within_s: float = FAREWELL_S) -> None:
        """Until the model is not answering, or for so long."""
        try:
            async with asyncio.timeout(within_s):
                await self.idle.wait()
        except TimeoutError:
            pass

    async def lost(self, error: ProviderError, form: AudioFormat) -> None:
        """The model is gone for good. `form` is what playout takes."""
        self.idle.set()
        if self.begun:  # it has said goodbye: there is nothing to be sorry for
            await self.cut()
        else:
            await self._last_words.sorry(self._sorry, form)
            self._report(Lost(self._call, error.code, str(error)))
