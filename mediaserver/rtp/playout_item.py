"""One item of the downlink queue: what came of it, what of that is ready for the wire, what was played."""

from collections import deque
from dataclasses import dataclass

from mediacodecs.g711 import CODECS, Encoding
from mediacodecs.pcm import from_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat
from mediaserver.rtp.plan import CLOCK_RATE, law_table

_BYTES_PER_MS = CLOCK_RATE // 1000


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
    """Audio of one item. G.711 is made ready at once, PCM slice by slice: encoding a long burst would hold up calls."""

    __slots__ = (
        "_bytes_per_ms",
        "_carry",
        "_flushed",
        "_raw",
        "_raw_size",
        "_resampler",
        "_source",
        "_table",
        "encoding",
        "finished",
        "name",
        "played",
        "ready",
        "ready_size",
        "received",
        "started",
    )

    def __init__(self, name: str, source: AudioFormat, encoding: Encoding) -> None:
        self.name = name
        self.encoding = encoding
        self._source = source
        self._bytes_per_ms = source.bytes_per_ms
        self._table = self._law()
        self._raw: deque[bytes | memoryview] = deque()
        self._raw_size = 0
        self._carry = b""
        resampled = source.encoding == "pcm16" and source.rate != CLOCK_RATE
        self._resampler = Resampler(source.rate, CLOCK_RATE) if resampled else None
        self._flushed = True  # nothing is left in the resampler
        self.ready: deque[bytes] = deque()
        """Wire payload not yet taken by the playout."""
        self.ready_size = 0
        self.finished = False
        self.started = False
        self.received = 0
        """Bytes in the source format that came for it."""
        self.played = 0
        """Samples handed to the wire."""

    @property
    def received_ms(self) -> float:
        """How much the provider sent."""
        return self.received / self._bytes_per_ms

    @property
    def played_ms(self) -> float:
        """How much was handed to the wire; a resampler's tail counts no further than what was received."""
        return min(self.played / _BYTES_PER_MS, self.received_ms)

    @property
    def raw_ms(self) -> float:
        """How much awaits transcoding."""
        return self._raw_size / self._bytes_per_ms

    @property
    def has_raw(self) -> bool:
        """`transcode` has something to do."""
        return self._raw_size > 0 or (self.finished and not self._flushed)

    def push(self, audio: bytes) -> None:
        """Take audio in the source format."""
        self.received += len(audio)
        if self._source.encoding == "pcm16":
            self._raw.append(audio)
            self._raw_size += len(audio)
            self._flushed = self._resampler is None
        elif self._table is None:
            self._add(audio)
        else:
            self._add(audio.translate(self._table))

    def transcode(self, slice_ms: int) -> None:
        """Make up to `slice_ms` of PCM ready; after the last of a finished item, what its resampler holds."""
        wanted = slice_ms * self._bytes_per_ms
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
        whole = len(pcm) & ~1
        self._carry = pcm[whole:]
        samples = from_bytes(pcm[:whole])
        if self._resampler is not None:
            samples = self._resampler.process(samples)
        codec = CODECS[self.encoding]
        if len(samples):
            self._add(codec.encode(samples))
        if self.finished and not self._raw_size and self._resampler is not None and not self._flushed:
            self._add(codec.encode(self._resampler.flush()))
            self._flushed = True

    def recode(self, encoding: Encoding) -> None:
        """The wire speaks another law from now on."""
        table = law_table(self.encoding, encoding)
        if table is not None:
            self.ready = deque(payload.translate(table) for payload in self.ready)
            self.encoding = encoding
            self._table = self._law()

    def void(self) -> None:
        """Drop what was not played."""
        self._raw.clear()
        self.ready.clear()
        self._raw_size = self.ready_size = 0
        self._carry = b""
        self._flushed = True

    def _law(self) -> bytes | None:
        if self._source.encoding == "pcm16":
            return None
        return law_table("PCMU" if self._source.encoding == "pcmu" else "PCMA", self.encoding)

    def _add(self, payload: bytes) -> None:
        if payload:
            self.ready.append(payload)
            self.ready_size += len(payload)
