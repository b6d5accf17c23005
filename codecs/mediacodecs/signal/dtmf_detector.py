"""Keys heard in the audio: the tones of a telephone (ITU-T Q.23), told from speech and music (after Q.24).

The audio is cut into windows of 12.75 ms that overlap by half. In each, eight Goertzel filters (one matrix product)
say how strong each of the eight tones is. A window holds a key if the strongest tone of either group stands out of its
group, the two are about as strong as each other, and together they are nearly all there is. A key counts when four
windows in a row hold it (32 ms), and when the phase moves from window to window as that of the very tones does: speech
now and then has two partials in the right places, but not as exactly, nor for so long. Nothing is decided for 20 ms of
a break: a tone that drops out for less is one press.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

RATE = 8000
"""Hz; of the samples it takes."""
_WINDOW, _HOP = 102, 51
_TONES = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633], np.float64)
_KEYS = ("123A", "456B", "789C", "*0#D")

_SHARE = 0.68
"""Of the energy that the two tones have to have."""
_STANDS_OUT = 6.3
"""Times as strong as any other tone of its group: 8 dB."""
_TWIST, _REVERSE_TWIST = 3.2, 8.0
"""Times that the high tone may be stronger than the low one (4 dB and a little), and the low one than the high (8)."""
_QUIETEST = 2.0 * 10 ** (-40 / 10) * 32768.0**2 / 2 * _WINDOW
"""Energy of a window with both tones at -40 dBFS each."""
_TO_BEGIN = 4
"""Windows in a row."""
_TO_END = 3
"""Windows without the key: 20 ms of break."""
_OFF = 0.025
"""Share by which a tone may be off its frequency; 1.5 % must be taken, 3.5 % must not (Q.24)."""

_FILTERS = np.exp(-2j * np.pi * np.outer(np.arange(_WINDOW), _TONES / RATE)).astype(np.complex64)
_ADVANCE = np.exp(-2j * np.pi * _HOP * _TONES / RATE).astype(np.complex64)
_SCALE = 2.0 / _WINDOW
_MOST_TURN = 2 * np.pi * _HOP * _TONES * _OFF / RATE
"""By how much (radians) a tone's phase may be off from one window to the next."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A key that has been let go. `ago_ms` is how long before the end of the audio its tones ended."""

    digit: str
    duration_ms: float
    ago_ms: float


class DtmfDetector:
    """The keys in one stream of samples at 8 kHz. The result does not depend on how the stream is cut into blocks."""

    __slots__ = ("_candidate", "_down", "_length", "_misses", "_phases", "_rest", "_run")

    def __init__(self) -> None:
        self._rest: Pcm = np.zeros(0, np.int16)
        self._candidate = ""
        self._phases: NDArray[np.complex64] | None = None
        self._run = 0
        self._down = ""
        self._length = 0
        self._misses = 0

    @property
    def down(self) -> str:
        """The key whose tones are heard now; empty: none."""
        return self._down

    def push(self, pcm: Pcm) -> list[Heard]:
        """Take samples; the keys that were let go in them."""
        buffer = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        count = (len(buffer) - _WINDOW) // _HOP + 1
        if count <= 0:
            self._rest = buffer
            return []
        self._rest = buffer[count * _HOP :]
        idle = not self._run and not self._down
        samples = buffer.astype(np.float32)
        if idle and float(samples @ samples) < _QUIETEST:
            return []
        # Overlapping rows of the buffer: a view, made without numpy's own, which costs more than the filters.
        step = _HOP * samples.itemsize
        windows: NDArray[np.float32] = np.ndarray((count, _WINDOW), np.float32, samples, 0, (step, samples.itemsize))
        energies = np.einsum("ij,ij->i", windows, windows)
        spectra = windows @ _FILTERS
        powers = spectra.real**2 + spectra.imag**2
        tonal = (powers.sum(axis=1) * _SCALE >= _SHARE * energies) & (energies >= _QUIETEST)
        if idle and not tonal.any():
            return []
        heard: list[Heard] = []
        for place in range(count):
            key = _key(powers[place], float(energies[place])) if tonal[place] else ""
            if (digit := self._window(key, spectra[place])) is not None:
                left = (count - 1 - place) * _HOP + len(self._rest) + _TO_END * _HOP
                heard.append(Heard(digit[0], digit[1], left * 1000 / RATE))
        return heard

    def _window(self, key: str, phases: NDArray[np.complex64]) -> tuple[str, float] | None:
        if self._down:
            if key == self._down:
                self._length += 1 + self._misses
                self._misses = 0
                return None
            self._misses += 1
            if self._misses < _TO_END:
                return None
            ended = self._down, (self._length * _HOP + _HOP) * 1000 / RATE
            self._down, self._run = "", 0
            self._follow(key, phases)
            return ended
        self._follow(key, phases)
        if self._run >= _TO_BEGIN:
            self._down, self._length, self._misses = key, self._run, 0
        return None

    def _follow(self, key: str, phases: NDArray[np.complex64]) -> None:
        if key and key == self._candidate and self._phases is not None and _is_true(key, self._phases, phases):
            self._run += 1
        else:
            self._run = 1 if key else 0
        self._candidate, self._phases = key, phases


def _key(powers: NDArray[np.float32], energy: float) -> str:
    low, high = int(powers[:4].argmax()), int(powers[4:].argmax())
    row, column = float(powers[low]), float(powers[4 + high])
    if (row + column) * _SCALE < _SHARE * energy:
        return ""
    if column > row * _TWIST or row > column * _REVERSE_TWIST:
        return ""
    others = np.delete(powers, (low, 4 + high))
    if others[:3].max() * _STANDS_OUT > row or others[3:].max() * _STANDS_OUT > column:
        return ""
    return _KEYS[low][high]


def _is_true(key: str, before: NDArray[np.complex64], after: NDArray[np.complex64]) -> bool:
    """Whether both tones have turned by as much as their frequency says."""
    row = next(place for place, keys in enumerate(_KEYS) if key in keys)
    for tone in (row, 4 + _KEYS[row].index(key)):
        turned = after[tone] * np.conj(before[tone]) * _ADVANCE[tone]
        if abs(float(np.angle(turned))) > _MOST_TURN[tone]:
            return False
    return True
