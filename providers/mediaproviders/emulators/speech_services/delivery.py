"""An answer on its way to the client, at the settings' pace and with its misfortune."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.visits import Visit

GARBAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one answer is delivered. `reset` cuts the connection; `sleep` may raise when the client has left."""

    visit: Visit
    pace: Pace
    reset: Callable[[], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def audio(self, audio: bytes, bytes_per_ms: int) -> AsyncGenerator[bytes]:
        """The pieces of `audio`, each when it is due."""
        visit, begun, sent_ms = self.visit, time.monotonic(), 0
        try:
            async for piece, length_ms in self._pieces(audio, bytes_per_ms, begun):
                if sent_ms == 0:
                    visit.note("first_delta")
                yield piece
                sent_ms += length_ms
            visit.note("last_delta")
            visit.note("response_done")
        finally:
            visit.note("closed", sent_ms=sent_ms)

    async def strike(self) -> None:
        """Have a misfortune befall an answer without audio: the stall before it, or the end of the connection."""
        if fault := self.visit.strikes("stall"):
            await self.sleep(fault.seconds)
        if self.visit.strikes("reset"):
            await self._cut()

    async def _pieces(self, audio: bytes, bytes_per_ms: int, begun: float) -> AsyncGenerator[tuple[bytes, int]]:
        fault = self.visit.fault
        at = None if fault is None else fault.after_ms
        if self.visit.strikes("empty"):
            return
        if flood := self.visit.strikes("flood"):
            audio = audio * math.ceil(flood.seconds * 1000 * bytes_per_ms / max(1, len(audio)))
        odd = self.visit.strikes("odd") is not None
        begin, end, sent_ms = 0, 0, 0
        for length in self.pace.lengths(math.ceil(len(audio) / bytes_per_ms)):
            if not flood:
                await self._until(begun + self.pace.due_s(sent_ms, 0.0))
            if at is not None and sent_ms >= at and await self._ends():
                return
            end += length * bytes_per_ms
            # The next piece begins with the second half of a sample.
            cut = end - 1 if odd and end < len(audio) else end
            yield audio[begin:cut], length
            begin, sent_ms = cut, sent_ms + length

    async def _ends(self) -> bool:
        """Whether the misfortune ends the answer here."""
        if not self.visit.timeline.of("fault"):
            await self.strike()
        return self.visit.strikes("truncate") is not None

    async def _cut(self) -> None:
        self.reset()
        # The server has to learn of it, so that what follows goes nowhere.
        await asyncio.sleep(0.01)

    async def _until(self, due: float) -> None:
        delay = due - time.monotonic()
        if delay > 0:
            await self.sleep(delay)
