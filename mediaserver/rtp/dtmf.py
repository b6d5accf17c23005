"""Telephone events (RFC 4733): keys the caller presses, keys we press."""

import struct
from collections import deque

from mediaserver.rtp.events import Digit
from mediaserver.rtp.plan import CLOCK_RATE

KEYS = "0123456789*#ABCD!"
"""Keys by event code; ``!`` is flash."""

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_LONGEST = 0xFFFF
_ENDS = 3
_OVERDUE_S = 0.2
_LATE_S = 5


class EventReceiver:
    """Makes one digit of the many packets of an event; packets of one event share its timestamp."""

    __slots__ = ("_done", "_duration", "_event", "_heard", "_start", "_timestamp", "active", "clock_rate")

    def __init__(self, clock_rate: int = CLOCK_RATE) -> None:
        self.clock_rate = clock_rate
        """Hz; of timestamps and durations."""
        self._done = -1
        self._event = 0
        self._start = 0
        self._timestamp = 0
        self._duration = 0
        self._heard = 0.0
        self.active = False
        """A key is down."""

    def received(self, timestamp: int, payload: bytes, now: float) -> list[Digit]:
        """Take a packet with its unwrapped timestamp; the digits that it ends, itself or by beginning another one."""
        if len(payload) < _PAYLOAD.size:
            return []
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(KEYS) or self._is_old(timestamp):
            return []
        digits: list[Digit] = []
        if not self.active or timestamp != self._timestamp:
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
        self._done, self.active = -1, False

    def _is_old(self, timestamp: int) -> bool:
        # Far older is not late, but a sender that has set its clock back.
        newest = self._timestamp if self.active else self._done
        behind = newest - timestamp
        return newest >= 0 and behind < _LATE_S * self.clock_rate and (behind > 0 or (behind == 0 and not self.active))

    def _continues(self, timestamp: int, event: int) -> bool:
        # An event longer than the field can tell goes on in a new segment (2.5.1.3).
        return event == self._event and timestamp == self._timestamp + _LONGEST

    def _finished(self) -> Digit:
        self.active = False
        self._done = self._timestamp
        samples = self._timestamp - self._start + self._duration
        return Digit(KEYS[self._event], samples * 1000.0 / self.clock_rate)


class EventSender:
    """Plays keys as event packets, one a frame; between two of them there is a pause for audio."""

    __slots__ = ("_digit", "_duration", "_ends", "_gap", "_gap_left", "_keys", "_length", "_start")

    def __init__(self, digit_ms: int, gap_ms: int, clock_rate: int = CLOCK_RATE) -> None:
        self._length = min(digit_ms * clock_rate // 1000, _LONGEST)
        self._gap = gap_ms * clock_rate // 1000
        self._keys: deque[int] = deque()
        self._digit = -1
        self._start = 0
        self._duration = 0
        self._ends = 0
        self._gap_left = 0

    @property
    def busy(self) -> bool:
        """Keys are being or are to be played."""
        return self._digit >= 0 or bool(self._keys) or self._gap_left > 0

    def press(self, keys: str) -> None:
        """Queue keys. Raises ValueError for what is no key."""
        codes = [KEYS.find(key) for key in keys.upper()]
        if -1 in codes:
            raise ValueError(f"not telephone keys: {keys!r}")
        self._keys.extend(codes)

    def frame(self, timestamp: int, samples: int) -> tuple[bytes, int, bool] | None:
        """What replaces the frame at `timestamp`: payload, the event's timestamp, marker. None: audio.

        `samples` is how long the frame is by the clock of the events, which need not be that of the timestamps.
        """
        if self._digit < 0:
            if self._gap_left > 0:
                self._gap_left -= samples
                return None
            if not self._keys:
                return None
            self._digit = self._keys.popleft()
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
                self._digit = -1
                self._gap_left = self._gap
        return _PAYLOAD.pack(digit, flags, self._duration), self._start, marker
