"""The caller's latest audio, for a session that begins in the middle of things."""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm
from mediacodecs.signal.level import rms_dbfs
from mediaproviders.contract import AudioFormat
from mediaproviders.transcode import linear

_CHUNKS_MS: Final = (10, 60)
"""The shortest and the longest a chunk is taken to be."""
_LOUD_DBFS: Final = -45.0
_LISTEN_MS: Final = 300
_FRAME_MS: Final = 20
_VOICE_FRAMES: Final = 4
"""Fewer loud frames than this are a click."""
_PAUSE_MS: Final = 1500
"""Sounds further apart than this are not of one sentence."""


class Recent:
    """Keeps the newest `keep_ms` of a stream that comes in chunks of one length, the first chunk's."""

    def __init__(self, audio: AudioFormat, keep_ms: int) -> None:
        self._format = audio
        self._keep_ms = keep_ms
        self._chunks: deque[bytes] = deque(maxlen=max(1, keep_ms // _CHUNKS_MS[0]))

    def begin(self, data: bytes) -> Callable[[bytes], None]:
        """The first chunk. Returns what takes the others: they are so many that no method is put around it."""
        least, most = (ms * self._format.bytes_per_ms for ms in _CHUNKS_MS)
        keep = self._keep_ms * self._format.bytes_per_ms
        self._chunks = deque([*self._chunks, data], maxlen=max(1, keep // max(least, min(len(data), most))))
        return self._chunks.append

    def clear(self) -> None:
        """What came so far belongs to a turn that is closed."""
        self._chunks.clear()

    def trim(self, ms: int) -> None:
        """Keep only the newest `ms`."""
        kept = self.newest(ms)
        self._chunks.clear()
        self._chunks.extend(kept)

    def newest(self, ms: int | None = None) -> list[bytes]:
        """The newest `ms`, in order; None: all there is."""
        if ms is None:
            return list(self._chunks)
        wanted = ms * self._format.bytes_per_ms
        found: list[bytes] = []
        for chunk in reversed(self._chunks):
            if wanted <= 0:
                break
            found.append(chunk[-wanted:])
            wanted -= len(chunk)
        return found[::-1]

    @property
    def loud(self) -> bool:
        """Somebody may be speaking right now: a guess by level, for sessions that do not tell."""
        return rms_dbfs(self._samples(_LISTEN_MS)) > _LOUD_DBFS

    def voice(self, within_ms: int) -> int | None:
        """How many ms ago what may be the caller's last sentence began; None if none was heard in the last `within_ms`.

        A guess by level, as :attr:`loud` is.
        """
        loud = np.flatnonzero(self._levels() > _LOUD_DBFS)  # frames counted back from now, the newest is 0
        if not len(loud) or loud[0] * _FRAME_MS >= within_ms:
            return None
        pauses = np.flatnonzero(np.diff(loud) * _FRAME_MS > _PAUSE_MS)
        count = int(pauses[0]) + 1 if len(pauses) else len(loud)
        return None if count < _VOICE_FRAMES else (int(loud[count - 1]) + 1) * _FRAME_MS

    def _levels(self) -> NDArray[np.float32]:
        """Level of each frame in dBFS, the newest first."""
        length = self._format.rate * _FRAME_MS // 1000
        samples = self._samples(self._keep_ms)
        frames = samples[len(samples) % length :].reshape(-1, length)[::-1].astype(np.float32)
        power = np.maximum(np.einsum("ij,ij->i", frames, frames) / length, 1e-9)
        return np.asarray(10 * np.log10(power) - 90.309, np.float32)

    def _samples(self, ms: int) -> Pcm:
        audio = b"".join(self.newest(ms))
        if self._format.encoding == "pcm16":
            audio = audio[: len(audio) // 2 * 2]
        return linear(audio, self._format)
