"""The line of a caller who types: silence in real time, and at times what was typed, spoken."""

import asyncio
from collections.abc import Callable

from mediaproviders.contract import AudioFormat

_SILENCE = {"pcmu": b"\xff", "pcma": b"\xd5", "pcm16": b"\x00"}
_LATE_S = 1.0
"""Whoever is so late does not catch up: the model would be flooded."""


class QuietLine:
    """Feeds `send` with `chunk_ms` of audio at a time while :meth:`run` runs."""

    def __init__(self, send: Callable[[bytes], None], form: AudioFormat, chunk_ms: int) -> None:
        self._send = send
        self._form = form
        self._chunk_s = chunk_ms / 1000
        self._size = chunk_ms * form.bytes_per_ms
        self._silence = _SILENCE[form.encoding] * self._size
        self._speech = bytearray()

    @property
    def form(self) -> AudioFormat:
        """What it is fed with."""
        return self._form

    @property
    def pending_s(self) -> float:
        """Speech that has still to be sent."""
        return len(self._speech) / (self._form.bytes_per_ms * 1000)

    def speak(self, audio: bytes) -> None:
        """Sent next, after the speech that waits."""
        self._speech += audio

    async def run(self) -> None:
        """Send until cancelled."""
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            self._send(self._next())
            due += self._chunk_s
            late = clock() - due
            if late > _LATE_S:
                due += late
            await asyncio.sleep(max(0.0, due - clock()))

    def _next(self) -> bytes:
        if not self._speech:
            return self._silence
        chunk = bytes(self._speech[: self._size])
        del self._speech[: self._size]
        return chunk + self._silence[len(chunk) :]
