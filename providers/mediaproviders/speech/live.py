"""The caller's turn as a live service gets it: sent while it is spoken, so that its text is nearly there at the end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Final

from mediaproviders.contract import AudioFormat, ProviderError
from mediaproviders.speech.utterance import LEAST_MS, MOST_S

PIECE_MS: Final = 100
"""Audio in one message."""

_AGAIN: Final = frozenset({"connection_lost", "unreachable", "server_error"})
"""Failures after which the turn is sent once more, from its beginning."""

type Recognise = Callable[["Turn", int], Awaitable[str]]
"""Sends a turn to a service and returns its text; told which attempt it is, from 0. Raises ProviderError."""


class Turn:
    """What the caller says in one turn."""

    def __init__(self, form: AudioFormat) -> None:
        self._bytes_per_ms = form.bytes_per_ms
        self._piece = PIECE_MS * form.bytes_per_ms
        self._audio = bytearray()
        self._ended = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def length_ms(self) -> float:
        """Length so far."""
        return len(self._audio) / self._bytes_per_ms

    def push(self, audio: bytes) -> None:
        """More of it."""
        if self.length_ms < MOST_S * 1000:
            self._audio += audio
            self._news.set()

    def end(self) -> None:
        """That was all."""
        self._ended.set()
        self._news.set()

    async def pieces(self) -> AsyncGenerator[bytes]:
        """From the beginning, in pieces of :data:`PIECE_MS` as they come; the last may be shorter."""
        sent = 0
        while not (self._ended.is_set() and sent >= len(self._audio)):
            if len(self._audio) - sent >= self._piece or self._ended.is_set():
                yield bytes(self._audio[sent : sent + self._piece])
                sent += self._piece
            else:
                self._news.clear()
                await self._news.wait()

    async def whole(self) -> bytes:
        """All of it, once it is over."""
        await self._ended.wait()
        return bytes(self._audio)


class LiveUtterances:
    """The turns under way of one service, so that its end is theirs as well."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._open: set[asyncio.Task[str]] = set()
        self._leaving: set[asyncio.Task[None]] = set()

    def begin(self, form: AudioFormat, recognise: Recognise) -> "LiveUtterance":
        """A turn begins; `timeout_s` is from its end to its text."""
        utterance = LiveUtterance(form, recognise, self._timeout_s)
        self._open.add(utterance.recognising)
        utterance.recognising.add_done_callback(self._over)
        return utterance

    def leave(self, leaving: Coroutine[None, None, None]) -> None:
        """Leave a connection, which has to take a bounded time; the text of a turn does not wait for it."""
        task = asyncio.ensure_future(leaving)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Stop all of them, and see their connections end."""
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _over(self, task: asyncio.Task[str]) -> None:
        self._open.discard(task)
        if not task.cancelled():
            # A turn that is given up does not ask what went wrong with it.
            task.exception()


class LiveUtterance:
    """One turn on its way into text."""

    def __init__(self, form: AudioFormat, recognise: Recognise, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._turn = Turn(form)
        self._recognise = recognise
        self.recognising = asyncio.ensure_future(self._text())

    def push(self, audio: bytes) -> None:
        """More of it."""
        self._turn.push(audio)

    async def finish(self) -> str:
        """Its text. Raises ProviderError."""
        self._turn.end()
        try:
            if self._turn.length_ms < LEAST_MS:
                return ""
            async with asyncio.timeout(self._timeout_s):
                return (await self.recognising).strip()
        except TimeoutError:
            raise ProviderError("the recogniser did not answer in time", code="timeout", retryable=True) from None
        finally:
            await self.discard()

    async def discard(self) -> None:
        """Stop sending and recognising it."""
        self.recognising.cancel()
        await asyncio.wait([self.recognising])

    async def _text(self) -> str:
        try:
            return await self._recognise(self._turn, 0)
        except ProviderError as error:
            if error.code not in _AGAIN:
                raise
        return await self._recognise(self._turn, 1)
