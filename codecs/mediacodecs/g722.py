"""G.722 at 64 kbit/s: 7 kHz of speech in the room of G.711.

Its RTP clock is 8000 Hz by an old mistake that RFC 3551 4.5.2 keeps, while it samples at 16 kHz: an octet is two
samples. The work is done by libg722, in 13 us to encode 20 ms and 10 us to decode them. Loss is for others to conceal:
the decoder finds back to the encoder by itself.
"""

from importlib import import_module
from typing import Any

import numpy as np

from mediacodecs.codec import CodecSpec, CodecUnavailableError
from mediacodecs.pcm import Pcm

SPEC = CodecSpec("G722", 8000, 16000, 9, 8)

_BITS_PER_S = 64000


def _coder(rate: int) -> Any:
    try:
        return import_module("G722").G722(rate, _BITS_PER_S)
    except ImportError as error:
        raise CodecUnavailableError(f"G.722 needs the package G722: {error}") from error


class G722Encoder:
    """Raises CodecUnavailableError at construction if the library is missing."""

    def __init__(self) -> None:
        self._encode = _coder(SPEC.sample_rate).encode

    def encode(self, pcm: Pcm) -> bytes:
        """An octet for every two samples; an odd one is left out."""
        payload: bytes = self._encode(pcm)
        return payload


class G722Decoder:
    """To `rate` Hz: 16000, or 8000, where the upper band is left out and with it half of the work.

    Raises CodecUnavailableError at construction if the library is missing.
    """

    def __init__(self, rate: int = SPEC.sample_rate) -> None:
        if rate not in (8000, 16000):
            raise ValueError(f"G.722 is decoded to 8000 or 16000 Hz, not {rate}")
        self.rate = rate
        self._decode = _coder(rate).decode
        self._per_octet = rate // SPEC.clock_rate

    def samples(self, payload: bytes) -> int:
        """Two for every octet, one at 8000 Hz."""
        return len(payload) * self._per_octet

    def decode(self, payload: bytes) -> Pcm:
        """All samples of one payload."""
        return np.frombuffer(self._decode(payload), np.int16)

    def conceal(self, samples: int) -> Pcm | None:
        """It cannot."""
        return None

    def recover(self, payload: bytes, samples: int) -> Pcm | None:
        """There is no second copy."""
        return None
