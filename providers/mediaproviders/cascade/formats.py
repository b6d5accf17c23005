"""From the leg's audio format to a service's, and back. Pure."""

from collections.abc import Sequence

import numpy as np

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import RATES, Resampler
from mediaproviders.contract import AudioFormat


def nearest(wanted: AudioFormat, offered: Sequence[AudioFormat]) -> AudioFormat:
    """The format among `offered` that carries `wanted` with least loss. Raises ValueError if none can."""
    usable = [each for each in offered if each == wanted or each.rate in RATES]
    if not usable:
        raise ValueError(f"none of {list(offered)} can be converted to or from {wanted}")

    def loss(each: AudioFormat) -> tuple[bool, bool, int]:
        # Too low a rate loses the most, then another law of companding; then needless work.
        companded = each.encoding not in ("pcm16", wanted.encoding)
        return (each.rate < wanted.rate, companded, abs(each.rate - wanted.rate))

    # Of equals the one that is the leg's own, else the service's favourite.
    return min(usable, key=lambda each: (each != wanted, *loss(each)))


class Converter:
    """One stream of audio bytes of any length, from one format into another."""

    def __init__(self, given: AudioFormat, taken: AudioFormat) -> None:
        self._given = given
        self._taken = taken
        self._odd = b""
        self._resampler = Resampler(given.rate, taken.rate)

    def convert(self, data: bytes) -> bytes:
        """More of the stream; a few ms may wait for what follows."""
        if self._given == self._taken and not self._odd and len(data) % self._width == 0:
            return data
        data = self._odd + data
        whole = len(data) - len(data) % self._width
        self._odd = data[whole:]
        if self._given == self._taken:
            return data[:whole]
        return _encode(self._resampler.process(_decode(data[:whole], self._given)), self._taken)

    def flush(self) -> bytes:
        """What waits; the converter then begins anew."""
        self._odd = b""
        return _encode(self._resampler.flush(), self._taken)

    @property
    def _width(self) -> int:
        return 2 if self._given.encoding == "pcm16" else 1


def _decode(data: bytes, form: AudioFormat) -> Pcm:
    match form.encoding:
        case "pcmu":
            return MU_LAW.decode(data)
        case "pcma":
            return A_LAW.decode(data)
        case _:
            return from_bytes(data)


def _encode(pcm: Pcm, form: AudioFormat) -> bytes:
    match form.encoding:
        case "pcmu":
            return MU_LAW.encode(np.ascontiguousarray(pcm))
        case "pcma":
            return A_LAW.encode(np.ascontiguousarray(pcm))
        case _:
            return to_bytes(pcm)
