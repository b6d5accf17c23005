"""How a conversation ends, and only once: by the agent's wish, at a limit, or because the model is lost."""

from collections.abc import Callable
from typing import Final

from mediaproviders.contract import AudioFormat, Conversation, ProviderError
from mediaserver.talk.answering import Answering
from mediaserver.talk.last_words import LastWords
from mediaserver.talk.orders import HangUp, Lost, Report

FAREWELL: Final = "The time for this call is up. Say one short sentence of goodbye now; ask nothing, call no tool."
GO_ON: Final = "The line is cut when you have said goodbye. If you have not yet, say it now in one short sentence."


class Ending:
    """The end of one call's conversation. `sorry` (mu-law) is what the caller hears when the model is lost."""

    def __init__(
        self, call: str, answering: Answering, last_words: LastWords, report: Callable[[Report], None], sorry: bytes
    ) -> None:
        self._call = call
        self._answering = answering
        self._last_words = last_words
        self._report = report
        self._sorry = sorry
        self._why = ("the agent ended the call", "agent-hung-up")
        self.begun = False
        """It is being ended, with words still to be heard."""

    async def hang_up(self, session: Conversation | None, call: str, *, said: bool) -> None:
        """The model asked for it by tool call `call`; its last words go out first.

        `said`: it has spoken in the answer that it calls from. Otherwise its goodbye comes when the call is answered.
        """
        await self._answering.last_words(session, call, GO_ON, said=said)
        await self.cut()

    async def cut(self) -> None:
        """Cut the line when the last words have been heard."""
        await self._last_words.heard()
        self._report(HangUp(self._call, *self._why))

    async def at_limit(self, limit: str, session: Conversation, *, takes_text: bool) -> None:
        """A limit is reached: the agent takes its leave, however it is disposed to, and the line is cut.

        A model that does not take texts cannot be told to: it finishes what it is saying.
        """
        self._why = ("a limit of the call is reached", limit)
        await self._answering.at_rest()
        if takes_text:
            # Not before: some models break off what they have said already, and the caller is still hearing.
            await self._last_words.heard()
            await self._answering.at_rest()
            self._answering.idle.clear()
            session.instruct(FAREWELL)
            await self._answering.at_rest()
        await self.cut()

    async def lost(self, error: ProviderError, form: AudioFormat) -> None:
        """The model is gone for good. `form` is what playout takes."""
        self._answering.idle.set()
        if self.begun:  # it has said goodbye: there is nothing to be sorry for
            await self.cut()
        else:
            await self._last_words.sorry(self._sorry, form)
            self._report(Lost(self._call, error.code, str(error)))
