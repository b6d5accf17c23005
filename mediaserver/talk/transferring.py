"""A transfer of one call, from the model's wish until its outcome is known."""

import asyncio
import json
from collections.abc import Callable
from typing import Final

from mediaproviders.contract import Conversation
from mediaserver.talk import transfer
from mediaserver.talk.answering import Answering
from mediaserver.talk.last_words import LastWords
from mediaserver.talk.orders import Report, TransferWanted
from mediaserver.talk.transfer import RefusedTargetError, Transfer

ANNOUNCE: Final = (
    "The transfer begins when you have told the caller that you are putting them through. "
    "If you have not yet, say so now in one short sentence; then wait, you will be told what came of it."
)
_IN_THESE_WORDS: Final = " Say: {message}"
UNDER_WAY: Final = json.dumps({"error": "a transfer is under way already; wait for its outcome"})
TRY_YOURSELF: Final = (
    "Not yet: try once more to help the caller yourself. If they insist, or you cannot, call transfer_call again."
)


class Transferring:
    """At most one transfer at a time. The agent says its last words, then keeps silent until it is told the outcome."""

    def __init__(
        self,
        call: str,
        settings: Transfer,
        answering: Answering,
        last_words: LastWords,
        report: Callable[[Report], None],
    ) -> None:
        self._call = call
        self._settings = settings
        self._answering = answering
        self._last_words = last_words
        self._report = report
        self._asked_before = False
        self._prompted = False
        self.tool_call: str | None = None
        """The call of the tool that began it; None: there is none."""
        self.over = asyncio.Event()
        """None is under way."""
        self.over.set()

    @property
    def under_way(self) -> bool:
        """Signalling has been asked for it: until its outcome the agent does not speak."""
        return not self.over.is_set()

    def begin(self, tool_call: str, arguments: str) -> tuple[str | None, str]:
        """The model wants a transfer: the target and "", or None and the answer to its call."""
        if self.tool_call is not None:
            return None, UNDER_WAY
        try:
            target = transfer.target(self._settings, arguments)
        except RefusedTargetError as refusal:
            return None, json.dumps({"error": str(refusal)})
        if self._settings.ignore_first and not self._asked_before:
            self._asked_before = True
            return None, TRY_YOURSELF
        self.tool_call = tool_call
        return target, ""

    async def transfer(self, session: Conversation | None, target: str, *, said: bool, takes_text: bool) -> None:
        """Ask signalling for it, once the caller has heard what the model has to say.

        `said`: it has spoken in the answer that it calls from. `takes_text`: it can be told the outcome even if its
        call is answered before, for words.
        """
        tool_call, settings = self.tool_call, self._settings
        if tool_call is None:
            return
        message = settings.default_message
        prompt = ANNOUNCE + (_IN_THESE_WORDS.format(message=message) if message else "")
        prompted = await self._answering.last_words(session, tool_call, prompt if takes_text else None, said=said)
        await self._last_words.heard()
        self._prompted = prompted
        self.over.clear()
        headers, style = settings.headers, settings.style
        self._report(TransferWanted(self._call, tool_call, target, headers, style, settings.wait_result))

    def outcome(self, tool_call: str, text: str, session: Conversation | None) -> None:
        """It has failed, or has succeeded and the call is still ours: the model is told, and may speak again."""
        if tool_call != self.tool_call:
            return
        self.tool_call = None
        prompted, self._prompted = self._prompted, False
        self.over.set()
        if session is None:
            return
        if prompted:  # its call has had its answer
            session.instruct(f"What came of the transfer: {text}")
        else:
            session.send_tool_result(tool_call, text)
