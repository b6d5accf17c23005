"""One direction of a bridge: what is heard on one leg, made into frames for the other. Pure.

Audio comes when the one leg's packets come, and goes at the ticks of the other's clock. Between them a small buffer:
the first frame waits for one more, which costs 20 to 40 ms and outlasts as much jitter. A tick that finds nothing gets
nothing (the sender sends silence), and the late audio then waits one frame longer: that is how the buffer grows. What
stays in it for half a second without being needed is dropped, quiet audio first: that is how it shrinks, and how two
clocks that differ stay together.
"""

from collections import deque
from collections.abc import Callable

from mediacodecs.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from mediacodecs.signal.resample import Resampler
from mediaserver.rtp.form import Form

SPARE_MS = 20
"""What the first frame waits for, beyond its own tick."""
ENOUGH_MS = 40
"""With so much left when the next audio comes, some of it is not needed."""
MOST_MS = 200
"""More is never kept: the other leg does not send (it is on hold)."""
_UNNEEDED = 25
"""Arrivals in a row that find enough, before any is dropped that is quiet."""
_UNNEEDED_LOUD = 100
"""The same for any."""


def converter(source: Form, target: Form) -> Callable[[bytes], bytes] | None:
    """From one form to another, for one stream; None: octets pass untouched."""
    if source is target:
        return None
    if source.audio.encoding != "pcm16" and target.audio.encoding != "pcm16":
        table = ULAW_TO_ALAW if source.audio.encoding == "pcmu" else ALAW_TO_ULAW
        return lambda octets: octets.translate(table)
    if source.audio.rate == target.audio.rate:
        return lambda octets: target.encode(source.decode(octets))
    resampler = Resampler(source.audio.rate, target.audio.rate)
    return lambda octets: target.encode(resampler.process(source.decode(octets)))


class Crossing:
    """From a leg whose audio comes in `source` to one that sends frames of `ptime_ms` in `target`."""

    __slots__ = (
        "_bytes_per_ms",
        "_chunks",
        "_convert",
        "_enough",
        "_most",
        "_queued",
        "_size",
        "_source",
        "_target",
        "_ticks",
        "_unneeded",
        "_wait",
        "dropped_ms",
        "frames",
        "underruns",
        "waited_ms",
    )

    def __init__(self, source: Form, target: Form, ptime_ms: int) -> None:
        self._source = source
        self._chunks: deque[bytes] = deque()
        self._queued = 0
        self._unneeded = 0
        self._wait = 0
        self.underruns = 0
        """Ticks that found nothing, since the first audio."""
        self.dropped_ms = 0.0
        """Audio that was too much."""
        self.frames = 0
        """Frames taken."""
        self.waited_ms = 0.0
        """What was waiting at each tick, its own frame included; summed over `frames`."""
        self.into(target, ptime_ms)

    def into(self, target: Form, ptime_ms: int) -> None:
        """How the other leg sends, from now on. What waits is dropped if it cannot be used."""
        if self._queued and getattr(self, "_target", target) is not target:
            self._empty()
        self._target = target
        self._convert = converter(self._source, target)
        self._bytes_per_ms = target.bytes_per_ms
        self._size = ptime_ms * target.bytes_per_ms
        self._enough = ENOUGH_MS * target.bytes_per_ms
        self._most = MOST_MS * target.bytes_per_ms
        # A long frame gathers as much before it is whole.
        self._ticks = -(-SPARE_MS // ptime_ms) if ptime_ms < ENOUGH_MS else 0
        self._wait = 0 if self._queued else self._ticks

    @property
    def delay_ms(self) -> float:
        """What audio has waited here on average, in ms: half a frame less than what waits at a tick."""
        if not self.frames:
            return 0.0
        return max(0.0, self.waited_ms / self.frames - self._size / self._bytes_per_ms / 2)

    # --- hot: once per packet each way -----------------------------------------------------------------------------

    def take(self, octets: bytes, now: float) -> None:
        """Audio of the one leg, in order."""
        if self._convert is not None:
            octets = self._convert(octets)
        queued = self._queued
        if queued >= self._enough:
            if self._is_unneeded(octets):
                return
        else:
            self._unneeded = 0
        self._chunks.append(octets)
        self._queued = queued + len(octets)
        if self._queued > self._most:
            self._shorten()

    def pop(self) -> bytes | None:
        """The other leg's frame that is due; None: there is none, it sends silence."""
        queued, size = self._queued, self._size
        if queued < size:
            if self.frames and not self._wait:
                self.underruns += 1
            return None
        if self._wait:
            self._wait -= 1
            return None
        self.frames += 1
        self.waited_ms += queued / self._bytes_per_ms
        self._queued = queued - size
        chunks = self._chunks
        if len(chunks[0]) == size:
            return chunks.popleft()
        return self._gathered(size)

    # --- rare ------------------------------------------------------------------------------------------------------

    def _gathered(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            chunk = self._chunks.popleft()
            if len(chunk) > size:
                self._chunks.appendleft(chunk[size:])
                chunk = chunk[:size]
            parts.append(chunk)
            size -= len(chunk)
        return b"".join(parts)

    def _is_unneeded(self, octets: bytes) -> bool:
        self._unneeded += 1
        loud_too = self._unneeded >= _UNNEEDED_LOUD
        far_too_much = self._queued >= 2 * self._enough
        if loud_too or ((far_too_much or self._unneeded >= _UNNEEDED) and self._target.is_quiet(octets)):
            self._unneeded = 0
            self.dropped_ms += len(octets) / self._bytes_per_ms
            return True
        return False

    def _shorten(self) -> None:
        """Nobody takes it: only the newest is worth keeping."""
        while self._queued > self._enough and len(self._chunks) > 1:
            dropped = len(self._chunks.popleft())
            self._queued -= dropped
            self.dropped_ms += dropped / self._bytes_per_ms

    def _empty(self) -> None:
        self.dropped_ms += self._queued / self._bytes_per_ms
        self._chunks.clear()
        self._queued = 0
