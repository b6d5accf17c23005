"""L16: linear samples as they are, 16 bits in network byte order (RFC 3551 4.5.11)."""

import numpy as np

from mediacodecs.codec import CodecSpec
from mediacodecs.pcm import Pcm

_WIRE = np.dtype(">i2")


def _spec(rate: int) -> CodecSpec:
    # 1280 octets fill a packet on an Ethernet (RFC 3551 leaves that to the sender); at 16 kHz they are 40 ms.
    ptimes = tuple(ms for ms in (10, 20, 30, 40, 50, 60) if ms * rate * 2 <= 1_280_000)
    return CodecSpec("L16", rate, rate, None, rate * 2 // 1000, ptimes=ptimes)


SPECS = {rate: _spec(rate) for rate in (8000, 16000)}
"""By sampling rate, which is the clock rate too. Dynamic payload types: the static ones are for 44.1 kHz alone."""


class L16Codec:
    """Without memory: one for everybody. `rate` is 8000 or 16000 Hz."""

    def __init__(self, rate: int) -> None:
        self.spec = SPECS[rate]
        self.rate = rate

    def samples(self, payload: bytes) -> int:
        """Half as many as octets."""
        return len(payload) // 2

    def encode(self, pcm: Pcm) -> bytes:
        """Two octets for each sample."""
        return pcm.astype(_WIRE).tobytes()

    def decode(self, payload: bytes) -> Pcm:
        """A sample for every two octets; an odd last one is left out."""
        return np.frombuffer(payload, _WIRE, len(payload) // 2).astype(np.int16)

    def conceal(self, samples: int) -> Pcm | None:
        """It cannot."""
        return None

    def recover(self, payload: bytes, samples: int) -> Pcm | None:
        """There is no second copy."""
        return None
