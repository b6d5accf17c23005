"""One sentence on its way to becoming audio: fetched ahead of its turn, bounded in time and size."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, Final

from mediaproviders.contract import AudioFormat, ProviderError
from mediaproviders.speech.contract import TextToSpeech
from mediaproviders.transcode import Transcoder

LONGEST_MS: Final = 90_000
"""Audio of one sentence; more is not speech."""


class Rendering:
    """`text` as audio in `wanted`; `patience_s` is for its first piece and for each after it."""

    def __init__(
        self, voice: TextToSpeech, text: str, spoken: AudioFormat, wanted: AudioFormat, patience_s: float
    ) -> None:
        self._voice = voice
        self._text = text
        self._spoken = spoken
        self._converter = Transcoder(spoken, wanted)
        self._room = LONGEST_MS * wanted.bytes_per_ms
        self._patience_s = patience_s
        self._pieces: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._fetch())
        self._task.add_done_callback(self._fetched)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The audio as it comes. Raises ProviderError."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._task.done():
                break
            self._changed.clear()
            await self._changed.wait()
        if self._task.cancelled():
            raise ProviderError("the voice gave up", code="internal", retryable=True)
        error = self._task.exception()
        if isinstance(error, ProviderError):
            raise error
        if error is not None:
            raise ProviderError(f"the voice failed: {error!r}", code="internal", retryable=True) from error

    def stop(self) -> asyncio.Task[None]:
        """It is not wanted any more. Returns what ends when the service is left."""
        self._task.cancel()
        return self._task

    def _fetched(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # of a sentence that is not wanted any more, nobody else asks
        self._changed.set()

    async def _fetch(self) -> None:
        loop = asyncio.get_running_loop()
        speech = self._voice.speak(self._text, self._spoken)
        try:
            async with asyncio.timeout(self._patience_s) as limit, _closing(speech):
                async for piece in speech:
                    limit.reschedule(loop.time() + self._patience_s)
                    self._came(self._converter.convert(piece))
        except TimeoutError:
            silence = f"the voice was silent for {self._patience_s:g} s"
            raise ProviderError(silence, code="stalled", retryable=True) from None
        self._came(self._converter.flush())

    def _came(self, audio: bytes) -> None:
        if audio:
            self._room -= len(audio)
            if self._room < 0:
                raise ProviderError("the voice does not end", code="protocol", retryable=True)
            self._pieces.append(audio)
            self._changed.set()


def _closing(speech: Any) -> AbstractAsyncContextManager[Any]:
    """Closing stops the service; an iterator that is no generator has nothing to close."""
    return aclosing(speech) if hasattr(speech, "aclose") else nullcontext()
