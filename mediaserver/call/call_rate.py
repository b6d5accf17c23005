"""How many calls may begin within a time: a bucket of tokens, and a window."""

from collections import deque


class CallRate:
    """Calls a second, with up to one second's worth at once, but at least one. Times in seconds."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._most = max(1.0, per_s)
        self._left = self._most
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether another may begin now; it is counted if so."""
        if self._at is not None:
            self._left = min(self._most, self._left + max(0.0, now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class CallWindow:
    """At most `most` calls begun within any `seconds`."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self._most = most
        self._seconds = seconds
        self._begun: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Seconds until another may begin; 0 if it may now."""
        while self._begun and self._begun[0] <= now - self._seconds:
            self._begun.popleft()
        if len(self._begun) < self._most:
            return 0.0
        return self._begun[0] + self._seconds - now if self._begun else self._seconds

    def count(self, now: float) -> None:
        """One begins."""
        self._begun.append(now)
