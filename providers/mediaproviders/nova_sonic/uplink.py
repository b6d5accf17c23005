"""What goes to the service: caller audio in chunks and commands, in order, through a bounded queue."""

import asyncio
from collections import deque

from mediaproviders.contract import AudioFormat


class Uplink:
    """Keeps all commands, and the newest `queue_ms` of audio; the sender takes one event after another."""

    def __init__(self, audio: AudioFormat, *, uplink_ms: int, queue_ms: int) -> None:
        self._bytes_per_ms = audio.bytes_per_ms
        self._chunk_bytes = uplink_ms * audio.bytes_per_ms
        self._most_chunks = max(1, queue_ms // uplink_ms)
        self._partial = bytearray()
        self._audio: deque[bytes] = deque()
        self._gone = 0
        self._commands: deque[tuple[int, bytes]] = deque()
        """Each with the number of audio chunks that go before it, counted like `_gone` from the start."""
        self._dropped_bytes = 0
        self._filled = asyncio.Event()
        self._ended = False

    @property
    def dropped_ms(self) -> float:
        """Audio dropped so far, in ms."""
        return self._dropped_bytes / self._bytes_per_ms

    def add_audio(self, data: bytes) -> None:
        """Caller audio of any length; it leaves in chunks of `uplink_ms`."""
        size, partial = self._chunk_bytes, self._partial
        if len(data) == size and not partial:
            self._add(data)
            return
        partial += data
        if len(partial) < size:
            return
        whole = len(partial) // size * size
        for start in range(0, whole, size):
            self._add(bytes(partial[start : start + size]))
        del partial[:whole]

    def add_command(self, event: bytes) -> None:
        """An event that is no audio. It is never dropped and stays behind the audio given before it."""
        self._commands.append((self._gone + len(self._audio), event))
        self._filled.set()

    def discard_audio(self) -> None:
        """Forget the audio that waits; commands stay."""
        self._dropped_bytes += sum(map(len, self._audio)) + len(self._partial)
        self._gone += len(self._audio)
        self._audio.clear()
        self._partial.clear()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._filled.set()

    async def next(self) -> tuple[bytes, bool] | None:
        """The next event, or audio (True) that has yet to become one; waits for it. None after the last."""
        while True:
            if self._commands and self._commands[0][0] <= self._gone:
                return self._commands.popleft()[1], False
            if self._audio:
                self._gone += 1
                return self._audio.popleft(), True
            if self._ended:
                return None
            self._filled.clear()
            await self._filled.wait()

    @property
    def full(self) -> bool:
        """Audio is about to be dropped, or has been."""
        return len(self._audio) >= self._most_chunks

    def _add(self, chunk: bytes) -> None:
        audio = self._audio
        audio.append(chunk)
        if len(audio) > self._most_chunks:
            self._gone += 1
            self._dropped_bytes += len(audio.popleft())
        self._filled.set()
