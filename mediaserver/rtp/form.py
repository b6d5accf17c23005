"""How the octets of a session's audio are to be read: one law of G.711, or linear samples.

A session's uplink has one form for the whole call, and so has the downlink up to the codec. What the queues and clocks
do with octets is the same for all of them; what differs is here.
"""

import audioop
from functools import lru_cache
from typing import Protocol

import numpy as np

from mediacodecs import g711, registry
from mediacodecs.g711 import CODECS, Encoding, attenuation_table
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import PCMA, PCMU, AudioFormat

_LOUD = 300  # of 32768, -41 dB: a sample that is not background
_QUIET_SHARE = 20


class Form(Protocol):
    """Octets of one format. Without memory: one for all calls."""

    audio: AudioFormat
    bytes_per_ms: int
    octets_per_s: int
    silence: bytes
    """One sample of it."""

    def decode(self, octets: bytes) -> Pcm:
        """Samples at `audio.rate`."""

    def encode(self, pcm: Pcm) -> bytes:
        """Octets of samples at `audio.rate`."""

    def soften(self, octets: bytes, gain: float) -> bytes:
        """The same at `gain`, a linear factor from 0 to 1."""

    def is_quiet(self, octets: bytes) -> bool:
        """Background at most: no more than one sample in twenty is loud."""


@lru_cache(maxsize=32)
def _softer(encoding: Encoding, gain: float) -> bytes:
    return attenuation_table(encoding, gain)


class G711Form:
    """One octet a sample."""

    def __init__(self, encoding: Encoding) -> None:
        self.audio = PCMA if encoding == "PCMA" else PCMU
        self.bytes_per_ms, self.octets_per_s = 8, 8000
        self.silence = bytes([g711.SILENCE[encoding]])
        self._encoding = encoding
        self._codec = CODECS[encoding]
        self._loudness = bytes(abs(int(sample)) > _LOUD for sample in self._codec.decode(bytes(range(256))))

    def decode(self, octets: bytes) -> Pcm:
        """By table."""
        return self._codec.decode(octets)

    def encode(self, pcm: Pcm) -> bytes:
        """By table."""
        return self._codec.encode(pcm)

    def soften(self, octets: bytes, gain: float) -> bytes:
        """By table."""
        return octets.translate(_softer(self._encoding, gain))

    def is_quiet(self, octets: bytes) -> bool:
        """By table, without decoding."""
        return octets.translate(self._loudness).count(1) * _QUIET_SHARE <= len(octets)


class PcmForm:
    """Two octets a sample, little-endian."""

    def __init__(self, rate: int) -> None:
        self.audio = AudioFormat("pcm16", rate)
        self.bytes_per_ms, self.octets_per_s = rate // 500, rate * 2
        self.silence = bytes(2)

    def decode(self, octets: bytes) -> Pcm:
        """A view."""
        return from_bytes(octets)

    def encode(self, pcm: Pcm) -> bytes:
        """A copy."""
        return to_bytes(pcm)

    def soften(self, octets: bytes, gain: float) -> bytes:
        """By multiplication."""
        return audioop.mul(octets, 2, gain)

    def is_quiet(self, octets: bytes) -> bool:
        """By counting."""
        pcm = from_bytes(octets)
        loud = np.count_nonzero(pcm > _LOUD) + np.count_nonzero(pcm < -_LOUD)
        return int(loud) * _QUIET_SHARE <= len(pcm)


_G711 = {"pcmu": G711Form("PCMU"), "pcma": G711Form("PCMA")}


@lru_cache(maxsize=16)
def form_of(audio: AudioFormat) -> Form:
    """The form of a format."""
    return _G711[audio.encoding] if audio.encoding in _G711 else PcmForm(audio.rate)


@lru_cache(maxsize=16)
def form_before(codec: str) -> Form:
    """What a codec's payloads are made of, by its name in the registry: G.711 is its own payload."""
    if codec in CODECS:
        return _G711[codec.lower()]
    return PcmForm(registry.spec(codec).sample_rate)


def uplink_format(codec: str, wanted_rate: int | None = None) -> AudioFormat:
    """What a leg's audio comes in, by the codec it is received in.

    G.711 passes as it is. Of others, what can be decoded to `wanted_rate` Hz at once is.
    """
    if codec in CODECS:
        return _G711[codec.lower()].audio
    rate = registry.spec(codec).sample_rate
    return AudioFormat("pcm16", wanted_rate if codec == "OPUS" and wanted_rate in (8000, 16000, 24000) else rate)


def converted(octets: bytes, source: Form, target: Form) -> bytes:
    """All of it in another form. For what is rare: a whole stream at once, and no more of it to come."""
    if source is target or not octets:
        return octets
    pcm = source.decode(octets)
    if source.audio.rate != target.audio.rate:
        resampler = Resampler(source.audio.rate, target.audio.rate)
        late = round(resampler.delay_ms * target.audio.rate / 1000)
        pcm = np.concatenate((resampler.process(pcm), resampler.flush()))[late:]
    return target.encode(pcm)
