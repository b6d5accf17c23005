"""One timer for all sessions of a server."""

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Protocol

RESOLUTION_S = 0.005


class Timed(Protocol):
    """Something with deadlines, in s of the loop's clock."""

    def next_deadline(self) -> float | None:
        """When it wants to be called; None: not."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Wheel:
    """Calls each member at its deadline, rounded up to 5 ms, so that many sessions share one wake-up."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int]] = []
        self._slots: dict[int, float] = {}
        self._members: dict[int, Timed] = {}
        """By the key that stands for them in the heap: one that has left is not kept until its turn."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_slot = math.inf

    def schedule(self, member: Timed) -> None:
        """Note the member's next deadline, if it is earlier than the one noted."""
        deadline = member.next_deadline()
        if deadline is None:
            return
        slot = math.ceil(deadline / RESOLUTION_S) * RESOLUTION_S
        if slot >= self._slots.get(id(member), math.inf):
            return
        self._slots[id(member)] = slot
        self._members[id(member)] = member
        heapq.heappush(self._heap, (slot, id(member)))
        self._arm()

    def remove(self, member: Timed) -> None:
        """Forget a member."""
        self._slots.pop(id(member), None)
        self._members.pop(id(member), None)

    def close(self) -> None:
        """Stop the timer."""
        self._heap.clear()
        self._members.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._heap and self._heap[0][0] < self._timer_slot:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_slot = self._heap[0][0]
            self._timer = self._loop.call_later(max(0.0, self._timer_slot - self._clock()), self._turn)

    def _turn(self) -> None:
        self._timer, self._timer_slot = None, math.inf
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            slot, key = heapq.heappop(self._heap)
            if self._slots.get(key) == slot:
                member = self._members[key]
                del self._slots[key]
                member.tick(now)
                self.schedule(member)
        self._arm()
