"""How fast an answer comes: latency, sizes of the pieces, rate, jitter and stalls."""

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """The delivery of an answer's audio. Lengths are ms of audio or of wall time, as said."""

    first_audio_ms: float = 400.0
    """Wall time from the response's creation to its first audio."""
    deltas_ms: tuple[int, ...] = (100, 150, 250)
    """Audio in each delta; the last repeats. Multiples of 10 fit every format."""
    rate: float = 5.0
    """Audio seconds delivered per wall second. `math.inf`: the whole answer at once."""
    jitter_ms: float = 0.0
    """Each delta comes up to this much late, at random; never before its predecessor."""
    stall_after_ms: float | None = None
    """Deliver this much audio of each answer, then pause."""
    stall_ms: float = 0.0
    """Wall time of that pause."""

    def __post_init__(self) -> None:
        if not self.deltas_ms or any(each <= 0 for each in self.deltas_ms):
            raise ValueError("pace.deltas_ms needs at least one positive length")
        if not self.rate > 0:
            raise ValueError("pace.rate must be above 0; use math.inf for a whole answer at once")
        if min(self.first_audio_ms, self.jitter_ms, self.stall_ms, self.stall_after_ms or 0.0) < 0:
            raise ValueError("pace lengths must not be negative")

    def lengths(self, total_ms: int) -> Iterator[int]:
        """The lengths of the deltas of an answer of `total_ms`, in ms; their sum is `total_ms`."""
        left, index = total_ms, 0
        while left > 0:
            length = min(self.deltas_ms[min(index, len(self.deltas_ms) - 1)], left)
            yield length
            left -= length
            index += 1

    def due_s(self, before_ms: float, jitter: float) -> float:
        """When the delta that follows `before_ms` of audio comes, in s after the response's creation.

        `jitter` is this delta's random number in [0, 1).
        """
        wall_ms = self.first_audio_ms + (0.0 if math.isinf(self.rate) else before_ms / self.rate)
        if self.stall_after_ms is not None and before_ms >= self.stall_after_ms:
            wall_ms += self.stall_ms
        return (wall_ms + jitter * self.jitter_ms) / 1000


BURST = Pace(first_audio_ms=300.0, rate=math.inf)
"""A whole answer at once."""
STEADY = Pace(rate=1.0)
"""No faster than it is spoken."""
