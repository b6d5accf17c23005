"""The caller's keys: pressed once though heard twice, and gathered until they are a whole entry. Pure."""

from dataclasses import dataclass
from typing import Literal

type Inband = Literal["off", "auto", "always"]
"""Whether keys are listened for in the audio: never, where events were not agreed, or in any case."""
type Way = Literal["event", "info", "inband"]
"""How a key was told: RFC 4733, SIP INFO, or a tone in the audio."""

DUPLICATE_S = 0.1
"""The same key told in another way, this close to the first, is the same press."""


@dataclass(frozen=True, slots=True)
class DigitSettings:
    """What is done with the caller's keys."""

    send: bool = False
    """The model is told of them."""
    collect: bool = False
    """They are gathered, and told together."""
    inter_digit_timeout_ms: int = 2000
    """After so long without another key the entry is complete."""
    max_digits: int = 5
    """With so many keys the entry is complete."""
    submit_digit: str | None = "#"
    """The key that completes the entry, and is no part of it. None: there is none."""
    barge_in: bool = False
    """A key interrupts the agent."""
    inband: Inband = "off"


class Collector:
    """Gathers keys; time in, entries out. All times are monotonic seconds."""

    def __init__(self, settings: DigitSettings) -> None:
        self._settings = settings
        self._digits = ""
        self.due: float | None = None
        """When the entry begun is complete without another key; None: none is begun."""

    def press(self, digit: str, now: float) -> str | None:
        """A key was pressed; the entry, if that completes it."""
        settings = self._settings
        if not settings.collect:
            return digit
        if digit == settings.submit_digit:
            # Alone it is an entry, too: "press # to go on".
            return self._complete() or digit
        self._digits += digit
        if len(self._digits) >= settings.max_digits:
            return self._complete()
        self.due = now + settings.inter_digit_timeout_ms / 1000
        return None

    def overdue(self, now: float) -> str | None:
        """The entry that time has completed, if it has."""
        return self._complete() if self.due is not None and now >= self.due else None

    def _complete(self) -> str:
        digits, self._digits, self.due = self._digits, "", None
        return digits


@dataclass(slots=True)
class _Press:
    digit: str
    began: float
    ended: float
    ways: set[Way]


class Presses:
    """Tells a new press from one that is told a second time, in another way."""

    def __init__(self) -> None:
        self._recent: list[_Press] = []

    def is_new(self, digit: str, way: Way, duration_ms: float, now: float) -> bool:
        """Whether this press, told at its end (`now`), was not told before."""
        began = now - duration_ms / 1000
        self._recent = [each for each in self._recent if now - each.ended <= max(1.0, duration_ms / 1000)]
        for each in self._recent:
            apart = max(each.began, began) - min(each.ended, now)
            if each.digit == digit and way not in each.ways and apart <= DUPLICATE_S:
                each.ways.add(way)
                return False
        self._recent.append(_Press(digit, began, now, {way}))
        return True
