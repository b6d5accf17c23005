"""Sounds of a voice's kind, and how like one sound is to another."""

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

type Floats = NDArray[np.float64]


def voice(rate: int, seconds: float, seed: int = 1) -> Pcm:
    """A glide of harmonics in syllables, with some breath up to 7.5 kHz: a codec of speech treats it as such."""
    chance = np.random.default_rng(seed)
    moments = np.arange(round(rate * seconds)) / rate
    pitch = np.cumsum(230 + 25 * np.sin(2 * np.pi * 1.3 * moments)) / rate
    wave = sum(np.sin(2 * np.pi * number * pitch) / number for number in range(1, min(30, rate // 600)))
    breath = np.diff(chance.normal(0, 0.01, len(moments) + 1))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * moments)
    return np.rint(5000 * syllables * (wave + breath)).clip(-32768, 32767).astype(np.int16)


def tone(rate: int, seconds: float, hertz: float, amplitude: float = 8000) -> Pcm:
    return np.rint(amplitude * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def share(pcm: Pcm, rate: int, low: float, high: float) -> float:
    """How much of a sound's energy lies between two frequencies in Hz."""
    spectrum = np.abs(np.fft.rfft(pcm.astype(float) * np.hanning(len(pcm)))) ** 2
    hertz = np.fft.rfftfreq(len(pcm), 1 / rate)
    return float(spectrum[(hertz >= low) & (hertz < high)].sum() / max(spectrum.sum(), 1.0))


def aligned(said: Pcm, heard: Pcm, most: int) -> tuple[int, float]:
    """By how many samples `heard` is late, `most` at most, and how like it is then: 1 is the same but for loudness."""
    best = (0, -1.0)
    for late in range(most + 1):
        count = min(len(said), len(heard) - late)
        one, other = said[:count].astype(float), heard[late : late + count].astype(float)
        norm = np.sqrt((one @ one) * (other @ other))
        best = max(best, (late, float(one @ other / norm) if norm else -1.0), key=lambda found: found[1])
    return best


def signal_to_noise_db(said: Pcm, heard: Pcm) -> float:
    """Of two sounds that begin together."""
    count = min(len(said), len(heard))
    one, other = said[:count].astype(float), heard[:count].astype(float)
    return float(10 * np.log10((one @ one) / max(((one - other) ** 2).sum(), 1e-9)))
