"""The caller's turn as a service that takes it whole gets it: collected, then recognised within a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from mediaproviders.contract import AudioFormat, ProviderError

LEAST_MS: Final = 100
"""Shorter than any word, and refused by services as too short to be audio."""
MOST_S: Final = 300
"""Nobody talks longer without a pause; what comes after is not recognised."""


class CollectedUtterance:
    """Collects a turn; `recognise` is given all of it and has `timeout_s` for its text."""

    def __init__(self, form: AudioFormat, recognise: Callable[[bytes], Awaitable[str]], timeout_s: float) -> None:
        self._form = form
        self._recognise = recognise
        self._timeout_s = timeout_s
        self._audio = bytearray()
        self._most = MOST_S * 1000 * form.bytes_per_ms
        self._recognising: asyncio.Task[str] | None = None

    def push(self, audio: bytes) -> None:
        """More of it."""
        if len(self._audio) < self._most:
            self._audio += audio

    async def finish(self) -> str:
        """Its text. Raises ProviderError."""
        audio = bytes(self._audio)
        self._audio.clear()
        if len(audio) < LEAST_MS * self._form.bytes_per_ms:
            return ""
        self._recognising = asyncio.ensure_future(self._within_time(audio))
        try:
            return (await self._recognising).strip()
        finally:
            # Whoever no longer waits for the text does not want to pay for it either.
            self._recognising.cancel()

    async def discard(self) -> None:
        """Forget it, and stop recognising it."""
        self._audio.clear()
        if self._recognising is not None:
            self._recognising.cancel()
            await asyncio.wait([self._recognising])

    async def _within_time(self, audio: bytes) -> str:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._recognise(audio)
        except TimeoutError:
            raise ProviderError("the recogniser did not answer in time", code="timeout", retryable=True) from None
