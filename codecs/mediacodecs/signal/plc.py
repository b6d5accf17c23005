"""Hiding lost frames by repeating the pitch, in the manner of G.711 Appendix I.

Unlike there, nothing is delayed to smooth the beginning of a loss: what has been played stays played, and the step that
repetition would make is faded out over the first samples of the substitute instead.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

_HISTORY_MS = 60.0
_PITCH_MS = (5.0, 15.0)
_MATCH_MS = 20.0
_HOLD_MS = 10.0
"""The substitute keeps its level for this long, and takes up another period each time it has passed (three at most)."""
_SILENT_MS = 60.0
_OVERLAP_MS = 4.0
"""Of the first frame after a loss, for every 10 ms lost; 10 ms at most."""

type _Floats = NDArray[np.float64]


class Concealment:
    """Remembers what was played and continues it when nothing came. One for each stream; `rate` in Hz."""

    def __init__(self, rate: int = 8000) -> None:
        self._per_ms = rate / 1000
        self._blocks: deque[Pcm] = deque()
        self._held = 0
        self._needed = int(_HISTORY_MS * self._per_ms)
        self._substitute: _Substitute | None = None

    def good(self, pcm: Pcm) -> None:
        """Remember a frame that was received and is played as it is. The array must not be changed afterwards."""
        self._substitute = None
        self._remember(pcm)

    def conceal(self, samples: int) -> Pcm:
        """Stand in for so many lost samples. Fades from 10 ms on and is silence 60 ms after the last good frame."""
        if self._substitute is None:
            self._substitute = _Substitute(self._history(), self._per_ms)
        pcm = self._substitute.take(samples).astype(np.int16)
        self._remember(pcm)
        return pcm

    def recover(self, pcm: Pcm) -> Pcm:
        """The first frame after a loss, blended with the substitute's end; if nothing was lost, the frame itself."""
        substitute = self._substitute
        if substitute is None:
            self._remember(pcm)
            return pcm
        overlap = min(len(pcm), substitute.overlap)
        rise = np.arange(1, overlap + 1) / (overlap + 1)
        blended = pcm.copy()
        blended[:overlap] = np.rint(pcm[:overlap] * rise + substitute.take(overlap) * (1 - rise))
        self._substitute = None
        self._remember(blended)
        return blended

    def _remember(self, pcm: Pcm) -> None:
        # References only: the samples are put together when there is a loss, which is rare.
        blocks = self._blocks
        blocks.append(pcm)
        self._held += len(pcm)
        while self._held - len(blocks[0]) >= self._needed:
            self._held -= len(blocks.popleft())

    def _history(self) -> _Floats:
        history = np.zeros(self._needed)
        if self._held:
            recent = np.concatenate(self._blocks)[-self._needed :]
            history[len(history) - len(recent) :] = recent
        return history


class _Substitute:
    """The continuation of a signal: its last period, later its last two and three, over and over."""

    def __init__(self, history: _Floats, per_ms: float) -> None:
        self._history = history
        self._per_ms = per_ms
        self._hold = int(_HOLD_MS * per_ms)
        self._pitch = _pitch(history, per_ms)
        self._quarter = max(1, self._pitch // 4)
        self._cycle = self._periods(1)
        self._step = history[-1] - history[-self._pitch - 1]
        self._made = 0

    @property
    def overlap(self) -> int:
        """How many samples of the next good frame to blend with."""
        longest = int(10 * self._per_ms)
        return min(longest, self._quarter + int(_OVERLAP_MS * self._per_ms) * (self._made // self._hold))

    def take(self, samples: int) -> _Floats:
        """The next samples, at the level they are played at."""
        parts = []
        while samples > 0:
            count = min(samples, self._hold - self._made % self._hold)
            parts.append(self._next(count))
            samples -= count
        return np.rint(np.concatenate(parts)).clip(-32768, 32767) if parts else np.zeros(0)

    def _next(self, count: int) -> _Floats:
        """Samples within one stretch of 10 ms."""
        moments = np.arange(self._made, self._made + count)
        stretch = self._made // self._hold
        wave = self._cycle[moments % len(self._cycle)]
        if stretch in (1, 2):
            longer = self._periods(stretch + 1)
            into = np.minimum(1.0, (moments - stretch * self._hold) / self._quarter)
            wave = wave * (1 - into) + longer[moments % len(longer)] * into
            if moments[-1] + 1 == (stretch + 1) * self._hold:
                self._cycle = longer
        elif stretch == 0:
            wave = wave + self._step * np.maximum(0.0, 1 - moments / self._quarter)
        self._made += count
        return wave * np.clip((_SILENT_MS - moments / self._per_ms) / (_SILENT_MS - _HOLD_MS), 0.0, 1.0)

    def _periods(self, count: int) -> _Floats:
        """The last periods of the history, their end led over into what came before their beginning."""
        length = count * self._pitch
        cycle = self._history[-length:].copy()
        before = self._history[-length - self._quarter : -length]
        fall = np.arange(self._quarter, 0, -1) / (self._quarter + 1)
        cycle[-self._quarter :] = cycle[-self._quarter :] * fall + before * (1 - fall)
        return cycle


def _pitch(history: _Floats, per_ms: float) -> int:
    """The lag in samples at which the last 20 ms look most like what came before them."""
    shortest, longest = (int(ms * per_ms) for ms in _PITCH_MS)
    match = int(_MATCH_MS * per_ms)
    recent = history[-match:]
    earlier = history[-match - longest : -shortest]
    products = np.correlate(earlier, recent, "valid")
    energies = np.convolve(earlier * earlier, np.ones(match), "valid")
    likeness = products / np.sqrt(np.maximum(energies, 1.0))
    return longest - int(np.argmax(likeness))
