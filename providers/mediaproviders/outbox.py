"""Events on their way to the server, from which the audio of a stopped answer can be taken back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from mediaproviders.contract import Audio, AudioDone, Event, ProviderError


class Outbox:
    """Events in order. `limit` is the audio, in bytes, from which :meth:`room` waits for the server to take some."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._audio = 0
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False
        self._error: ProviderError | None = None

    def put(self, event: Event) -> None:
        """Add an event; none is taken after the end."""
        if self._closed:
            return
        if isinstance(event, Audio):
            self._audio += len(event.data)
        self._events.append(event)
        self._changed.set()

    async def room(self) -> None:
        """Wait until there is room for more audio."""
        while self._audio >= self._limit and not self._closed:
            self._taken.clear()
            await self._taken.wait()

    def take_back(self, response: str) -> None:
        """Drop what `response` says and the server has not taken yet."""
        kept: deque[Event] = deque()
        for event in self._events:
            if isinstance(event, Audio) and event.response == response:
                self._audio -= len(event.data)
            elif not (isinstance(event, AudioDone) and event.response == response):
                kept.append(event)
        self._events = kept
        self._taken.set()

    def close(self, error: ProviderError | None = None) -> None:
        """No more events; who reads gets those that are there, then `error` if there is one."""
        if not self._closed:
            self._closed, self._error = True, error
            self._changed.set()
            self._taken.set()

    async def events(self) -> AsyncIterator[Event]:
        """What was put, until the end. Raises the error it ended with."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Audio):
                    self._audio -= len(event.data)
                    self._taken.set()
                yield event
            if self._closed:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error
