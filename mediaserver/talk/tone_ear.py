"""An ear for keys in a leg's audio, where they do not come as events."""

from collections.abc import Callable

from mediacodecs.pcm import from_bytes
from mediacodecs.signal.dtmf_detector import RATE, DtmfDetector
from mediacodecs.signal.resample import Resampler

type HeardKey = Callable[[str, float, float], None]
"""A key, how long it was down in ms, and when it was let go (seconds)."""


class ToneEar:
    """Listens to samples at `rate` Hz."""

    __slots__ = ("_detector", "_heard", "_resampler")

    def __init__(self, rate: int, heard: HeardKey) -> None:
        self._resampler = None if rate == RATE else Resampler(rate, RATE)
        self._detector = DtmfDetector()
        self._heard = heard

    def push(self, pcm: bytes, now: float) -> None:
        """Audio that ends `now`, as little-endian samples."""
        samples = from_bytes(pcm)
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        for key in self._detector.push(samples):
            self._heard(key.digit, key.duration_ms, now - key.ago_ms / 1000)
