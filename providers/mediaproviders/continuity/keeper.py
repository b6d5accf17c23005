"""Keeps a session behind a conversation: opens the first, the next ahead of a limit, and another for one that is lost.

One task at a time: it waits for the end of the current session's life, or replaces one that has ended.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final

from mediaproviders.continuity.attempts import Attempts
from mediaproviders.continuity.line import Line
from mediaproviders.continuity.schedule import Floor, Window, window
from mediaproviders.continuity.settings import Candidate, ContinuitySettings
from mediaproviders.continuity.stage import Stage
from mediaproviders.contract import Brief, Event, ProviderError, Reconnected, RolledOver, Told, TookOver

_ASK_S: Final = 2.0
"""How often a session is asked whether its provider has announced its end."""
_LEAVE_S: Final = 3.0
"""Patience with sessions that are being closed, at the end of the conversation."""
_TELL_AGAIN: Final = 2
"""How often a session is opened anew because what it was told has changed meanwhile."""
_AGAIN_S: Final = 3.0
"""After all attempts to open the next session have failed, while the present one still works."""


class Keeper:
    """Opens, exchanges, replaces and leaves the sessions of one conversation."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        settings: ContinuitySettings,
        brief: Brief,
        floor: Floor,
        stage: Stage,
    ) -> None:
        self.current: Line | None = None
        self.rollovers = 0
        self.reconnects = 0
        self.failovers = 0
        self.name = candidates[0].name
        """The candidate in use, or last used."""
        self._candidates = candidates
        self._settings = settings
        self._brief = brief
        self._floor = floor
        self._stage = stage
        self._attempts = Attempts(len(candidates), settings.delays_s)
        self._ahead: Line | None = None
        self._work: asyncio.Task[None] | None = None
        self._lines: set[Line] = set()
        self._adopted = 0
        self._adopted_at = 0.0
        self._clock = asyncio.get_running_loop().time

    async def begin(self) -> None:
        """Open the first candidate that can be opened; while trying again may help, all are tried again after a wait.

        Raises the last one's ProviderError if none can.
        """
        settings, began = self._settings, self._clock()
        attempts = Attempts(len(self._candidates), settings.delays_s)
        error: ProviderError | None = None
        for delay_s in (0.0, *settings.delays_s[1:]):
            left = [index for index in range(len(self._candidates)) if not attempts.barred(index)]
            if not left or self._clock() + delay_s >= began + min(settings.total_s, settings.open_s):
                break
            await asyncio.sleep(delay_s)
            for count, index in enumerate(left):
                patience_s = (began + settings.open_s - self._clock()) / (len(left) - count)
                try:
                    line = await self._open(index, patience_s)
                except ProviderError as refused:
                    error = refused
                    if not refused.retryable:
                        attempts.bar(index)
                else:
                    self._adopt(line, self._taken_over(line, 0))
                    return
        assert error is not None
        raise error

    async def close(self) -> None:
        """Leave all sessions."""
        self.current = None
        tasks = {line.task for line in self._lines}
        if self._work is not None:
            self._work.cancel()
            tasks.add(self._work)
        for line in self._lines:
            line.leave()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_LEAVE_S)
            for task in late:
                task.cancel()

    # --- a session's calls ---

    def take(self, line: Line, event: Event) -> None:
        """A session has an event."""
        self._stage.take(line, event)

    def crowded(self) -> Awaitable[None] | None:
        """What to wait for before it is read further, if anything."""
        return self._stage.crowded()

    def ended(self, line: Line, error: Exception) -> None:
        """A session has ended by itself. One opened ahead is missed by whoever waits for it."""
        if line is not self.current:
            return
        self.current = None
        self._reward()
        self._stage.lost()
        if isinstance(error, ProviderError):
            self._do(self._replace(line, error))
        else:
            self._stage.fail(error)

    def renew(self, reason: str, *, proved: bool) -> bool:
        """Replace the current session, which works no longer; one that was not `proved` speaks against its candidate.

        False: there is nothing to replace it with.
        """
        line = self.current
        if line is None:
            return self._work is not None and not self._work.done()
        if proved:
            self._reward()
        else:
            self._attempts.bar(line.index)
        ready = self._ahead is not None and not self._ahead.over and proved
        if not ready and not any(map(self._attempts.left, range(len(self._candidates)))):
            return False
        self.current = None
        self._stage.lost(in_vain=True)
        line.leave()
        self._do(self._replace(line, ProviderError(f"{line.name}: {reason}", code=reason, retryable=proved)))
        return True

    def _reward(self) -> None:
        """A session that held, or did what it was there for, has earned all attempts again."""
        if self._clock() - self._adopted_at >= self._settings.steady_s or self._stage.served():
            self._attempts.renew()

    # --- ahead of a limit ---

    def _window(self, line: Line) -> Window | None:
        return window(line.since, line.traits.max_connection_s, line.ending_at, self._settings)

    async def _renew(self, line: Line) -> None:
        """Exchange `line` before the end of its life."""
        while (end := self._window(line)) is None or self._clock() < end.opens:
            if not line.traits.announces_end and end is None:
                return
            wait_s = end.opens - self._clock() if end is not None else _ASK_S
            await asyncio.sleep(min(wait_s, _ASK_S) if line.traits.announces_end else wait_s)
        attempts = Attempts(len(self._candidates), self._settings.delays_s)
        while True:
            end = self._window(line) or end
            now, ahead = self._clock(), self._ahead
            if ahead is None or ahead.over:
                self._ahead = await self._open_ahead(line.index, attempts, settle=now >= end.relaxes)
            elif now < end.relaxes and self._outdated(ahead):
                attempts.renew()
                ahead.leave()
                continue
            elif end.ripe(now, self._floor):
                if self._stage.fits(ahead):
                    self._exchange(line, ahead)
                    return
                ahead.leave()
            await asyncio.sleep(self._settings.look_s)

    def _outdated(self, ahead: Line) -> bool:
        """It has to be told more, can be told when it is opened only, and there is time for another."""
        if ahead.traits.late_history or self._floor.generating:
            return False
        return len(self._stage.settled_history(hopeful=True)) > len(ahead.brief.history)

    async def _open_ahead(self, index: int, attempts: Attempts, *, settle: bool) -> Line | None:
        """One attempt. `settle`: time is short, so another candidate will do."""
        order = [each for each in attempts.order(index) if attempts.left(each)]
        if not order or (order[0] != index and not settle and not attempts.barred(index)):
            attempts.renew()
            await asyncio.sleep(_AGAIN_S)
            return None
        delay_s = attempts.take(order[0]) or 0.0
        await asyncio.sleep(delay_s)
        try:
            return await self._open(order[0], self._settings.total_s)
        except ProviderError as refused:
            if not refused.retryable:
                attempts.bar(order[0])
            return None

    def _exchange(self, old: Line, new: Line) -> None:
        self._ahead = None
        self.rollovers += 1
        self._adopt(new, [RolledOver(), *self._taken_over(new, old.index)])
        lingers_s = self._stage.lingers_s()
        if lingers_s > 0:
            asyncio.get_running_loop().call_later(lingers_s, old.leave)
        else:
            old.leave()

    # --- after a loss ---

    async def _replace(self, lost: Line, error: ProviderError) -> None:
        """Find another session; give up when there is none."""
        if not error.retryable:
            self._attempts.bar(lost.index)
        ahead, self._ahead = self._ahead, None
        if ahead is not None and not ahead.over:
            if self._attempts.left(ahead.index) and self._stage.fits(ahead):
                self._stand_in(ahead, lost, error)
                return
            ahead.leave()
        last = error
        for index in self._attempts.order(lost.index):
            found = await self._attempt(index)
            if isinstance(found, Line):
                self._stand_in(found, lost, error)
                return
            last = found or last
        self._stage.fail(last)

    async def _attempt(self, index: int) -> Line | ProviderError | None:
        """A session by the candidate, the last reason why there is none, or nothing if it has no attempts left."""
        error: ProviderError | None = None
        try:
            async with asyncio.timeout(self._settings.total_s):
                while (delay_s := self._attempts.take(index)) is not None:
                    await asyncio.sleep(delay_s)
                    try:
                        return await self._open(index, self._settings.total_s)
                    except ProviderError as refused:
                        error = refused
                        if not refused.retryable:
                            self._attempts.bar(index)
        except TimeoutError:
            said = f"{self._candidates[index].name} could not be opened within {self._settings.total_s:g} s"
            error = error or ProviderError(said, code="timeout", retryable=True)
        return error

    def _stand_in(self, line: Line, lost: Line, error: ProviderError) -> None:
        reason = error.code
        if line.index == lost.index:
            self.reconnects += 1
        else:
            reason = f"{lost.name} was lost ({error.code}), {line.name} took over"
        self._adopt(line, [Reconnected(reason), *self._taken_over(line, lost.index)])

    # --- all of them ---

    def _taken_over(self, line: Line, before: int) -> list[Event]:
        """What is to be told of it that another candidate than the one `before` goes on, if it is another."""
        if line.index == before:
            return []
        self.failovers += 1
        return [TookOver(line.name, self._candidates[before].name)]

    async def _open(self, index: int, patience_s: float) -> Line:
        """A new session by the candidate, told what was said so far. Raises ProviderError."""
        name = self._candidates[index].name
        hopeful = not self._candidates[index].provider.traits.late_history
        try:
            for _ in range(_TELL_AGAIN):
                line = await self._opened(index, patience_s, self._stage.settled_history(hopeful=hopeful))
                if self._stage.fits(line):
                    return line
                line.leave()  # the caller has interrupted what it was told as said
            return await self._opened(index, patience_s, ())
        except ProviderError as error:
            self._stage.refused(name, error)
            raise

    async def _opened(self, index: int, patience_s: float, history: tuple[Told, ...]) -> Line:
        line = Line(index, self._candidates[index], replace(self._brief, history=history), self)
        self._lines.add(line)
        line.task.add_done_callback(lambda _: self._lines.discard(line))
        await line.open(patience_s)
        return line

    def _adopt(self, line: Line, news: Sequence[Event]) -> None:
        line.number, self._adopted = self._adopted, self._adopted + 1
        self.current = line
        self.name = line.name
        self._adopted_at = self._clock()
        self._stage.adopt(line, news)
        self._do(self._renew(line))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """This, and nothing else any more."""
        before = self._work
        if before is not None and before is not asyncio.current_task():
            before.cancel()
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        if not work.cancelled() and (error := work.exception()) is not None and isinstance(error, Exception):
            self._stage.fail(error)
