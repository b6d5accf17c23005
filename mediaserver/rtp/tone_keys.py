"""Keys as tones in the audio, for a peer with whom no events were agreed (ITU-T Q.23)."""

from collections import deque

from mediacodecs.signal.tones import DTMF, dtmf
from mediaserver.rtp.dtmf import PAUSES_MS
from mediaserver.rtp.form import Form


class ToneKeys:
    """Plays keys in `form`, a frame at a time, with a gap between two of them. Made key by key as they come up."""

    __slots__ = ("_at", "_form", "_gap_ms", "_keys", "_octets", "_size", "_usual_ms")

    def __init__(self, form: Form, ptime_ms: int, digit_ms: int, gap_ms: int) -> None:
        self._usual_ms = digit_ms
        self._gap_ms = gap_ms
        self._keys: deque[tuple[str, float]] = deque()
        self._octets, self._at = b"", 0
        self.into(form, ptime_ms)

    def into(self, form: Form, ptime_ms: int) -> None:
        """How frames are to be from now on; what is left of a key begun in another form is dropped."""
        if getattr(self, "_form", form) is not form:
            self._octets, self._at = b"", 0
        self._form = form
        self._size = ptime_ms * form.bytes_per_ms

    def press(self, keys: str, duration_ms: float | None = None) -> None:
        """Queue keys (``0-9 * # A-D``) and pauses. Raises ValueError for what is neither."""
        if any(key not in PAUSES_MS and key.upper() not in DTMF for key in keys):
            raise ValueError(f"not telephone keys: {keys!r}")
        self._keys.extend((key, duration_ms or self._usual_ms) for key in keys)

    def pop(self) -> bytes | None:
        """The next frame; None: all is played."""
        while len(self._octets) - self._at < self._size and self._keys:
            self._octets, self._at = self._octets[self._at :] + self._next(), 0
        frame = self._octets[self._at : self._at + self._size]
        if not frame:
            return None
        self._at += len(frame)
        missing = (self._size - len(frame)) // len(self._form.silence)
        return frame + self._form.silence * missing

    def _next(self) -> bytes:
        key, ms = self._keys.popleft()
        form = self._form
        if key in PAUSES_MS:
            return self._silence(PAUSES_MS[key])
        return form.encode(dtmf(key, ms, form.audio.rate)) + self._silence(self._gap_ms)

    def _silence(self, ms: int) -> bytes:
        return self._form.silence * (ms * self._form.audio.rate // 1000)
