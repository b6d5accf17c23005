"""The caller's keys on their way to the model: gathered, and told as one message."""

import asyncio
from collections.abc import Callable

from mediaserver.talk.digits import Collector, DigitSettings

MESSAGE = "DTMF-{digits}"
"""What the model is told, as the caller's words. Its prompt says what to make of it."""


class Keypad:
    """`entered` takes each entry as it is complete."""

    def __init__(self, settings: DigitSettings, entered: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._collector = Collector(settings)
        self._entered = entered
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def press(self, digit: str, now: float) -> None:
        """The caller pressed a key."""
        entry = self._collector.press(digit, now)
        if entry is not None:
            self._entered(entry)
        self._wait(now)

    def close(self) -> None:
        """Nobody is to be told any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, now: float) -> None:
        self.close()
        if (due := self._collector.due) is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        # A hair more: the timer may come early, and what is not overdue then would be waited for in vain.
        now = self._clock() + 0.01
        if (entry := self._collector.overdue(now)) is not None:
            self._entered(entry)
        else:
            self._wait(now)
