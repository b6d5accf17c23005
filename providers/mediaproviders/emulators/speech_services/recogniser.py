"""What an emulated recogniser hears: it measures the audio it is given, and finds words only where there is sound."""

from dataclasses import dataclass
from typing import Final

from mediaproviders.emulators.speech import BLOCK_MS, BYTES_PER_MS, floor_of, loudness

_FLOOR: Final = floor_of(0.5)
LEAST_SPEECH_MS: Final = 60.0
"""Less sound than this is a click, not a word."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What was heard in one turn."""

    text: str
    """Empty if nothing was said."""
    length_ms: float
    speech_ms: float
    """How much of it was loud enough for speech."""


class Recogniser:
    """Hears the texts of `hears` in turn, over and over; without any, it tells how long the speech was."""

    def __init__(self, hears: tuple[str, ...] = ()) -> None:
        self._hears = hears
        self._turns = 0

    def hear(self, audio: bytes, kind: str) -> Hearing:
        """The words in `audio`, of a format named as in :mod:`mediaproviders.emulators.speech`."""
        meter = Meter(kind)
        meter.take(audio)
        return self.conclude(meter)

    def conclude(self, meter: "Meter") -> Hearing:
        """The words in what `meter` measured."""
        if meter.speech_ms < LEAST_SPEECH_MS:
            return Hearing("", meter.length_ms, meter.speech_ms)
        text = f"(speech, {meter.speech_ms / 1000:.1f} s)"
        if self._hears:
            text = self._hears[self._turns % len(self._hears)]
        self._turns += 1
        return Hearing(text, meter.length_ms, meter.speech_ms)


class Meter:
    """Length and loudness of audio that comes in pieces."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._bytes_per_ms = BYTES_PER_MS[kind]
        self._block = int(BLOCK_MS * self._bytes_per_ms)
        self._pending = bytearray()
        self.length_ms = 0.0
        self.speech_ms = 0.0

    def take(self, audio: bytes) -> None:
        """Measure more of it."""
        self.length_ms += len(audio) / self._bytes_per_ms
        self._pending += audio
        whole = len(self._pending) // self._block * self._block
        for start in range(0, whole, self._block):
            if loudness(bytes(self._pending[start : start + self._block]), self._kind) >= _FLOOR:
                self.speech_ms += BLOCK_MS
        del self._pending[:whole]
