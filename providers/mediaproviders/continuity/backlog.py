"""What a new session has to catch up with, given to it faster than it was spoken but not all at once.

An adapter keeps only so much audio that its service does not take: the beginning of a long sentence would be lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from mediaproviders.contract import AudioFormat

_EVERY_S: Final = 0.02
_FIRST_MS: Final = 1000
"""Caller audio given at once."""
_SLICE_MS: Final = 200
"""Caller audio given at a time after that: ten times as fast as it is spoken."""


class Backlog:
    """Caller audio on its way to `feed`, in order. `caught_up` is called when there is none left."""

    def __init__(
        self, audio: Iterable[bytes], form: AudioFormat, feed: Callable[[bytes], None], caught_up: Callable[[], None]
    ) -> None:
        self._chunks = deque(audio)
        self._slice = _FIRST_MS * form.bytes_per_ms
        self._next_slice = _SLICE_MS * form.bytes_per_ms
        self._feed = feed
        self._caught_up = caught_up
        self._timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return sum(map(len, self._chunks))

    def add(self, data: bytes) -> None:
        """What is spoken meanwhile."""
        self._chunks.append(data)

    def work(self) -> None:
        """Give the next slice, and see to it that the others follow."""
        given = 0
        while self._chunks and given < self._slice:
            chunk = self._chunks.popleft()
            given += len(chunk)
            self._feed(chunk)
        self._slice = self._next_slice
        if self._chunks:
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self.work)
        else:
            self._caught_up()

    def stop(self) -> None:
        """Nothing more is given."""
        if self._timer is not None:
            self._timer.cancel()
