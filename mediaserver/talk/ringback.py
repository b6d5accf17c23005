"""The tone that says: it rings there (ITU-T E.180: 425 Hz, 1 s in every 5)."""

from collections.abc import Callable
from functools import lru_cache

from mediacodecs.signal.tones import tone
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.form import form_of

_FREQUENCIES_HZ = (425.0,)
_TONE_MS, _PERIOD_MS = 1000, 5000
_LEVEL_DBFS = -20.0


@lru_cache(maxsize=8)
def _audible(audio: AudioFormat) -> bytes:
    """The part that is heard."""
    return form_of(audio).encode(tone(_FREQUENCIES_HZ, _TONE_MS, audio.rate, _LEVEL_DBFS))


class Ringback:
    """Frames for a leg that sends `audio`, `ptime_ms` each; the length may change from one to the next."""

    def __init__(self, audio: AudioFormat, ptime_ms: Callable[[], int]) -> None:
        form = form_of(audio)
        self._audible = _audible(audio)
        self._per_ms = form.bytes_per_ms
        self._silence = form.silence
        self._ptime_ms = ptime_ms
        self._at_ms = 0

    def pop(self) -> bytes | None:
        """The frame that is due; None between the rings."""
        at, ptime = self._at_ms, self._ptime_ms()
        self._at_ms = (at + ptime) % _PERIOD_MS
        if at >= _TONE_MS:
            return None
        frame = self._audible[at * self._per_ms : (at + ptime) * self._per_ms]
        missing = ptime * self._per_ms - len(frame)
        return frame + self._silence * (missing // len(self._silence)) if missing else frame
