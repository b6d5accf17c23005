"""A caller's line that gives back what it is sent: the model of one, with every fault echoes come with. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediacodecs.g711 import CODECS, Encoding
from mediacodecs.pcm import Pcm

RATE = 8000
FRAME = RATE // 50
_SINC = 16
"""Samples on either side that a sound between two samples is made of."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """How a line behaves. An `echo_db` of None: nothing comes back."""

    echo_db: float | None = -12.0
    delay_ms: float = 120.0
    encoding: Encoding = "PCMU"
    noise_db: float = -65.0
    """Of the background, below full scale."""
    tail_ms: float = 4.0
    """Time constant in which the path fades away: a hybrid's 4 ms, a room's 30."""
    clip: float | None = None
    """Where a small loudspeaker clips, as a share of the agent's loudest sample."""
    skew_ppm: float = 0.0
    """By which the far end's clock runs slow: the delay grows."""
    moves_at_s: float | None = None
    moves_by_ms: float = 0.0
    """When the delay changes, and by how much."""
    loss: float = 0.0
    """Share of packets lost, each way."""
    jitter_ms: float = 0.0
    """Of the packets that come back: up to so late."""


def path(line: Line, rng: np.random.Generator) -> Floats:
    """An impulse response: the direct way and a tail half as strong, together as strong as the echo is."""
    count = max(8, round(3 * line.tail_ms * RATE / 1000))
    tail = rng.normal(0, 1, count) * np.exp(-np.arange(count) / (line.tail_ms * RATE / 1000))
    tail *= np.sqrt(0.5 / np.sum(tail * tail))
    response = np.concatenate(([1.0], tail))
    gain = 0.0 if line.echo_db is None else 10 ** (line.echo_db / 20)
    return np.asarray(response * gain / np.sqrt(np.sum(response * response)), np.float64)


class FarEnd:
    """One call's far end: it hears frames of ours and says frames of its own, both as payloads."""

    def __init__(self, line: Line, seconds: float, seed: int, peak: float) -> None:
        self._line = line
        rng = np.random.default_rng(seed)
        count = round(seconds * RATE) + RATE
        self._path = path(line, rng)
        self._offset = int(rng.integers(0, FRAME))  # within a frame: delays are not whole packets
        self._noise = rng.normal(0, 32768 * 10 ** (line.noise_db / 20), count)
        self._heard = np.zeros(count + RATE)
        self._at = 0
        self._codec = CODECS[line.encoding]
        self._clip = None if line.clip is None else line.clip * peak
        self.says = np.zeros(count)
        """What the caller says, from the beginning of the call."""
        self.echo = np.zeros(count)
        """What came back, for the records."""

    def hear(self, payload: bytes | None) -> None:
        """The frame that is played now; None: it was lost."""
        if payload is not None:
            samples = self._codec.decode(payload).astype(np.float64)
            if self._clip is not None:
                samples = np.clip(samples, -self._clip, self._clip)
            self._heard[RATE + self._at : RATE + self._at + FRAME] = samples

    def say(self) -> bytes:
        """The frame that leaves now."""
        at, line = self._at, self._line
        echo = self._echo(at) if line.echo_db is not None else np.zeros(FRAME)
        self.echo[at : at + FRAME] = echo
        mixed = echo + self.says[at : at + FRAME] + self._noise[at : at + FRAME]
        self._at += FRAME
        pcm: Pcm = np.rint(mixed).clip(-32768, 32767).astype(np.int16)
        return self._codec.encode(pcm)

    def _echo(self, at: int) -> Floats:
        line = self._line
        delay = line.delay_ms * RATE / 1000 - self._offset * (line.delay_ms > 40)
        if line.moves_at_s is not None and at >= line.moves_at_s * RATE:
            delay += line.moves_by_ms * RATE / 1000
        delay += at * line.skew_ppm * 1e-6
        whole = int(delay)
        size = len(self._path) - 1
        begin = RATE + at - whole - size
        source = self._heard[begin - _SINC : begin + size + FRAME + _SINC]
        return np.convolve(np.convolve(source, _between(delay - whole), "valid"), self._path, "valid")


def _between(part: float) -> Floats:
    """A filter that delays by this part of a sample."""
    taps = np.arange(-_SINC, _SINC + 1)
    return np.asarray(np.sinc(taps - part) * np.kaiser(2 * _SINC + 1, 6.0), np.float64)
