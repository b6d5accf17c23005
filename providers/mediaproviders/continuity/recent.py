"""The caller's latest audio, for a session that begins in the middle of things."""

from collections import deque
from collections.abc import Callable
from typing import Final

from mediacodecs.signal.level import rms_dbfs
from mediaproviders.continuity.transcode import linear
from mediaproviders.contract import AudioFormat

_CHUNKS_MS: Final = (10, 60)
"""The shortest and the longest a chunk is taken to be."""
_LOUD_DBFS: Final = -45.0
_LISTEN_MS: Final = 300


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
        audio = b"".join(self.newest(_LISTEN_MS))
        if self._format.encoding == "pcm16":
            audio = audio[: len(audio) // 2 * 2]
        return rms_dbfs(linear(audio, self._format)) > _LOUD_DBFS
