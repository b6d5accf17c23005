"""How often which candidate is tried."""

from collections.abc import Iterator, Sequence
from typing import Final

_BARRED: Final = 1_000_000


class Attempts:
    """A set of attempts for each of `count` candidates: one after each of `delays_s`."""

    def __init__(self, count: int, delays_s: Sequence[float]) -> None:
        self._delays_s = tuple(delays_s)
        self._made = [0] * count

    def renew(self) -> None:
        """All have earned a full set again."""
        self._made = [0] * len(self._made)

    def take(self, candidate: int) -> float | None:
        """The wait in seconds before its next attempt, which counts from now on; None: there is none left."""
        made = self._made[candidate]
        if made >= len(self._delays_s):
            return None
        self._made[candidate] = made + 1
        return self._delays_s[made]

    def bar(self, candidate: int) -> None:
        """Trying it again does not help."""
        self._made[candidate] = _BARRED

    def barred(self, candidate: int) -> bool:
        """It was found that trying it again does not help."""
        return self._made[candidate] >= _BARRED

    def left(self, candidate: int) -> bool:
        """It may be tried."""
        return self._made[candidate] < len(self._delays_s)

    def order(self, first: int) -> Iterator[int]:
        """The candidates in the order in which they take over from `first`, itself included."""
        count = len(self._made)
        return ((first + step) % count for step in range(count))
