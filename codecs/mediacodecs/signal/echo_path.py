"""Where in what was played does what is heard come from? A search for the delay of an echo, by correlation.

What was played lies on a tape whose positions count samples, and so do those of what is heard: a delay is the
difference of two positions, whatever the clocks of both say. Both are flattened before they are compared: of voices as
they are, any two vowels are alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

type Floats = NDArray[np.float32]

RATE = 8000
"""Hz, of everything here."""
EARLIEST, LATEST = -60 * RATE // 1000, 640 * RATE // 1000
"""Delays that are looked for. The positions of a stream that began late are ahead of the truth: hence those below 0."""
LONGEST = 100 * RATE // 1000
"""Samples that are compared at most."""

_KEPT = 8192
_FFT = 6480  # holds the lags and the longest segment; made of small factors
_FLATTEN = np.float32(0.95)
_LOUDEST_ECHO, _FAINTEST_ECHO = 2.0, 2.5e-4
"""Power of an echo relative to what it is an echo of: +3 and -36 dB. What needs more or less is none."""


class Tape:
    """The last second of what was played: samples by their position, silence where there was nothing."""

    __slots__ = ("_begin", "_samples", "end")

    def __init__(self) -> None:
        self._samples = np.zeros(2 * _KEPT, np.float32)
        self._begin = 0
        self.end = 0
        """The position behind the last sample."""

    def put(self, at: int, pcm: Pcm) -> None:
        """Lay samples at position `at`; what lies before the end already is replaced."""
        place = at - self._begin
        if place + len(pcm) > len(self._samples):
            place = self._advance(at)
        if place < 0:
            return
        self._samples[place : place + len(pcm)] = pcm
        self.end = max(self.end, at + len(pcm))

    def span(self, at: int, length: int) -> Floats:
        """`length` samples from position `at` on; a view if they are all here, and not to be changed."""
        place = at - self._begin
        if place >= 0 and place + length <= len(self._samples):
            return self._samples[place : place + length]
        out = np.zeros(length, np.float32)
        first, last = max(place, 0), min(place + length, len(self._samples))
        if first < last:
            out[first - place : last - place] = self._samples[first:last]
        return out

    def _advance(self, at: int) -> int:
        """Forget the older half, or all of it after a long silence; the place of position `at`."""
        begin = at - _KEPT
        kept = self._samples[max(0, begin - self._begin) :].copy() if begin < self.end else np.zeros(0, np.float32)
        self._samples[:] = 0.0
        self._samples[: len(kept)] = kept
        self._begin = begin
        return _KEPT


@dataclass(frozen=True, slots=True)
class Found:
    """The likeliest origin of a segment: it is `gain` times what was played `delay` samples before.

    `likeness` is how well that alone explains it: 1 wholly, 0 not at all. Its square is the share of the power.
    """

    delay: int
    gain: float
    likeness: float


def flattened(samples: Floats) -> Floats:
    """The samples less what each has of the one before; one fewer of them."""
    return samples[1:] - _FLATTEN * samples[:-1]


def search(tape: Tape, heard: Floats, at: int) -> Found | None:
    """Whence `heard`, whose first sample is at position `at`, may come; None: nothing played can be its origin."""
    size = len(heard) - 1
    wanted = flattened(heard)
    played = flattened(tape.span(at - LATEST, LATEST - EARLIEST + len(heard)))
    power = float(wanted @ wanted)
    powers = np.concatenate((np.zeros(1), np.cumsum(np.square(played), dtype=np.float64)))
    powers = (powers[size:] - powers[:-size])[: LATEST - EARLIEST + 1]
    possible = (powers * _LOUDEST_ECHO >= power) & (powers * _FAINTEST_ECHO <= power)
    if power <= 0.0 or not possible.any():
        return None
    product = np.fft.irfft(np.fft.rfft(played, _FFT) * np.conj(np.fft.rfft(wanted, _FFT)), _FFT)[: len(powers)]
    likeness = np.abs(product) / np.sqrt(np.where(possible, powers, np.inf) * power)
    best = int(likeness.argmax())
    return Found(LATEST - best, float(product[best] / powers[best]), float(likeness[best]))
