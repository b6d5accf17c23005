"""How loud, and making it softer: of samples, and of G.711 payloads without decoding them."""

from functools import lru_cache
from math import log10

import numpy as np

from mediacodecs.g711 import Encoding, attenuation_table
from mediacodecs.pcm import Pcm

SILENT_DBFS = -100.0
"""The level of digital silence, a little below that of the smallest signal."""

_GAIN_STEPS = 64
_STEP_OCTETS = 20  # 2.5 ms: the steps of a ramp this fine are not heard.


def rms_dbfs(pcm: Pcm) -> float:
    """RMS level in dB relative to a full-scale square wave; :data:`SILENT_DBFS` for silence or no samples."""
    if not len(pcm):
        return SILENT_DBFS
    samples = pcm.astype(np.float32)
    power = float(np.dot(samples, samples)) / len(samples)
    return max(SILENT_DBFS, 10 * log10(power) - 90.309) if power else SILENT_DBFS


def ramp(pcm: Pcm, start: float, end: float) -> Pcm:
    """Scale by a gain that goes evenly from `start` to `end` (linear factors), reached with the last sample."""
    if start == end == 1.0:
        return pcm
    count = len(pcm)
    gains = start + (end - start) * (np.arange(1, count + 1) / max(1, count))
    return np.rint(pcm * gains).clip(-32768, 32767).astype(np.int16)


@lru_cache(maxsize=256)
def _table(encoding: Encoding, step: int) -> bytes:
    return attenuation_table(encoding, step / _GAIN_STEPS)


def ramp_payload(payload: bytes, encoding: Encoding, start: float, end: float) -> bytes:
    """The same for a G.711 payload, in steps of 2.5 ms; gains from 0 to 1 are kept to a 64th."""
    if start == end:
        return payload if start == 1.0 else payload.translate(_table(encoding, round(start * _GAIN_STEPS)))
    pieces = range(0, len(payload), _STEP_OCTETS)
    rise = (end - start) / max(1, len(pieces))
    return b"".join(
        payload[at : at + _STEP_OCTETS].translate(_table(encoding, round((start + rise * number) * _GAIN_STEPS)))
        for number, at in enumerate(pieces, 1)
    )
