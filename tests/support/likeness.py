"""Whether a sound was heard, told by how its spectrum changes: codecs and stretching jitter buffers leave that."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from mediaserver.load.recording import Samples

RATE = 8000
_HOP = RATE // 100
_WINDOW = 256
_EDGES = np.unique(np.geomspace(200, 3400, 21) * _WINDOW / RATE).astype(int)
_FLOOR = 1e-4
"""Of the loudest: what is softer is silence."""

type _Spectrum = NDArray[np.float64]


def likeness(said: Samples, heard: Samples) -> float:
    """How well `said` fits where it fits best in `heard`, both at 8 kHz: 1 if it is there, 0 if nothing like it is."""
    if len(heard) < len(said):
        return 0.0
    one, other = _spectrum(said), _spectrum(heard)
    one -= one.mean(axis=0)
    count = len(one)
    product = fftconvolve(other, one[::-1], axes=0, mode="valid").sum(axis=1)
    energy = _within(other**2, count) - _within(other, count) ** 2 / count
    scale = np.sqrt((one**2).sum() * np.maximum(energy.sum(axis=1), 1.0))
    return float((product / scale).max())


def _within(values: _Spectrum, count: int) -> _Spectrum:
    """The sums of `count` neighbours."""
    return np.asarray(fftconvolve(values, np.ones((count, 1)), axes=0, mode="valid"))


def _spectrum(sound: Samples) -> _Spectrum:
    """Decibels in bands of about a sixth of an octave, every 10 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.astype(np.float64), _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    bands = np.add.reduceat(power, _EDGES[:-1], axis=1)
    return 10 * np.log10(np.maximum(bands / max(bands.max(), 1.0), _FLOOR))
