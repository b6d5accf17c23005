"""Tones: what a caller hears when there is nothing to say, and the digits of a telephone."""

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
DTMF = {key: (_ROWS[place // 4], _COLUMNS[place % 4]) for place, key in enumerate(_KEYS)}
"""Frequencies in Hz of each digit (ITU-T Q.23)."""

_SPECIAL_INFORMATION = (950, 1400, 1800)


def tone(frequencies: tuple[float, ...], ms: float, rate: int, level_dbfs: float = -15.0, ramp_ms: float = 5.0) -> Pcm:
    """Sines of equal strength together, at `rate` Hz.

    `level_dbfs` is the RMS level of the whole relative to a full-scale square wave, so that one sine reaches -3;
    louder clips. `ramp_ms` is how long it takes to rise and to fall.
    """
    count = round(ms * rate / 1000)
    moments = np.arange(count) / rate
    wave = np.zeros(count)
    for frequency in frequencies:
        wave += np.sin(2 * np.pi * frequency * moments)
    amplitude = 32768 * 10 ** (level_dbfs / 20) * np.sqrt(2 / max(1, len(frequencies)))
    ramp = max(1.0, ramp_ms * rate / 1000)
    edge = np.minimum(np.arange(count), np.arange(count)[::-1]) / ramp
    samples: NDArray[np.float64] = np.rint(wave * amplitude * np.minimum(1.0, edge))
    return samples.clip(-32768, 32767).astype(np.int16)


def dtmf(digit: str, ms: float, rate: int, level_dbfs: float = -12.0) -> Pcm:
    """One digit (0-9, *, #, A-D). Raises ValueError for any other."""
    if digit.upper() not in DTMF:
        raise ValueError(f"not a telephone digit: {digit!r}")
    return tone(DTMF[digit.upper()], ms, rate, level_dbfs)


def error_tone(rate: int) -> Pcm:
    """One second of three rising tones: the call cannot go on (after ITU-T E.180's special information tone)."""
    return np.concatenate([tone((frequency,), 330, rate, -18.0) for frequency in _SPECIAL_INFORMATION])
