"""What the model wants done by calling a tool: by a function of the administrator's, or by the server itself."""

import json
from collections.abc import Callable, Coroutine

from structlog.typing import FilteringBoundLogger

from mediaproviders.contract import Conversation, ToolCall
from mediaserver.talk import press, transfer
from mediaserver.talk.due import AnswerDue
from mediaserver.talk.ending import Ending
from mediaserver.talk.feed import Notes
from mediaserver.talk.orders import KeysWanted, Report
from mediaserver.talk.press import RefusedKeysError
from mediaserver.talk.tools import END_CALL, Toolbox
from mediaserver.talk.transferring import UNDER_WAY, Transferring

NO_SUCH_CALL = json.dumps({"error": "the call is ending"})


class Wishes:
    """The tool calls of one conversation. `begin` runs what takes time, `session` is the model's, while it has one."""

    def __init__(
        self,
        call: str,
        toolbox: Toolbox,
        timeout_s: float,
        due: AnswerDue,
        ending: Ending,
        transferring: Transferring,
        report: Callable[[Report], None],
        session: Callable[[], Conversation | None],
        begin: Callable[[Coroutine[None, None, None]], None],
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        notes: Notes,
    ) -> None:
        self._call = call
        self._toolbox = toolbox
        self._timeout_s = timeout_s
        self._due = due
        self._ending = ending
        self._transferring = transferring
        self._report = report
        self._session = session
        self._begin = begin
        self._clock = clock
        self._log = log
        self._notes = notes
        self._keys: set[str] = set()
        """Calls of the tool that presses keys, not yet answered."""

    def take(self, wish: ToolCall, *, takes_text: bool) -> None:
        """The model calls a tool. `takes_text`: it can be told things outside of its calls."""
        box = self._toolbox
        self._notes.tool(wish.name)
        if wish.name == END_CALL.name and box.ends_calls:
            self._end(wish)
        elif wish.name == transfer.NAME and box.transfers:
            self._transfer(wish, takes_text=takes_text)
        elif wish.name == press.NAME and box.presses_keys:
            self._press(wish)
        else:
            self._due.tool_called()
            self._begin(self._run(wish))

    def outcome(self, tool_call: str, text: str) -> None:
        """What became of a transfer or of keys; the model goes on. An outcome nobody waits for is left alone."""
        session = self._session()
        if tool_call == self._transferring.tool_call:
            self._due.tool_returned(self._clock())
            self._notes.tool(transfer.NAME, text)
            self._transferring.outcome(tool_call, text, session)
        elif tool_call in self._keys:
            self._keys.discard(tool_call)
            self._due.tool_returned(self._clock())
            self._notes.tool(press.NAME, text)
            if session is not None:
                session.send_tool_result(tool_call, text)
        else:
            self._log.debug("outcome.unexpected", tool_call=tool_call)

    def _end(self, wish: ToolCall) -> None:
        if self._transferring.tool_call is not None:
            self._answer(wish, UNDER_WAY)
        elif not self._ending.begun:
            self._ending.begun = True
            self._begin(self._ending.hang_up(self._session(), wish.call, said=self._due.spoken))

    def _transfer(self, wish: ToolCall, *, takes_text: bool) -> None:
        if self._ending.begun:
            self._answer(wish, NO_SUCH_CALL)
            return
        target, why_not = self._transferring.begin(wish.call, wish.arguments)
        if target is None:
            self._log.info("transfer.refused", why=why_not)
            self._answer(wish, why_not)
            return
        said = self._due.spoken
        self._due.tool_called()
        self._log.info("transfer.wanted", target=target)
        work = self._transferring.transfer(self._session(), target, said=said, takes_text=takes_text)
        self._begin(work)

    def _press(self, wish: ToolCall) -> None:
        try:
            keys = press.keys(wish.arguments)
        except RefusedKeysError as refusal:
            self._answer(wish, json.dumps({"error": str(refusal)}))
            return
        self._due.tool_called()
        self._keys.add(wish.call)
        self._log.info("keys.wanted", count=len(keys))  # they may be somebody's number or code
        self._report(KeysWanted(self._call, wish.call, keys))

    def _answer(self, wish: ToolCall, text: str) -> None:
        session = self._session()
        self._notes.tool(wish.name, text)
        self._due.tool_called()
        self._due.tool_returned(self._clock())
        if session is not None:
            session.send_tool_result(wish.call, text)

    async def _run(self, wish: ToolCall) -> None:
        began = self._clock()
        try:
            output = await self._toolbox.run(wish.name, wish.arguments, self._timeout_s)
        finally:
            self._due.tool_returned(self._clock())
        self._log.info("tool", name=wish.name, ms=round((self._clock() - began) * 1000, 1))
        self._notes.tool(wish.name, output)
        if (session := self._session()) is not None:
            session.send_tool_result(wish.call, output)
