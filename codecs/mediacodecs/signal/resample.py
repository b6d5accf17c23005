"""Changing the sampling rate of a stream: a linear-phase polyphase filter that keeps its history between blocks.

Output sample n is the inner product of the filter's phase n with the input around it, and phases repeat after a whole
number of input samples. So a row of input of fixed width gives a row of output by one matrix product, and a long block
is one product of many rows, which is where its speed comes from.

For the blocks of a call, some ms each, the sums are the least of it: every array that numpy makes costs as much, and so
does every operation asked of it. A stream of blocks of one length therefore has its arrays made once, see `_Bench`.
"""

from dataclasses import dataclass
from functools import cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm, silence

RATES = (8000, 16000, 22050, 24000, 48000)
"""Hz; what can be converted into each other."""

_TAPS = 32
"""Per phase, in samples of the slower rate: half of that is the delay."""
_CUTOFF = 0.98
"""Of the slower rate's Nyquist frequency; -6 dB there. Of 8 kHz, the telephone's band up to 3.4 kHz is left flat."""
_ATTENUATION_DB = 82.0
_ROW_MS = 2
"""Input is taken in rows of this length, or of a whole period of the phases if that is longer."""
_WIDEST_BLOCK = 24
# Above this many multiplications OpenBLAS brings in threads, which costs the other calls more than it saves this one.
_LARGEST_PRODUCT = 262_144

# As arrays: of a plain number numpy would have to find out each time what it is.
_HIGHEST = np.array(32767, np.float32)
_LOWEST = np.array(-32768, np.float32)
_ROUNDING = np.array(3 << 22, np.float32)
"""Added to a sample it leaves no bit for a fraction: the sum is rounded, and its last 16 bits are the sample's."""

type _Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Design:
    """What two rates determine; shared by all streams.

    A row of `hop` samples gives `blocks * per_block` samples. `offsets` are where the blocks' inputs begin, counted
    from `history` samples before the row; `weights` has the shape (blocks, width, per_block).
    """

    up: int
    down: int
    hop: int
    history: int
    delay: float
    offsets: NDArray[np.intp]
    weights: _Floats

    @property
    def rows_at_once(self) -> int:
        """How many rows one product may have."""
        per_row: int = self.weights[0].size
        return max(1, _LARGEST_PRODUCT // per_row)

    def has_place_for(self, length: int, kept: int) -> bool:
        """A block of `length` after `kept` samples is one product, and leaves as many as it found."""
        whole = kept == self.history and length % self.hop == 0 and len(self.offsets) == 1
        return whole and 0 < length // self.hop <= self.rows_at_once

    def rows(self, buffer: _Floats, count: int) -> _Floats:
        """A view of overlapping rows of input; only for designs of one block.

        It is made without numpy's own function for that, which costs more than all the rest.
        """
        begin = int(self.offsets[0]) * buffer.itemsize
        strides = (self.hop * buffer.itemsize, buffer.itemsize)
        return np.ndarray((count, self.weights.shape[1]), np.float32, buffer, begin, strides)


def _filter(up: int, down: int) -> NDArray[np.float64]:
    """A windowed sinc at `up` times the input rate, of odd length, with a gain of `up` to make up for the zeros."""
    slower = max(up, down)
    half = _TAPS * slower // 2
    beta = 0.1102 * (_ATTENUATION_DB - 8.7)
    taps = np.sinc(_CUTOFF / slower * np.arange(-half, half + 1)) * np.kaiser(2 * half + 1, beta)
    return np.asarray(taps * (up / taps.sum()), np.float64)


@cache
def _design(rate_in: int, rate_out: int) -> _Design:
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    periods = max(1, rate_in * _ROW_MS // 1000 // down)
    hop, outputs = down * periods, up * periods
    taps = _filter(up, down)
    history = ceil((len(taps) - 1) / up)
    per_block = outputs
    if periods == 1:
        # Long periods are mostly zeros in one matrix: cut into blocks that each see only the input they need.
        per_block = max(size for size in range(1, _WIDEST_BLOCK + 1) if outputs % size == 0)
    moments = (np.arange(outputs) * down).reshape(-1, per_block)
    newest = moments[:, -1] // up
    width = int(np.max(newest - moments[:, 0] // up)) + history + 1
    oldest = newest - width + 1
    inputs = oldest[:, None] + np.arange(width)
    lags = moments[:, None, :] - inputs[:, :, None] * up
    inside = (lags >= 0) & (lags < len(taps))
    weights = np.where(inside, taps[np.clip(lags, 0, len(taps) - 1)], 0.0).astype(np.float32)
    history = max(history, int(-oldest.min()))
    return _Design(up, down, hop, history, (len(taps) - 1) / 2 / up, (oldest + history).astype(np.intp), weights)


class Resampler:
    """Converts one stream of samples. The result does not depend on how the stream is cut into blocks.

    Rates are in Hz, out of :data:`RATES`; ValueError for others. Equal rates pass samples through untouched.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        if rate_in not in RATES or rate_out not in RATES:
            raise ValueError(f"cannot convert {rate_in} Hz to {rate_out} Hz: rates must be among {RATES}")
        self.rate_in = rate_in
        self.rate_out = rate_out
        self._design = None if rate_in == rate_out else _design(rate_in, rate_out)
        self._kept: _Floats
        self._length: int
        """Of the last block."""
        self._bench: _Bench | None
        """Where blocks of that length are converted, from the second on. What is kept then lies there."""
        self._consumed: int
        self._produced: int
        self._begin()

    @property
    def delay_ms(self) -> float:
        """How much later a sound stands in the output than in the input."""
        return 0.0 if self._design is None else self._design.delay * 1000 / self.rate_in

    def process(self, pcm: Pcm) -> Pcm:
        """Convert a block of any length. Less than 2 ms (20 ms to or from 22050 Hz) may wait for the next block."""
        design = self._design
        if design is None:
            return pcm
        length = len(pcm)
        if length != self._length:
            self._length, self._bench = length, None
        elif self._bench is None and design.has_place_for(length, len(self._kept)):
            self._bench = _Bench(design, length, self._kept)
            self._kept = self._bench.history
        result = self._unprepared(design, pcm) if self._bench is None else self._bench.convert(pcm)
        self._consumed += length
        self._produced += len(result)
        return result

    def flush(self) -> Pcm:
        """What is still inside, the delayed end included; the resampler then begins anew."""
        design = self._design
        if design is None:
            return silence(0)
        wanted = ceil((self._consumed + design.delay) * design.up / design.down) if self._consumed else self._produced
        missing = wanted - self._produced
        tail = self.process(silence(ceil(missing * design.down / design.up) + design.hop))[:missing]
        self._begin()
        return tail

    def _unprepared(self, design: _Design, pcm: Pcm) -> Pcm:
        """A block of any length."""
        buffer = np.concatenate((self._kept, pcm), dtype=np.float32)
        rows = (len(buffer) - design.history) // design.hop
        self._kept = buffer[rows * design.hop :].copy()
        at_once = design.rows_at_once
        parts = [
            _converted(design, buffer[start * design.hop :], min(at_once, rows - start))
            for start in range(0, rows, at_once)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate([silence(0), *parts])

    def _begin(self) -> None:
        self._kept = np.zeros(0 if self._design is None else self._design.history, np.float32)
        self._length = 0
        self._bench = None
        self._consumed = 0
        self._produced = 0


class _Bench:
    """All that blocks of one length are converted with, in its place before they come.

    The input is a view of overlapping rows: it begins with the `history` of the block.
    """

    def __init__(self, design: _Design, length: int, history: _Floats) -> None:
        buffer = np.concatenate((history, np.zeros(length, np.float32)))
        self.history = buffer[: design.history]
        self._next_history = buffer[length:]
        self._block = buffer[design.history :]
        self._rows = design.rows(buffer, length // design.hop)
        self._weights = design.weights[0]
        product = np.empty((len(self._rows), self._weights.shape[1]), np.float32)
        self._product = product
        self._samples = product.reshape(-1)
        self._bits = self._samples.view(np.int32)

    def convert(self, pcm: Pcm) -> Pcm:
        """The next block."""
        samples = self._samples
        self._block[...] = pcm
        np.matmul(self._rows, self._weights, self._product)
        self.history[...] = self._next_history
        np.minimum(samples, _HIGHEST, out=samples)
        np.maximum(samples, _LOWEST, out=samples)
        np.add(samples, _ROUNDING, samples)
        return self._bits.astype(np.int16)


def _converted(design: _Design, buffer: _Floats, rows: int) -> Pcm:
    """The output of some rows; `buffer` begins with the history of the first."""
    if len(design.offsets) == 1:
        samples: _Floats = (design.rows(buffer, rows) @ design.weights[0]).reshape(-1)
    else:
        starts = design.offsets[:, None] + np.arange(rows) * design.hop
        windows = np.lib.stride_tricks.sliding_window_view(buffer, design.weights.shape[1])[starts]
        samples = (windows @ design.weights).transpose(1, 0, 2).reshape(-1)
    np.minimum(samples, _HIGHEST, out=samples)
    np.maximum(samples, _LOWEST, out=samples)
    np.rint(samples, out=samples)
    return samples.astype(np.int16)
