"""The caller's latest audio, for a session that begins in the middle of things."""

from collections import deque
from collections.abc import Callable
from typing import Final

from mediacodecs.signal.level import rms_dbfs
from mediaproviders.continuity.transcode import linear
from mediaproviders.contract import AudioFormat

_CHUNK_MS: Final = 20
_LOUD_DBFS: Final = -45.0
_LISTEN_MS: Final = 300


class Recent:
    """Keeps the newest `keep_ms` of a stream in chunks of 20 ms, or as many chunks of another length."""

    def __init__(self, audio: AudioFormat, keep_ms: int) -> None:
        self._format = audio
        self._chunks: deque[bytes] = deque(maxlen=max(1, keep_ms // _CHUNK_MS))
        self.add: Callable[[bytes], None] = self._chunks.append
        """Takes audio of any length. On the path of every packet, hence no method around it."""

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
