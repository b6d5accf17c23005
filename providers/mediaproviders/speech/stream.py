"""Audio that is waited for, but not for ever."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass

from mediaproviders.contract import ProviderError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a voice may take, in s."""

    first_s: float = 8.0
    """Until its first audio."""
    next_s: float = 5.0
    """From one piece to the next."""

    async def first[T](self, arriving: Awaitable[T]) -> T:
        """Wait for what comes first. Raises ProviderError."""
        return await _within(self.first_s, arriving, "the voice service did not answer in time", "timeout")

    async def all[T](self, pieces: AsyncGenerator[T]) -> AsyncGenerator[T]:
        """The pieces as they come. Raises ProviderError if they do not."""
        async with aclosing(pieces):
            try:
                piece = await self.first(anext(pieces))
                while True:
                    yield piece
                    piece = await _within(self.next_s, anext(pieces), "the voice service fell silent", "stalled")
            except StopAsyncIteration:
                return


async def _within[T](seconds: float, arriving: Awaitable[T], otherwise: str, code: str) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await arriving
    except TimeoutError:
        raise ProviderError(otherwise, code=code, retryable=True) from None
