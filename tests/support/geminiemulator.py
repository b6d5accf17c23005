"""A caller of Gemini Live: the adapter, an emulator behind it, and what came of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np

from mediacodecs.pcm import Pcm, to_bytes
from mediaproviders.contract import PCM16_16K, PCM16_24K, Brief, Event
from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.gemini import GeminiEmulator, GeminiSettings, Pace
from mediaproviders.gemini_live import GeminiLive

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
QUICK = Pace(first_audio_ms=60.0, deltas_ms=(40,), rate=5.0)
CHUNK = 640  # 20 ms


class Loud:
    """Anything loud is speech."""

    frame = 256

    def speech(self, frame: Pcm) -> bool:
        return float(np.abs(frame.astype(np.int32)).mean()) > 300


def settings(**fields: Any) -> GeminiSettings:
    return GeminiSettings(**{"pace": QUICK, "answer_ms": 400, "transcription_ms": 30.0, **fields})


def brief(**fields: Any) -> Brief:
    return Brief(**{"model": MODEL, "instructions": "Be brief.", "input_format": PCM16_16K, **fields}, **_FORMAT)


_FORMAT: dict[str, Any] = {"output_format": PCM16_24K}


def provider(emulator: GeminiEmulator, **options: Any) -> GeminiLive:
    fields = {"api_key": "AIza-test", "base_url": emulator.url, "tls": emulator.certificates.client_context()}
    return GeminiLive(**{**fields, "open_timeout_s": 5.0, "detector": Loud, **options})


def speech(ms: int) -> bytes:
    return to_bytes(babble(99, 3000, 16000)[: ms * 16])


def silence(ms: int) -> bytes:
    return bytes(32 * ms)


class Call:
    """Speaks, and collects what the model does."""

    def __init__(self, conversation: Any) -> None:
        self.conversation = conversation
        self.events: list[Event] = []
        self.error: Exception | None = None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for event in self.conversation:
                self.events.append(event)
                self._changed.set()
        except Exception as error:
            self.error = error
        self._changed.set()

    def say(self, audio: bytes) -> None:
        """Faster than real time: the service's clock is the audio."""
        for offset in range(0, len(audio), CHUNK):
            self.conversation.send_audio(audio[offset : offset + CHUNK])

    def turn(self, ms: int = 500) -> None:
        self.say(silence(100) + speech(ms) + silence(700))

    def of[T](self, kind: type[T]) -> list[T]:
        return [each for each in self.events if isinstance(each, kind)]

    async def until(self, met: Callable[[], object], timeout_s: float = 5.0) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not met():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come: {self.events}, {self.error!r}") from None

    async def until_events(self, kind: type[Any], count: int = 1, timeout_s: float = 5.0) -> None:
        await self.until(lambda: len(self.of(kind)) >= count, timeout_s)

    async def until_over(self) -> Exception:
        await self.until(lambda: self._reader.done() or self.error)
        assert self.error is not None
        return self.error

    async def close(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


@contextlib.asynccontextmanager
async def calling(asked: GeminiLive, wanted: Brief, **options: Any) -> AsyncIterator[Call]:
    async with asked.connect(wanted, **options) as conversation:
        call = Call(conversation)
        try:
            yield call
        finally:
            await call.close()
