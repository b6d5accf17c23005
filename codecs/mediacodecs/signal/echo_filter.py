"""What an echo path makes of what was played: a filter that learns it, and takes the echo away.

The filter is a frequency-domain one in partitions of a block each (overlap-save), adapted as a Kalman filter, one of
them for each bin: every weight comes with what it may still be off by, and every step is as large as that and what
else is heard beside the echo leave it to be. So it learns in some frames what it knows nothing of, and a caller who
speaks at the same time hardly disturbs it.
"""

import numpy as np
from numpy.typing import NDArray

from mediacodecs.signal.echo_path import Floats

type Spectrum = NDArray[np.complex64]

BLOCK = 160
"""Samples at a time: 20 ms."""
LEAD = 32
"""Samples by which the filter begins before the delay it is told."""
_PARTS = 3
_FFT = 2 * BLOCK
_BINS = BLOCK + 1
_FORGET = np.float32(0.998)
"""What is left of a weight after a block, as far as anyone can know: the path changes."""
_SMOOTH = np.float32(0.6)
_DOUBT = 0.6
"""How far off a first guess of the path may be, as a share of its power; later partitions hold less of an echo."""
_DECAY = (1.0, 0.15, 0.05)
_LEAST = np.float32(1e4)


class EchoFilter:
    """One echo path. Take `heard` and the block of the reference that is `delay` samples older, see :meth:`cancel`."""

    __slots__ = ("_doubt", "_error", "_noise", "_played", "_turn", "_weights")

    def __init__(self) -> None:
        self._weights: Spectrum = np.zeros((_PARTS, _BINS), np.complex64)
        self._doubt = np.zeros((_PARTS, _BINS), np.float32)
        self._played: Spectrum = np.zeros((_PARTS, _BINS), np.complex64)
        self._noise = np.full(_BINS, _LEAST, np.float32)
        self._error = np.zeros(_FFT, np.float32)
        self._turn = 0

    def begin(self, gain: float) -> None:
        """The path is a mere delay with this gain, as far as is known."""
        first = np.zeros(_FFT, np.float32)
        first[LEAD] = gain
        self._weights[:] = 0.0
        self._weights[0] = np.fft.rfft(first)
        self.doubt(gain)
        self._noise[:] = _LEAST
        self.rest()

    def doubt(self, gain: float) -> None:
        """What is known of the path may be wrong by as much as an echo of this gain."""
        for part, share in enumerate(_DECAY):
            self._doubt[part] = _DOUBT * share * gain * gain

    def rest(self) -> None:
        """Nothing was played for longer than the path is."""
        self._played[:] = 0.0

    def echo_of(self, played: Floats) -> Floats:
        """What is heard of what was played: of its last two blocks, the second of them heard now."""
        spectra = self._played
        spectra[1:] = spectra[:-1].copy()
        spectra[0] = np.fft.rfft(played)
        echo: Floats = np.fft.irfft((self._weights * spectra).sum(axis=0), _FFT)[BLOCK:]
        return echo

    def learn(self, error: Floats) -> None:
        """Take what was heard beside the echo of the last :meth:`echo_of` for what the filter has wrong."""
        spectra, doubt = self._played, self._doubt
        self._error[BLOCK:] = error
        wrong = np.fft.rfft(self._error)
        power = np.square(wrong.real) + np.square(wrong.imag)
        self._noise = np.maximum(self._noise * _SMOOTH + power * (1 - _SMOOTH), _LEAST)
        powers = np.square(spectra.real) + np.square(spectra.imag)
        part = powers * doubt
        step = doubt / (0.5 * part.sum(axis=0) + self._noise)
        self._weights += step * np.conj(spectra) * wrong
        self._constrain()
        weights = self._weights
        left = 1.0 - 0.5 * step * powers
        known = np.square(weights.real) + np.square(weights.imag)
        self._doubt = _FORGET * left * doubt + (1 - _FORGET) * known

    def _constrain(self) -> None:
        """A partition is a block long: the second half of its response is none. One partition at a time will do."""
        part = self._turn
        self._turn = (part + 1) % _PARTS
        response = np.fft.irfft(self._weights[part], _FFT)
        response[BLOCK:] = 0.0
        self._weights[part] = np.fft.rfft(response)

    def response(self) -> Floats:
        """The path's impulse response, from :data:`LEAD` before the delay on."""
        parts = np.fft.irfft(self._weights, _FFT, axis=1)[:, :BLOCK]
        out: Floats = parts.reshape(-1)
        return out
