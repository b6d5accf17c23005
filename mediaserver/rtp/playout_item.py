"""One item of the downlink queue: what came of it, what of that is ready for the wire, what was played."""

from collections import deque
from dataclasses import dataclass

from mediacodecs.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from mediacodecs.pcm import Pcm
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.form import Form, converted, form_of


@dataclass(frozen=True, slots=True)
class Cut:
    """An item that was not played to its end: how much was handed to the wire, of how much that had come."""

    item: str
    played_ms: float
    received_ms: float


@dataclass(frozen=True, slots=True)
class ItemStarted:
    """The first frame of `item` was handed to the wire."""

    item: str


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """`item` was played to its end. It is not reported of items that were cut."""

    item: str
    played_ms: float


class PlayoutItem:
    """Audio of one item, made ready in the form the wire wants.

    What needs no more than a table is at once, other audio slice by slice: to convert a long burst would hold up calls.
    """

    __slots__ = (
        "_carry",
        "_flushed",
        "_form",
        "_played_before_ms",
        "_raw",
        "_raw_size",
        "_resampler",
        "_slow",
        "_source",
        "_table",
        "_whole",
        "finished",
        "name",
        "played",
        "ready",
        "ready_size",
        "received",
        "started",
    )

    def __init__(self, name: str, source: AudioFormat, form: Form) -> None:
        self.name = name
        self._form = form
        self._source = form_of(source)
        self._whole = len(self._source.silence)
        self._resampler: Resampler | None
        self._table: bytes | None
        self._aim()
        self._played_before_ms = 0.0
        self._raw: deque[bytes | memoryview] = deque()
        self._raw_size = 0
        self._carry = b""
        self._flushed = True  # nothing is left in the resampler
        self.ready: deque[bytes] = deque()
        """Wire payload not yet taken by the playout."""
        self.ready_size = 0
        self.finished = False
        self.started = False
        self.received = 0
        """Bytes in the source format that came for it."""
        self.played = 0
        """Octets handed to the wire, in the present form."""

    @property
    def received_ms(self) -> float:
        """How much the provider sent."""
        return self.received / self._source.bytes_per_ms

    @property
    def played_ms(self) -> float:
        """How much was handed to the wire; a resampler's tail counts no further than what was received."""
        return min(self._played_before_ms + self.played / self._form.bytes_per_ms, self.received_ms)

    @property
    def raw_ms(self) -> float:
        """How much awaits transcoding."""
        return self._raw_size / self._source.bytes_per_ms

    @property
    def has_raw(self) -> bool:
        """`transcode` has something to do."""
        return self._raw_size > 0 or (self.finished and not self._flushed)

    def push(self, audio: bytes) -> None:
        """Take audio in the source format."""
        self.received += len(audio)
        if self._slow:
            self._raw.append(audio)
            self._raw_size += len(audio)
            self._flushed = self._resampler is None
        elif self._table is None:
            self._add(audio)
        else:
            self._add(audio.translate(self._table))

    def transcode(self, slice_ms: int) -> None:
        """Make up to `slice_ms` ready; after the last of a finished item, what its resampler holds."""
        wanted = slice_ms * self._source.bytes_per_ms
        parts: list[bytes | memoryview] = [self._carry]
        while wanted > 0 and self._raw:
            chunk = self._raw.popleft()
            if len(chunk) > wanted:
                # A view: cutting a long burst slice by slice must not copy its rest each time.
                self._raw.appendleft(memoryview(chunk)[wanted:])
                chunk = chunk[:wanted]
            parts.append(chunk)
            wanted -= len(chunk)
            self._raw_size -= len(chunk)
        pcm = b"".join(parts)
        whole = len(pcm) - len(pcm) % self._whole
        self._carry = pcm[whole:]
        samples: Pcm = self._source.decode(pcm[:whole])
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        if len(samples):
            self._add(self._form.encode(samples))
        if self.finished and not self._raw_size and self._resampler is not None and not self._flushed:
            self._add(self._form.encode(self._resampler.flush()))
            self._flushed = True

    def reform(self, form: Form) -> None:
        """The wire wants another form from now on."""
        if self._resampler is not None and not self._flushed:
            self._add(self._form.encode(self._resampler.flush()))
        ready = converted(b"".join(self.ready), self._form, form)
        self.ready = deque([ready] if ready else ())
        self.ready_size = len(ready)
        self._played_before_ms += self.played / self._form.bytes_per_ms
        self.played = 0
        self._form = form
        self._aim()
        self._flushed = self._resampler is None or not self._raw_size

    def void(self) -> None:
        """Drop what was not played."""
        self._raw.clear()
        self.ready.clear()
        self._raw_size = self.ready_size = 0
        self._carry = b""
        self._flushed = True

    def _aim(self) -> None:
        """What is between the source and the wire: nothing, a table, or a resampler and more."""
        source, wire = self._source.audio, self._form.audio
        self._resampler = None if source.rate == wire.rate else Resampler(source.rate, wire.rate)
        self._slow = "pcm16" in (source.encoding, wire.encoding)
        self._table = None
        if source.encoding != wire.encoding and "pcm16" not in (source.encoding, wire.encoding):
            self._table = ULAW_TO_ALAW if source.encoding == "pcmu" else ALAW_TO_ULAW

    def _add(self, payload: bytes) -> None:
        if payload:
            self.ready.append(payload)
            self.ready_size += len(payload)
