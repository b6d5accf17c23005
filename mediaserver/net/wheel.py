"""The clock of the media: one 5 ms wheel per process, its legs spread over the slots of their ptime.

A wakeup costs more than the work done in it, so all legs share one timer; slots without a leg are not woken for.
Deadlines are absolute: a late turn of the wheel does not move the next one.
"""

import asyncio
import time
from collections.abc import Callable
from math import ceil

SLOT_MS = 5

type Turn = Callable[[float], None]
"""Called once per period with the time in seconds (monotonic)."""


class Spoke:
    """A leg's place on the wheel: every `period` slots, at `phase`."""

    __slots__ = ("period", "phase", "turn")

    def __init__(self, period: int, phase: int, turn: Turn) -> None:
        self.period = period
        self.phase = phase
        self.turn = turn


class Wheel:
    """Turns registered legs at their ptime, `slot` seconds apart, on the running event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._rings: dict[int, list[list[Turn]]] = {}
        # The loop's timers tick in whole ms of the same clock. Deadlines that do, too, need to be woken for but once.
        self._origin = ceil(clock() * 1000) / 1000
        self._slot = 0  # the last slot turned
        self._timer: asyncio.TimerHandle | None = None
        self.worst_late_ms = 0.0
        self._late_ms = 0.0
        self._failures: list[Exception] = []

    def add(self, ptime_ms: int, turn: Turn) -> Spoke:
        """Have `turn` called every `ptime_ms` (a multiple of 5), in the emptiest slot of that period.

        Its first turn is in the next such slot: not in one that was passed over because nobody was in it.
        """
        current = self._current(self._clock())
        if self._timer is None or (self._next_slot() or current) > current:
            self._slot = current
        period = ptime_ms // SLOT_MS
        ring = self._rings.setdefault(period, [[] for _ in range(period)])
        # The wheel may be late: then the slots it still has to turn are no place for a leg that was not there.
        overdue = {slot % period for slot in range(self._slot + 1, current + 1)}
        phase = min(range(period), key=lambda at: (at in overdue, len(ring[at])))
        ring[phase].append(turn)
        self._arm()
        return Spoke(period, phase, turn)

    def slot_time(self, now: float) -> float:
        """When the slot that `now` lies in began."""
        return self._deadline(self._current(now))

    def next_time(self, spoke: Spoke) -> float:
        """When a leg's next slot begins."""
        after = self._current(self._clock()) + 1
        return self._deadline(after + (spoke.phase - after) % spoke.period)

    def move(self, spoke: Spoke, now: float) -> Spoke:
        """Give a leg the slot that `now` lies in: from then on it is turned a whole period apart.

        Its first turn may come at once, if that slot has not been turned yet: a leg keeps its own schedule.
        """
        ring, phase = self._rings[spoke.period], self._current(now) % spoke.period
        # New lists: the wheel may be going through the old ones.
        ring[spoke.phase] = [turn for turn in ring[spoke.phase] if turn != spoke.turn]
        ring[phase] = [*ring[phase], spoke.turn]
        self._arm()
        return Spoke(spoke.period, phase, spoke.turn)

    def remove(self, spoke: Spoke) -> None:
        """Stop calling; safe from within a turn."""
        ring = self._rings[spoke.period]
        ring[spoke.phase] = [turn for turn in ring[spoke.phase] if turn != spoke.turn]
        if not any(ring):
            del self._rings[spoke.period]

    def take_late_ms(self) -> float:
        """How late the latest turn since the last call of this was."""
        late_ms, self._late_ms = self._late_ms, 0.0
        return late_ms

    def take_failures(self) -> list[Exception]:
        """What turns have raised since the last call; a note on each names whose turn it was."""
        failures, self._failures = self._failures, []
        return failures

    def close(self) -> None:
        """Stop for good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rings.clear()

    def _current(self, now: float) -> int:
        # Some microseconds for rounding: a deadline that has come must not look as if it had not.
        return int((now - self._origin + 2e-5) * 1000 / SLOT_MS)

    def _deadline(self, slot: int) -> float:
        return self._origin + slot * SLOT_MS / 1000

    def _next_slot(self) -> int | None:
        for slot in range(self._slot + 1, self._slot + 1 + max(self._rings, default=0)):
            for period, ring in self._rings.items():
                if ring[slot % period]:
                    return slot
        return None

    def _arm(self) -> None:
        # One timer at most: a turn that adds or moves a leg has armed one already.
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        slot = self._next_slot()
        if slot is None:
            return
        # Rounded up: the loop rounds to the nearest ms, and half a ms before the deadline that is a busy wait. The
        # hundredth is for what floats make of a whole number.
        delay_ms = ceil((self._deadline(slot) - self._clock()) * 1000 - 0.01)
        self._timer = self._loop.call_later(max(delay_ms, 0) / 1000, self._turn)

    def _turn(self) -> None:
        now = self._clock()
        current = self._current(now)
        if current <= self._slot:  # the loop's clock is coarser than ours: the timer came early
            self._arm()
            return
        late_ms = (now - self._deadline(self._slot + 1)) * 1000
        if late_ms > self._late_ms:
            self._late_ms = late_ms
            if late_ms > self.worst_late_ms:
                self.worst_late_ms = late_ms
        # After a stall each leg is turned once per slot it missed, up to one whole period: a leg keeps its own
        # absolute schedule and catches up by itself.
        for slot in range(max(self._slot + 1, current - max(self._rings, default=1) + 1), current + 1):
            for period, ring in tuple(self._rings.items()):
                for turn in ring[slot % period]:
                    try:
                        turn(now)
                    except Exception as failure:  # one leg's bug must not stop every other call's clock
                        failure.add_note(f"in the turn of {getattr(turn, '__self__', turn)!r}")
                        self._failures.append(failure)
        self._slot = current
        self._arm()
