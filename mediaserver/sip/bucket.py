"""A bucket of tokens: a steady rate with room for bursts."""


class Bucket:
    """`per_s` tokens a second, at most `most` at once; full at first. Times in seconds on one monotonic clock."""

    __slots__ = ("_at", "_left", "most", "per_s")

    def __init__(self, per_s: float, most: float, now: float) -> None:
        self.per_s = per_s
        self.most = most
        self._left = most
        self._at = now

    def take(self, now: float) -> bool:
        """Take one; false if there is none."""
        left = self._left + (now - self._at) * self.per_s
        if left > self.most:
            left = self.most
        self._at = now
        if left < 1.0:
            self._left = left
            return False
        self._left = left - 1.0
        return True
