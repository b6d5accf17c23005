"""What RFC 3550 has a receiver know of one stream: appendices A.1 (validity), A.3 (loss) and A.8 (jitter)."""

from mediaserver.rtp.plan import CLOCK_RATE
from mediaserver.rtp.serial import SEQUENCE_MASK, Unwrapper, forward

_MAX_DROPOUT = 3000
_MAX_MISORDER = 100


class ReceiverStatistics:
    """Counts of one SSRC. Sequence numbers and timestamps come out unwrapped.

    Unlike A.1 the first packet is believed at once: the source latch has already vouched for it, and a probation
    would cost the caller's first syllable. A jump is not believed before a second packet confirms it.
    """

    __slots__ = (
        "_base",
        "_confirming",
        "_past_lost",
        "_prior_expected",
        "_prior_received",
        "_sequences",
        "_timestamps",
        "_transit",
        "clock_rate",
        "highest",
        "jitter",
        "received",
        "restarts",
    )

    def __init__(self, clock_rate: int = CLOCK_RATE) -> None:
        self.clock_rate = clock_rate
        """Hz; of the timestamps that come."""
        self._sequences = Unwrapper(16)
        self._timestamps = Unwrapper(32)
        self._transit: float | None = None
        self._confirming = -1
        self._prior_expected = 0
        self._prior_received = 0
        self._base = 0
        self._past_lost = 0
        self.highest = 0
        """Highest unwrapped sequence number."""
        self.received = 0
        """Packets since the last (re)start, duplicates included."""
        self.jitter = 0.0
        """Interarrival jitter in timestamp units."""
        self.restarts = 0
        """Times the sequence numbers jumped and were taken up anew."""

    def sequence(self, sequence: int) -> int | None:
        """Count a packet: its unwrapped sequence number, or None for one that is not to be believed yet."""
        number = self._sequences.unwrap(sequence)
        if not self.received:
            self._base = self.highest = number
        ahead = number - self.highest
        if ahead > 0:
            if ahead >= _MAX_DROPOUT:
                return self._jumped(sequence, number)
            self.highest = number
        elif ahead < -_MAX_MISORDER:
            return self._jumped(sequence, number)
        self.received += 1
        return number

    def _jumped(self, sequence: int, number: int) -> int | None:
        if sequence != self._confirming:
            self._confirming = (sequence + 1) & SEQUENCE_MASK
            self._sequences.unwrap(self.highest & SEQUENCE_MASK)  # the jump does not move the reference
            return None
        self._confirming = -1
        self._past_lost += max(self.lost, 0)
        self._sequences.unwrap(sequence)
        self._base = self.highest = number
        self.received = 1
        self._prior_expected = self._prior_received = 0
        self._transit = None
        self.restarts += 1
        return number

    def continues(self, sequence: int) -> bool:
        """Whether a packet of another source can be of this very stream: it comes soon after the last one."""
        return 0 < forward(sequence, self.highest & SEQUENCE_MASK, 16) <= _MAX_MISORDER

    def timestamp(self, timestamp: int, arrival: float) -> int:
        """Take the jitter of an audio packet that arrived at `arrival` seconds; its unwrapped timestamp."""
        unwrapped = self._timestamps.unwrap(timestamp)
        transit = arrival * self.clock_rate - unwrapped
        last = self._transit
        self._transit = transit
        if last is not None:
            change = transit - last
            if change < 0.0:
                change = -change
            if change < self.clock_rate:  # a second and more is a new time line, not jitter
                self.jitter += (change - self.jitter) / 16.0
        return unwrapped

    def near(self, timestamp: int) -> int:
        """`timestamp` unwrapped, for packets that say nothing about the network (events)."""
        return self._timestamps.peek(timestamp)

    @property
    def reported_highest(self) -> int:
        """The extended highest sequence number of a report: cycles since the first packet, and the number."""
        return self.highest - (self._base & ~SEQUENCE_MASK)

    @property
    def expected(self) -> int:
        """Packets sent by the peer since the last (re)start, as far as the sequence numbers tell."""
        return self.highest - self._base + 1 if self.received else 0

    @property
    def lost(self) -> int:
        """Packets lost since the last (re)start; negative when duplicates outnumber them."""
        return self.expected - self.received

    @property
    def total_lost(self) -> int:
        """Packets that never came, those before a restart of the numbering included."""
        return self._past_lost + max(self.lost, 0)

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in ms."""
        return self.jitter * 1000.0 / self.clock_rate

    @property
    def jitter_s(self) -> float:
        """Interarrival jitter in seconds."""
        return self.jitter / self.clock_rate

    def change_clock(self, clock_rate: int) -> None:
        """The stream goes on in another codec, by another clock (RFC 7160 4.2): what was told of times is void."""
        self.jitter *= clock_rate / self.clock_rate
        self.clock_rate = clock_rate
        self._transit = None

    def fraction_lost(self) -> int:
        """Loss since the last time this was asked, in 1/256 (A.3)."""
        expected = self.expected - self._prior_expected
        received = self.received - self._prior_received
        self._prior_expected, self._prior_received = self.expected, self.received
        lost = expected - received
        return min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
