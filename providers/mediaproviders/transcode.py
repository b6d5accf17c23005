"""From one audio format to another. Pure."""

from typing import Final

import numpy as np

from mediacodecs.g711 import ALAW_TO_ULAW, CODECS, ULAW_TO_ALAW, Encoding
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat

_LAWS: Final[dict[str, Encoding]] = {"pcmu": "PCMU", "pcma": "PCMA"}


def linear(data: bytes, audio: AudioFormat) -> Pcm:
    """Whole samples of `audio` as linear ones."""
    law = _LAWS.get(audio.encoding)
    return from_bytes(data) if law is None else CODECS[law].decode(data)


def encoded(pcm: Pcm, audio: AudioFormat) -> bytes:
    """Linear samples of `audio`'s rate as it carries them."""
    law = _LAWS.get(audio.encoding)
    return to_bytes(pcm) if law is None else CODECS[law].encode(np.ascontiguousarray(pcm))


class Transcoder:
    """Converts one stream from `source` to `target`. ValueError for rates that cannot be converted."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source, self._target = source, target
        self._same = source == target
        self._splits = source.encoding == "pcm16"
        self._odd = b""
        self._table: bytes | None = None
        if source.encoding in _LAWS and target.encoding in _LAWS and source.rate == target.rate:
            self._table = ULAW_TO_ALAW if source.encoding == "pcmu" else ALAW_TO_ULAW
        self._resampler = Resampler(source.rate, target.rate)

    def convert(self, data: bytes) -> bytes:
        """The next piece, of any length; a little may wait for the piece after it."""
        if self._splits and (self._odd or len(data) % 2):
            data = self._odd + data
            whole = len(data) // 2 * 2
            data, self._odd = data[:whole], data[whole:]
        if self._same:
            return data
        if self._table is not None:
            return data.translate(self._table)
        return encoded(self._resampler.process(linear(data, self._source)), self._target)

    def flush(self) -> bytes:
        """What waits inside; the next piece begins another stream."""
        self._odd = b""
        if self._same or self._table is not None:
            return b""
        return encoded(self._resampler.flush(), self._target)
