"""Telephone events (RFC 4733): keys the caller presses, keys we press."""

import struct
from collections import deque

from mediaserver.rtp.events import Digit
from mediaserver.rtp.plan import CLOCK_RATE

KEYS = "0123456789*#ABCD!"
"""Keys by event code; ``!`` is flash."""
PAUSES_MS = {"w": 500, "W": 1000, ",": 2000}
"""Pauses among keys, in ms."""

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_LONGEST = 0xFFFF
_LONG = 0x8000
_ENDS = 3
_OVERDUE_S = 0.2
_LATE_S = 5
_PAUSE = -1
_NONE = -2


class EventReceiver:
    """Makes one digit of the many packets of an event; packets of one event share its timestamp.

    It is told from the next one by its timestamp alone: the marker may be lost, and so may all packets but one. Two
    faults of senders are put up with: a timestamp that moves on within one event, and a duration that starts anew at
    its limit under the same timestamp.
    """

    __slots__ = (
        "_done",
        "_done_event",
        "_done_until",
        "_duration",
        "_event",
        "_heard",
        "_start",
        "_timestamp",
        "active",
        "clock_rate",
    )

    def __init__(self, clock_rate: int = CLOCK_RATE) -> None:
        self.clock_rate = clock_rate
        """Hz; of timestamps and durations."""
        self._done = -1
        self._done_event = -1
        self._done_until = -1
        self._event = 0
        self._start = 0
        self._timestamp = 0
        self._duration = 0
        self._heard = 0.0
        self.active = False
        """A key is down."""

    def received(self, timestamp: int, payload: bytes, now: float, marker: bool = False) -> list[Digit]:
        """Take a packet with its unwrapped timestamp; the digits that it ends, itself or by beginning another one."""
        if len(payload) < _PAYLOAD.size:
            return []
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(KEYS) or self._is_old(timestamp, event, marker):
            return []
        digits: list[Digit] = []
        if not self.active or not self._is_same(timestamp, event, marker):
            if self.active and not self._continues(timestamp, event):
                digits.append(self._finished())
            if not self.active:
                self.active, self._event, self._start = True, event, timestamp
            self._timestamp, self._duration = timestamp, 0
        self._duration = max(self._duration, duration)
        self._heard = now
        if flags & _END:
            digits.append(self._finished())
        return digits

    def overdue(self, now: float) -> Digit | None:
        """The digit whose end packets were all lost, once nothing more has come of it for 200 ms."""
        return self._finished() if self.active and now - self._heard >= _OVERDUE_S else None

    def restart(self) -> None:
        """Forget timestamps: another stream begins."""
        self._done = self._done_until = -1
        self.active = False

    def _is_old(self, timestamp: int, event: int, marker: bool) -> bool:
        # Far older is not late, but a sender that has set its clock back.
        newest = self._timestamp if self.active else self._done
        behind = newest - timestamp
        if newest >= 0 and behind < _LATE_S * self.clock_rate and (behind > 0 or (behind == 0 and not self.active)):
            return True
        # The same key cannot have gone down again before it was up: an end whose timestamp has moved on.
        return not self.active and not marker and event == self._done_event and timestamp <= self._done_until

    def _is_same(self, timestamp: int, event: int, marker: bool) -> bool:
        if timestamp == self._timestamp:
            return True
        within = self._timestamp < timestamp <= self._timestamp + self._duration
        return within and event == self._event and not marker and self._duration < _LONG

    def _continues(self, timestamp: int, event: int) -> bool:
        # An event longer than the field can tell goes on in a new segment, which begins where the last one has ended
        # (2.5.1.3); of that one the last packets may be lost. A key let go for so long would have been overdue.
        return event == self._event and _LONG <= timestamp - self._timestamp <= _LONGEST

    def _finished(self) -> Digit:
        self.active = False
        self._done, self._done_event = self._timestamp, self._event
        self._done_until = self._timestamp + self._duration
        samples = self._timestamp - self._start + self._duration
        return Digit(KEYS[self._event], samples * 1000.0 / self.clock_rate)


class EventSender:
    """Plays keys as event packets, one a frame, with a gap between two of them."""

    __slots__ = (
        "_clock_rate",
        "_digit",
        "_duration",
        "_ends",
        "_gap",
        "_gap_left",
        "_keys",
        "_length",
        "_start",
        "_usual",
    )

    def __init__(self, digit_ms: int, gap_ms: int, clock_rate: int = CLOCK_RATE) -> None:
        self._clock_rate = clock_rate
        self._usual = self._samples(digit_ms)
        self._gap = self._samples(gap_ms)
        self._keys: deque[tuple[int, int]] = deque()  # code and length
        self._digit = _NONE
        self._length = self._usual
        self._start = 0
        self._duration = 0
        self._ends = 0
        self._gap_left = 0

    @property
    def busy(self) -> bool:
        """Keys are being or are to be played."""
        return self._digit != _NONE or bool(self._keys) or self._gap_left > 0

    @property
    def goes_on(self) -> bool:
        """More keys are to come: what stands between them is a pause, not audio."""
        return bool(self._keys)

    def press(self, keys: str, duration_ms: float | None = None) -> None:
        """Queue keys and pauses (:data:`PAUSES_MS`). Raises ValueError for what is neither.

        `duration_ms` is how long each key is down; None: as usual.
        """
        length = self._usual if duration_ms is None else max(1, self._samples(duration_ms))
        queued: list[tuple[int, int]] = []
        for key in keys:
            if key in PAUSES_MS:
                queued.append((_PAUSE, PAUSES_MS[key] * self._clock_rate // 1000))
                continue
            code = KEYS.find(key.upper())
            if code < 0:
                raise ValueError(f"not telephone keys: {keys!r}")
            queued.append((code, length))
        self._keys.extend(queued)

    def frame(self, timestamp: int, samples: int) -> tuple[bytes, int, bool] | None:
        """What replaces the frame at `timestamp`: payload, the event's timestamp, marker. None: audio, or a gap.

        `samples` is how long the frame is by the clock of the events, which need not be that of the timestamps.
        """
        if self._digit == _NONE:
            if self._gap_left > 0:
                self._gap_left -= samples
                return None
            if not self._keys:
                return None
            code, length = self._keys.popleft()
            if code == _PAUSE:
                self._gap_left = length - samples
                return None
            self._digit, self._length = code, length
            self._start, self._duration, self._ends = timestamp, 0, 0
        marker = self._duration == 0
        self._duration = min(self._duration + samples, self._length)
        flags = _VOLUME
        digit = self._digit
        # The last packet goes out three times, as losing it would cost the receiver the end (2.5.1.4).
        if self._duration >= self._length:
            flags |= _END
            self._ends += 1
            if self._ends == _ENDS:
                self._digit = _NONE
                self._gap_left = self._gap
        return _PAYLOAD.pack(digit, flags, self._duration), self._start, marker

    def _samples(self, ms: float) -> int:
        return min(round(ms * self._clock_rate / 1000), _LONGEST)
