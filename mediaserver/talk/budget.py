"""What a call may last and cost. Pure."""

from dataclasses import dataclass

from mediaproviders.contract import Usage
from mediaproviders.models import Price


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a call politely; None: nothing."""

    max_call_s: float | None = None
    """Seconds from the answer."""
    max_cost: float | None = None
    """US dollars, by the model's list price."""


class Budget:
    """How much of its limits one call has used."""

    def __init__(self, limits: Limits, price: Price | None) -> None:
        self._limits = limits
        self._price = price
        self._began: float | None = None
        self._since = 0.0
        """From when the minutes are at the present price."""
        self._spent = 0.0
        """For tokens, and for minutes at an earlier price."""

    def begin(self, now: float) -> None:
        """The call is answered, at `now` (s)."""
        if self._began is None:
            self._began = self._since = now

    def used(self, usage: Usage) -> None:
        """A response was billed."""
        if self._price is not None:
            self._spent += self._price.of(usage)

    def take_over(self, price: Price | None, now: float) -> None:
        """Another model speaks from `now` on, at its own price. What is not known of that costs nothing here."""
        self._spent += self._minutes(now)
        self._since = now
        self._price = price

    def end(self, now: float) -> None:
        """No model speaks from `now` on: its minutes are over, and so is what they are limited to."""
        self._spent += self._minutes(now)
        self._began = None

    def cost(self, now: float) -> float | None:
        """US dollars so far; None where nothing of it is known."""
        if self._price is None and not self._spent:
            return None
        return self._spent + self._minutes(now)

    def _minutes(self, now: float) -> float:
        if self._price is None or self._began is None:
            return 0.0
        return (now - self._since) / 60 * self._price.per_minute

    def exceeded(self, now: float) -> str | None:
        """The limit that is reached: "max-duration" or "max-cost"; None: none yet."""
        limits = self._limits
        if self._began is not None and limits.max_call_s is not None and now - self._began >= limits.max_call_s:
            return "max-duration"
        cost = self.cost(now)
        if cost is not None and limits.max_cost is not None and cost >= limits.max_cost:
            return "max-cost"
        return None
