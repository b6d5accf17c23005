"""How late the event loop is: what a call too many looks like from within."""

import asyncio
import time
from collections import deque

_EVERY_S = 0.1
_LOOKS = 3


class LoopLag:
    """Looks ten times a second. `seconds` is by how much the last three looks were late, each of them.

    One look that is late says nothing: something took a moment, once. If three are in a row, there is more to do than
    can be done.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._late: deque[float] = deque([0.0] * _LOOKS, _LOOKS)
        self._due = time.monotonic() + _EVERY_S
        self._timer = loop.call_later(_EVERY_S, self._look)

    @property
    def seconds(self) -> float:
        """How late."""
        return min(self._late)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        now = time.monotonic()
        self._late.append(now - self._due)
        self._due = now + _EVERY_S
        self._timer = self._loop.call_later(_EVERY_S, self._look)
