"""Comfort noise: the RFC 3389 payload, and what stands in for a caller who sends nothing."""

import audioop
from functools import lru_cache
from math import log10

import numpy as np

from mediaproviders.contract import AudioFormat
from mediaserver.rtp.form import Form, form_of

SILENT_LEVEL = 127
_LOUDEST_PLAYED = 45  # -dBov: a peer cannot make us shout at the model's speech detector
_LOOP_MS = 1000


def parse_level(payload: bytes) -> int | None:
    """The noise level of an RFC 3389 payload in -dBov (0..127); None when it is empty. Spectral data is left alone."""
    return payload[0] & 0x7F if payload else None


def level_of(form: Form, octets: bytes) -> int:
    """How loud audio is, in -dBov: 0 the loudest, 127 digital silence."""
    rms = audioop.rms(form.decode(octets).tobytes(), 2)
    return min(round(-20.0 * log10(rms / 32768.0)), SILENT_LEVEL) if rms else SILENT_LEVEL


def build(level: int) -> bytes:
    """A payload of white noise at `level` -dBov."""
    return bytes((min(max(level, 0), SILENT_LEVEL),))


@lru_cache(maxsize=64)
def _loop(audio: AudioFormat, level: int) -> bytes:
    rms = 32768.0 * 10.0 ** (-level / 20.0)
    samples = np.random.default_rng(3389).normal(0.0, rms, audio.rate * _LOOP_MS // 1000)
    return form_of(audio).encode(np.clip(samples, -32768, 32767).astype(np.int16))


class ComfortNoise:
    """Endless comfort for one stream: digital silence until the peer has told a noise level."""

    __slots__ = ("_at", "_form", "_loop")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._loop: bytes | None = None
        self._at = 0

    def told(self, level: int) -> None:
        """The peer announced its noise `level` in -dBov; 127 is silence."""
        self._loop = None if level >= SILENT_LEVEL else _loop(self._form.audio, max(level, _LOUDEST_PLAYED))

    def take(self, octets: int) -> bytes:
        """The next `octets` of comfort, which are whole samples."""
        loop = self._loop
        if loop is None:
            silence = self._form.silence
            return silence * (octets // len(silence))
        start, size = self._at, len(loop)
        self._at = (start + octets) % size
        turns = (start + octets) // size + 1
        return (loop * turns)[start : start + octets]
