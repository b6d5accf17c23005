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
_MOVED = np.float32(0.2)
"""How far off a path may be after a pause, as a share of its power."""
_LEAST = np.float32(1e4)
_HALF = np.float32(0.5)


class EchoFilter:
    """One echo path. Take `heard` and the block of the reference that is `delay` samples older, see :meth:`echo_of`.

    Arrays are changed in their place: a new one costs as much as the sums in it.
    """

    __slots__ = ("_doubt", "_error", "_noise", "_played", "_power", "_product", "_turn", "_weights")

    def __init__(self) -> None:
        shape = _PARTS, _BINS
        self._weights: Spectrum = np.zeros(shape, np.complex64)
        self._doubt = np.zeros(shape, np.float32)
        self._played: Spectrum = np.zeros(shape, np.complex64)
        self._power = np.zeros(shape, np.float32)
        self._product: Spectrum = np.zeros(shape, np.complex64)
        self._noise = np.full(_BINS, _LEAST, np.float32)
        self._error = np.zeros(_FFT, np.float32)
        self._turn = 0

    def begin(self, gain: float) -> None:
        """The path is a mere delay with this gain, as far as is known."""
        first = np.zeros(_FFT, np.float32)
        first[LEAD] = gain
        self._weights[:] = 0.0
        self._weights[0] = np.fft.rfft(first)
        self._doubt[:] = 0.0
        self.doubt(gain)
        self._noise[:] = _LEAST
        self.rest()

    def doubt(self, gain: float) -> None:
        """The path may be another one than is known, with about this gain."""
        for part, share in enumerate(_DECAY):
            self._doubt[part] += _DOUBT * share * gain * gain

    def rest(self) -> None:
        """Nothing was played for a while, in which the path, or a clock, may have moved."""
        self._played[:] = 0.0
        self._power[:] = 0.0
        self._doubt += _MOVED * (np.square(self._weights.real) + np.square(self._weights.imag))

    def echo_of(self, played: Floats) -> Floats:
        """What is heard of what was played: of its last two blocks, the second of them heard now."""
        spectra, power = self._played, self._power
        for part in range(_PARTS - 1, 0, -1):
            spectra[part] = spectra[part - 1]
            power[part] = power[part - 1]
        newest = np.fft.rfft(played)
        spectra[0] = newest
        np.square(newest.real, out=power[0])
        power[0] += np.square(newest.imag)
        np.multiply(self._weights, spectra, out=self._product)
        echo: Floats = np.fft.irfft(np.add.reduce(self._product), _FFT)[BLOCK:]
        return echo

    def learn(self, error: Floats) -> None:
        """Take what was heard beside the echo of the last :meth:`echo_of` for what the filter has wrong."""
        doubt, noise, product = self._doubt, self._noise, self._product
        self._error[BLOCK:] = error
        wrong = np.fft.rfft(self._error)
        noise *= _SMOOTH
        noise += (1 - _SMOOTH) * (np.square(wrong.real) + np.square(wrong.imag))
        np.maximum(noise, _LEAST, out=noise)
        part = self._power * doubt
        step = doubt / (_HALF * np.add.reduce(part) + noise)
        # The error is that of half the samples the spectra are of, hence the half.
        np.conjugate(self._played, out=product)
        product *= step
        product *= wrong
        self._weights += product
        step *= self._power
        step *= -_HALF * _FORGET
        step += _FORGET
        doubt *= step
        self._settle()

    def _settle(self) -> None:
        """Keep one of the partitions what it is, in turn: a block long, and never quite certain."""
        part = self._turn
        self._turn = (part + 1) % _PARTS
        response = np.fft.irfft(self._weights[part], _FFT)
        response[BLOCK:] = 0.0
        weights = self._weights[part] = np.fft.rfft(response)
        self._doubt[part] += _PARTS * (1 - _FORGET) * (np.square(weights.real) + np.square(weights.imag))

    def response(self) -> Floats:
        """The path's impulse response, from :data:`LEAD` before the delay on."""
        parts = np.fft.irfft(self._weights, _FFT, axis=1)[:, :BLOCK]
        out: Floats = parts.reshape(-1)
        return out
