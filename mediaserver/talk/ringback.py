"""The tone that says: it rings there (ITU-T E.180)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from mediacodecs.signal.tones import tone
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.form import form_of

_LEVEL_DBFS = -20.0


@dataclass(frozen=True, slots=True)
class RingTone:
    """The tone of a country, most of Europe's to begin with."""

    frequencies_hz: tuple[float, ...] = (425.0,)
    """Sounding together."""
    cadence_ms: tuple[int, ...] = (1000, 4000)
    """Tone and silence in turn, over and over."""


@lru_cache(maxsize=8)
def _audible(frequencies_hz: tuple[float, ...], ms: int, audio: AudioFormat) -> bytes:
    """One part that is heard."""
    return form_of(audio).encode(tone(frequencies_hz, ms, audio.rate, _LEVEL_DBFS))


class Ringback:
    """Frames for a leg that sends `audio`, `ptime_ms` each; the length may change from one to the next."""

    def __init__(self, ring: RingTone, audio: AudioFormat, ptime_ms: Callable[[], int]) -> None:
        form = form_of(audio)
        spans = tuple(pairwise(accumulate(ring.cadence_ms, initial=0)))
        self._sounds = [(start, _audible(ring.frequencies_hz, end - start, audio)) for start, end in spans[::2]]
        self._period_ms = sum(ring.cadence_ms)
        self._per_ms = form.bytes_per_ms
        self._silence = form.silence
        self._ptime_ms = ptime_ms
        self._at_ms = 0

    def pop(self) -> bytes | None:
        """The frame that is due; None between the rings."""
        at, ptime = self._at_ms, self._ptime_ms()
        self._at_ms = (at + ptime) % self._period_ms
        for start, sound in self._sounds:
            begin = (at - start) * self._per_ms
            if 0 <= begin < len(sound):
                frame = sound[begin : begin + ptime * self._per_ms]
                missing = ptime * self._per_ms - len(frame)
                return frame + self._silence * (missing // len(self._silence)) if missing else frame
        return None
