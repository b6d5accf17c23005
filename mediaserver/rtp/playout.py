"""The downlink queue: what the agent says, and exactly how much of it has been said."""

from collections import deque

from mediaproviders.contract import AudioFormat
from mediaserver.rtp.duck import HELD, STEP_MS, Ramp
from mediaserver.rtp.form import converted, form_before
from mediaserver.rtp.playout_item import Cut as Cut
from mediaserver.rtp.playout_item import ItemEnded as ItemEnded
from mediaserver.rtp.playout_item import ItemStarted as ItemStarted
from mediaserver.rtp.playout_item import PlayoutItem

_SLICE_MS = 200  # transcoding this much takes well under a millisecond
_REMEMBERED = 256


class Playout:
    """Queue of audio by item, drained a frame at a time.

    Items play in the order in which they first came. A frame holds audio of one item only: the last frame of a finished
    item is filled up with silence. An item that runs dry while the next one has audio counts as finished; if more of it
    comes after all, that plays behind the others. An item that runs dry otherwise is an underrun and its position
    stays, a partial frame included.

    Frames come in the form that goes before the codec `encoding`: G.711 is its own payload, others are yet to encode.
    """

    def __init__(self, *, encoding: str, ptime_ms: int, source: AudioFormat, max_queue_ms: int = 120_000) -> None:
        self._form = form_before(encoding)
        self._measure(ptime_ms)
        self._source = source
        self._max_queue_ms = max_queue_ms
        self._items: dict[str, PlayoutItem] = {}
        self._queue: deque[PlayoutItem] = deque()
        self._cancelled: dict[str, None] = {}
        self._ramp = Ramp()
        self._steady = True
        # The payload being played, of the item in front: a slice of bytes is the cheapest way to get a frame.
        self._chunk = b""
        self._offset = 0
        self._dry = False
        self._last: PlayoutItem | None = None  # what the last piece was of
        self._events: list[ItemStarted | ItemEnded] = []
        self.underruns = 0
        """Times an unfinished item ran dry."""
        self.dropped_ms = 0.0
        """Audio refused because the queue was full."""
        self.late_ms = 0.0
        """Audio refused because its item was cancelled."""
        self.frames = 0
        """Frames popped."""

    # --- filling ---------------------------------------------------------------------------------------------------

    def push(self, item: str, audio: bytes) -> None:
        """Queue audio of `item` in the source format, any length. Beyond the bound it is dropped and counted."""
        if not audio:
            return
        length_ms = len(audio) / self._source.bytes_per_ms
        if item in self._cancelled:
            self.late_ms += length_ms
            return
        if self.queued_ms + length_ms > self._max_queue_ms:
            self.dropped_ms += length_ms
            return
        entry = self._items.get(item)
        if entry is None:
            entry = self._items[item] = PlayoutItem(item, self._source, self._form)
            self._queue.append(entry)
            self._forget()
        elif entry.finished:
            entry.finished = False
            if entry not in self._queue:
                self._queue.append(entry)
        entry.push(audio)

    def finish(self, item: str) -> None:
        """No more audio of `item` will come."""
        entry = self._items.get(item)
        if entry is None or item in self._cancelled:
            return
        entry.finished = True
        if self._queue and self._queue[0] is entry and not entry.has_raw and not entry.ready_size and not self._left():
            self._end()

    def work(self, budget_ms: int = _SLICE_MS) -> bool:
        """Transcode one slice of at most `budget_ms` of audio; True when more remains."""
        worked = False
        for entry in self._queue:
            if entry.has_raw:
                if worked:
                    return True
                entry.transcode(budget_ms)
                worked = True
                if entry.has_raw:
                    return True
        return False

    # --- draining --------------------------------------------------------------------------------------------------

    def pop(self) -> bytes | None:
        """The next frame, exactly one ptime long; None when there is nothing to say."""
        end = self._offset + self._size
        if end < len(self._chunk) and self._steady:
            frame = self._chunk[self._offset : end]
            self._offset = end
            self._queue[0].played += self._size
            self.frames += 1
            return frame
        if not self._steady:
            return self._pop_ramped()
        frame = self._take(self._size)
        if frame:
            self.frames += 1
            return frame if len(frame) == self._size else self._padded(frame)
        return None

    def _pop_ramped(self) -> bytes | None:
        ramp = self._ramp
        if ramp.ducking and ramp.level == HELD:
            return None
        out = b""
        while len(out) < self._size:
            if ramp.ducking and ramp.level == HELD - 1:
                ramp.level = HELD
                break
            if out and (not self._queue or self._queue[0] is not self._last):
                break
            payload = self._take(min(self._step, self._size - len(out)), partial=bool(out))
            if not payload:
                break
            ramp.step()
            out += ramp.apply(payload, self._form)
        if not out and ramp.ducking:
            ramp.level = HELD
        self._steady = ramp.idle
        if not out:
            return None
        self.frames += 1
        return self._padded(out)

    def _padded(self, frame: bytes) -> bytes:
        silence = self._form.silence
        return frame + silence * ((self._size - len(frame)) // len(silence))

    def _take(self, size: int, *, partial: bool = False) -> bytes:
        """Up to `size` bytes of the item in front. Less than that only at its end, or if `partial` allows it."""
        while self._queue:
            entry = self._queue[0]
            self._gather(entry, size)
            left = self._left()
            over = not entry.has_raw and (entry.finished or len(self._queue) > 1)
            if left >= size or (left and (over or partial)):
                return self._cut(entry, min(size, left), over)
            if partial:
                return b""  # the frame has begun with this item: it is not to go on with another one
            if not over:
                break
            self._end()
        if self._queue and not self._dry and self._queue[0].started:
            self._dry = True
            self.underruns += 1
        return b""

    def _gather(self, entry: PlayoutItem, size: int) -> None:
        """Bring at least `size` bytes of the item into the chunk, if they are there."""
        while self._left() + entry.ready_size < size and entry.has_raw:
            entry.transcode(_SLICE_MS)
        if self._left() >= size:
            return
        rest = self._chunk[self._offset :]
        parts = [rest]
        have = len(rest)
        while have < size and entry.ready:
            parts.append(entry.ready.popleft())
            have += len(parts[-1])
            entry.ready_size -= len(parts[-1])
        self._chunk = b"".join(parts) if len(parts) > 2 or rest else parts[-1]
        self._offset = 0

    def _cut(self, entry: PlayoutItem, size: int, over: bool) -> bytes:
        payload = self._chunk[self._offset : self._offset + size]
        self._offset += size
        entry.played += size
        self._last = entry
        self._dry = False
        if not entry.started:
            entry.started = True
            self._events.append(ItemStarted(entry.name))
        if over and entry.finished and not self._left() and not entry.ready_size:
            self._end()
        return payload

    def _end(self) -> None:
        entry = self._queue.popleft()
        entry.finished = True
        self._chunk, self._offset = b"", 0
        self._dry = False
        self._events.append(ItemEnded(entry.name, entry.played_ms))

    def _left(self) -> int:
        return len(self._chunk) - self._offset

    # --- interruption ----------------------------------------------------------------------------------------------

    def flush(self) -> list[Cut]:
        """Void everything queued, at once. The items cut are cancelled: what still comes of them is dropped."""
        cuts = [Cut(entry.name, entry.played_ms, entry.received_ms) for entry in self._queue]
        for entry in self._queue:
            entry.void()
            self._cancel(entry.name)
        self._queue.clear()
        self._chunk, self._offset = b"", 0
        self._dry = False
        self._ramp.reset()
        self._steady = True
        return cuts

    def discard(self, item: str) -> None:
        """Cancel one item, whether it has come or not: what is queued of it and what still comes is dropped."""
        self._cancel(item)
        entry = self._items.get(item)
        if entry is None or entry not in self._queue:
            return
        if entry is self._queue[0]:
            self._chunk, self._offset = b"", 0
            self._dry = False
        entry.void()
        self._queue.remove(entry)

    def duck(self) -> None:
        """Ramp down over 40 ms of audio, then hold the position."""
        self._ramp.ducking = True
        self._steady = False

    def resume(self) -> None:
        """Go on from the very next sample, with a short ramp up. Nothing is lost or repeated."""
        self._ramp.ducking = False
        self._steady = self._ramp.idle

    # --- knowing ---------------------------------------------------------------------------------------------------

    @property
    def current(self) -> str | None:
        """The item in front of the queue."""
        return self._queue[0].name if self._queue else None

    @property
    def held(self) -> bool:
        """Ducked, and nothing plays any more."""
        return self._ramp.ducking and self._ramp.level == HELD

    @property
    def ready(self) -> bool:
        """`pop` would give a frame."""
        if self.held or not self._queue:
            return False
        for place, entry in enumerate(self._queue):
            have = entry.ready_size + (self._left() if place == 0 else 0)
            over = entry.finished or place + 1 < len(self._queue)
            coming = entry.raw_ms * self._form.bytes_per_ms
            if have >= self._size or coming >= self._size + self._step or (over and have):
                return True
            if not over:
                return False
        return False

    @property
    def queued_ms(self) -> float:
        """Audio that waits."""
        ready = self._left() + sum(entry.ready_size for entry in self._queue)
        return ready / self._form.bytes_per_ms + sum(entry.raw_ms for entry in self._queue)

    def played_ms(self, item: str) -> float:
        """How much of `item` was handed to the wire, without padding; 0 for an unknown item."""
        entry = self._items.get(item)
        return entry.played_ms if entry else 0.0

    def received_ms(self, item: str) -> float:
        """How much of `item` came from the provider and was queued."""
        entry = self._items.get(item)
        return entry.received_ms if entry else 0.0

    def events(self) -> list[ItemStarted | ItemEnded]:
        """What happened since the last time."""
        out = self._events
        if out:
            self._events = []
        return out

    def reformat(self, encoding: str, ptime_ms: int) -> None:
        """The wire changed (a new description): what is queued plays on in the new form."""
        form = form_before(encoding)
        if form is not self._form:
            self._chunk, self._offset = converted(self._chunk[self._offset :], self._form, form), 0
            for entry in self._items.values():
                entry.reform(form)
        self._form = form
        self._measure(ptime_ms)

    def _measure(self, ptime_ms: int) -> None:
        self._size = ptime_ms * self._form.bytes_per_ms
        self._step = STEP_MS * self._form.bytes_per_ms

    def _cancel(self, item: str) -> None:
        self._cancelled[item] = None
        while len(self._cancelled) > _REMEMBERED:
            del self._cancelled[next(iter(self._cancelled))]

    def _forget(self) -> None:
        while len(self._items) > _REMEMBERED:
            oldest = next(iter(self._items.values()))
            if oldest in self._queue:
                return
            del self._items[oldest.name]
