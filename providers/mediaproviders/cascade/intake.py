"""The caller's audio on its way to the detector: bounded, in whole frames. Pure."""

from typing import Final

from mediaproviders.contract import AudioFormat

BACKLOG_MS: Final = 10_000
"""Caller audio that may wait to be listened to."""


class Intake:
    """Bytes in, frames of `frame_ms` out; beyond the bound the oldest bytes are dropped."""

    def __init__(self, audio: AudioFormat, frame_ms: float) -> None:
        self._bytes_per_ms = audio.bytes_per_ms
        self._frame = round(frame_ms * audio.bytes_per_ms)
        self._waiting = bytearray()
        self._dropped = 0

    def put(self, data: bytes) -> bool:
        """More audio. True: there is a frame to take."""
        self._waiting += data
        over = len(self._waiting) - self._bytes_per_ms * BACKLOG_MS
        if over > 0:
            # An even number, or every 16-bit sample after it would be read across its middle.
            over += over & 1
            del self._waiting[:over]
            self._dropped += over
        return len(self._waiting) >= self._frame

    def take(self) -> bytes | None:
        """The next frame; None when there is no whole one."""
        if len(self._waiting) < self._frame:
            return None
        frame = bytes(self._waiting[: self._frame])
        del self._waiting[: self._frame]
        return frame

    @property
    def dropped_ms(self) -> float:
        """Audio dropped so far, in ms."""
        return self._dropped / self._bytes_per_ms
