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


class Ending:
    """The end of one call's conversation. `sorry` (mu-law) is what the caller hears when the model is lost."""

    def __init__(self, call: str, last_words: LastWords, report: Callable[[Report], None], sorry: bytes) -> None:
        self._call = call
        self._last_words = last_words
        self._report = report
        self._sorry = sorry
        self.begun = False
        """It is being ended, with words still to be heard."""
        self.idle = asyncio.Event()
        """The model is not answering."""
        self.idle.set()

    async def hang_up(self) -> None:
        """The model asked for it; its last words go out first."""
        await self.idle.wait()
        await self._last_words.heard()
        self._report(HangUp(self._call, "the agent ended the call"))

    async def at_limit(self, limit: str, session: Conversation) -> None:
        """A limit is reached: the agent takes its leave, however it is disposed to, and the line is cut."""
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.idle.wait()
                self.idle.clear()
                session.instruct(FAREWELL)
                await self.idle.wait()
        except TimeoutError:
            pass
        await self._last_words.heard()
        self._report(HangUp(self._call, "a limit of the call is reached", limit))

    async def lost(self, error: ProviderError, form: AudioFormat) -> None:
        """The model is gone for good. `form` is what playout takes."""
        self.idle.set()
        if self.begun:  # it has said goodbye: there is nothing to be sorry for
            await self.hang_up()
        else:
            await self._last_words.sorry(self._sorry, form)
            self._report(Lost(self._call, error.code, str(error)))
