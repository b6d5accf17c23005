"""Events on their way to the server: any number of sessions put them in, one reader takes them out."""

import asyncio
from collections import deque
from typing import Final

from mediaproviders.contract import Event

MOST: Final = 4000
"""Events a server that does not read may leave waiting before sessions are read no further."""


class Outlet:
    """A queue that ends, with an error or without. Leaner than an :class:`asyncio.Queue`: no lock, no task to wake."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None

    def put(self, event: Event) -> None:
        """The next event."""
        self._events.append(event)
        if self._reader is not None:
            self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No more events. Who reads gets those that are there, then the error; the first end counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()
            self._make_room()

    @property
    def crowded(self) -> bool:
        """It is time to wait for :meth:`room`."""
        return len(self._events) >= MOST and not self._ended

    async def room(self) -> None:
        """Wait until the server reads."""
        while self.crowded:
            self._taken = self._taken or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._taken)

    async def take(self) -> Event:
        """The next event. Raises StopAsyncIteration at the end, or the error it ended with."""
        events = self._events
        while not events:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if self._taken is not None:
            self._make_room()
        return events.popleft()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _make_room(self) -> None:
        taken, self._taken = self._taken, None
        if taken is not None and not taken.done():
            taken.set_result(None)
