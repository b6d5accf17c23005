"""Comfort noise: the RFC 3389 payload, and what stands in for a caller who sends nothing."""

from functools import lru_cache

import numpy as np

from mediacodecs import g711
from mediacodecs.g711 import Encoding

SILENT_LEVEL = 127
_LOUDEST_PLAYED = 45  # -dBov: a peer cannot make us shout at the model's speech detector
_LOOP = 8000


def parse_level(payload: bytes) -> int | None:
    """The noise level of an RFC 3389 payload in -dBov (0..127); None when it is empty. Spectral data is left alone."""
    return payload[0] & 0x7F if payload else None


def build(level: int) -> bytes:
    """A payload of white noise at `level` -dBov."""
    return bytes((min(max(level, 0), SILENT_LEVEL),))


@lru_cache(maxsize=64)
def _loop(encoding: Encoding, level: int) -> bytes:
    rms = 32768.0 * 10.0 ** (-level / 20.0)
    samples = np.random.default_rng(3389).normal(0.0, rms, _LOOP)
    return g711.CODECS[encoding].encode(np.clip(samples, -32768, 32767).astype(np.int16))


class ComfortNoise:
    """Endless comfort for one stream: digital silence until the peer has told a noise level."""

    __slots__ = ("_at", "_encoding", "_loop", "_silence")

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._silence = bytes([g711.SILENCE[encoding]])
        self._loop: bytes | None = None
        self._at = 0

    def told(self, level: int) -> None:
        """The peer announced its noise `level` in -dBov; 127 is silence."""
        self._loop = None if level >= SILENT_LEVEL else _loop(self._encoding, max(level, _LOUDEST_PLAYED))

    def take(self, samples: int) -> bytes:
        """The next `samples` of comfort."""
        loop = self._loop
        if loop is None:
            return self._silence * samples
        start = self._at
        self._at = (start + samples) % _LOOP
        turns = (start + samples) // _LOOP + 1
        return (loop * turns)[start : start + samples]
