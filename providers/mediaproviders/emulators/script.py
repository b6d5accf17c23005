"""When what goes wrong goes wrong: at a second of a session's life, or at a place in one of its answers."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mediaproviders.emulators.agenda import Agenda


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When it happens."""

    at_s: float | None = None
    """Seconds after the session opened; None: `on_turn` says when."""
    on_turn: int | None = None
    """The session's nth answer, counted from 1."""
    after_ms: float = 0.0
    """With `on_turn`: once this much of its audio has been sent; 0: before its first word."""

    def __post_init__(self) -> None:
        if (self.at_s is None) == (self.on_turn is None):
            raise ValueError(f"{self}: give either at_s or on_turn")


class Script[Fault: Moment]:
    """The faults of one session that have not struck yet."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = list(faults)

    def begin(self, agenda: Agenda, now: float, strike: Callable[[Fault, float], None]) -> None:
        """The session is open: its seconds count from now."""
        for fault in self._faults:
            if fault.at_s is not None:
                agenda.at(now + fault.at_s, functools.partial(strike, fault))

    def of_answer(self, number: int) -> list[Fault]:
        """Those still to strike the nth answer."""
        return [each for each in self._faults if each.on_turn == number]

    def due(self, number: int, sent_ms: float) -> list[Fault]:
        """Those that strike now that so much of the nth answer has been sent; each but once."""
        due = [each for each in self.of_answer(number) if sent_ms >= each.after_ms]
        for each in due:
            self._faults.remove(each)
        return due
