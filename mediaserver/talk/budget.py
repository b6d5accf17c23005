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
        self._tokens_cost = 0.0

    def begin(self, now: float) -> None:
        """The call is answered, at `now` (s)."""
        if self._began is None:
            self._began = now

    def used(self, usage: Usage) -> None:
        """A response was billed."""
        if self._price is not None:
            self._tokens_cost += self._price.of(usage)

    def cost(self, now: float) -> float | None:
        """US dollars so far; None where the price is not known."""
        if self._price is None:
            return None
        minutes = 0.0 if self._began is None else (now - self._began) / 60
        return self._tokens_cost + minutes * self._price.per_minute

    def exceeded(self, now: float) -> str | None:
        """The limit that is reached: "max-duration" or "max-cost"; None: none yet."""
        limits = self._limits
        if self._began is not None and limits.max_call_s is not None and now - self._began >= limits.max_call_s:
            return "max-duration"
        cost = self.cost(now)
        if cost is not None and limits.max_cost is not None and cost >= limits.max_cost:
            return "max-cost"
        return None
