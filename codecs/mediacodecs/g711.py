"""G.711: mu-law and A-law by table, exact to the recommendation.

Both laws are given by their decision values. A sample's code is the number of decision values at or below its
magnitude, and the magnitude of a negative sample is its one's complement: that is where common implementations,
which negate instead, are a step off at segment borders.
"""

from collections.abc import Buffer
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mediacodecs.codec import CodecSpec
from mediacodecs.pcm import Pcm

type Encoding = Literal["PCMU", "PCMA"]

_Octets = NDArray[np.uint8]


def _mu_law_decisions() -> list[int]:
    """Decision values of 14-bit magnitudes: eight segments of sixteen steps, biased by 33 (G.711 table 2a)."""
    return [max(0, ((16 + step) << (segment + 1)) - 33) for segment in range(8) for step in range(16)]


def _a_law_decisions() -> list[int]:
    """Decision values of 12-bit magnitudes: as above without a bias, the first two segments alike (G.711 table 1a)."""
    first = list(range(16))
    return first + [(16 + step) << (segment - 1) for segment in range(1, 8) for step in range(16)]


def _magnitudes(shift: int) -> NDArray[np.int32]:
    """Magnitude of every 16-bit sample, indexed by its bits read as unsigned, in units of 2**shift."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return np.where(samples < 0, ~samples, samples) >> shift


def _mu_law_encoder() -> _Octets:
    steps = np.searchsorted(_mu_law_decisions()[1:], _magnitudes(2), side="right")
    codes = 0x7F - steps
    codes[:32768] |= 0x80
    return codes.astype(np.uint8)


def _a_law_encoder() -> _Octets:
    codes = np.searchsorted(_a_law_decisions()[1:], _magnitudes(4), side="right")
    codes[:32768] |= 0x80
    return (codes ^ 0x55).astype(np.uint8)


def _mu_law_decoder() -> Pcm:
    inverted = 0xFF - np.arange(256)
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    magnitude = ((2 * mantissa + 33) << (exponent + 2)) - 132
    return np.where(inverted & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law_decoder() -> Pcm:
    plain = np.arange(256) ^ 0x55
    exponent, mantissa = (plain >> 4) & 7, plain & 15
    magnitude = np.where(exponent, (2 * mantissa + 33) << (np.maximum(exponent, 1) + 2), (2 * mantissa + 1) << 3)
    return np.where(plain & 0x80, magnitude, -magnitude).astype(np.int16)


class _Companded:
    """A codec of one octet a sample, by two tables."""

    def __init__(self, spec: CodecSpec, encoder: _Octets, decoder: Pcm) -> None:
        self._spec = spec
        self._encoder = encoder
        self._decoder = decoder

    @property
    def spec(self) -> CodecSpec:
        """What it is."""
        return self._spec

    def encode(self, pcm: Pcm) -> bytes:
        """One octet for each sample."""
        return self._encoder.take(pcm.view(np.uint16)).tobytes()

    def decode(self, payload: Buffer) -> Pcm:
        """One sample for each octet."""
        return self._decoder.take(np.frombuffer(payload, np.uint8))


class PcmuCodec(_Companded):
    """Mu-law at 8 kHz."""

    def __init__(self) -> None:
        super().__init__(CodecSpec("PCMU", 8000, 8000, 0, 8), _mu_law_encoder(), _mu_law_decoder())


class PcmaCodec(_Companded):
    """A-law at 8 kHz."""

    def __init__(self) -> None:
        super().__init__(CodecSpec("PCMA", 8000, 8000, 8, 8), _a_law_encoder(), _a_law_decoder())


PCMU = PcmuCodec()
PCMA = PcmaCodec()
CODECS: dict[Encoding, PcmuCodec | PcmaCodec] = {"PCMU": PCMU, "PCMA": PCMA}
SILENCE: dict[Encoding, int] = {"PCMU": 0xFF, "PCMA": 0xD5}
"""The octet of the smallest positive value."""

_EVERY_OCTET = bytes(range(256))

ULAW_TO_ALAW = PCMA.encode(PCMU.decode(_EVERY_OCTET))
"""For `bytes.translate`: mu-law octets to A-law, by way of their linear values."""
ALAW_TO_ULAW = PCMU.encode(PCMA.decode(_EVERY_OCTET))
"""For `bytes.translate`: A-law octets to mu-law, by way of their linear values."""


def attenuation_table(encoding: Encoding, gain: float) -> bytes:
    """256 octets for `bytes.translate` that scale a payload by `gain`, a linear factor; louder clips at full scale.

    A gain of one leaves every octet as it is, a gain of zero gives :data:`SILENCE`. Raises ValueError if negative.
    """
    if not gain >= 0.0:
        raise ValueError(f"gain must not be negative: {gain}")
    if gain == 1.0:
        return _EVERY_OCTET
    codec = CODECS[encoding]
    scaled = np.rint(codec.decode(_EVERY_OCTET) * gain).clip(-32768, 32767)
    return codec.encode(scaled.astype(np.int16))
