"""What a session will do later."""

import heapq
from collections.abc import Callable

type Action = Callable[[float], None]


class Agenda:
    """Actions with due times, in s of the monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Action]] = []
        self._count = 0

    def at(self, due: float, action: Action) -> None:
        """Do something at `due`; it is given the time it is done at. Same due: in the order asked for."""
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, action))

    def next_deadline(self) -> float | None:
        """When something is due."""
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do all that is due."""
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2](now)

    def clear(self) -> None:
        """Drop everything."""
        self._heap.clear()
