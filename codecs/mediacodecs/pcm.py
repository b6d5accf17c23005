"""Linear samples: mono, 16 bits, in numpy arrays between the codecs and in little-endian bytes at the edges."""

from collections.abc import Buffer

import numpy as np
from numpy.typing import NDArray

type Pcm = NDArray[np.int16]

_WIRE = np.dtype("<i2")


def from_bytes(data: Buffer) -> Pcm:
    """View little-endian 16-bit samples as an array, without a copy and therefore read-only over `bytes`.

    Raises ValueError for an odd number of bytes.
    """
    return np.frombuffer(data, _WIRE)


def to_bytes(pcm: Pcm) -> bytes:
    """The samples in little-endian order."""
    return pcm.astype(_WIRE, copy=False).tobytes()


def silence(samples: int) -> Pcm:
    """So many samples of digital silence."""
    return np.zeros(samples, np.int16)
