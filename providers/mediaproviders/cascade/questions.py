"""Which of the caller's turns are to be answered, and whether their words are there yet. Pure."""

from dataclasses import dataclass
from typing import Final

MOST: Final = 8
"""Turns that may wait for their words; more is a recogniser that does not keep up."""


@dataclass(slots=True)
class _Turn:
    item: str
    asked: bool
    text: str | None = None


class Questions:
    """The caller's turns that the model has not been told of.

    `provider_decides`: every turn is to be answered; else only those the server asks for, and what it did not ask for
    by the time of the next turn was a cough or a "mhm".
    """

    def __init__(self, *, provider_decides: bool) -> None:
        self._provider_decides = provider_decides
        self._turns: list[_Turn] = []
        self._wanted = False

    @property
    def pending(self) -> bool:
        """An answer will be due when the words are there."""
        return self._wanted and bool(self._turns)

    def committed(self, item: str) -> str | None:
        """A turn is over; its words will come. Returns the turn that is given up for it, if one is."""
        self._turns = [turn for turn in self._turns if turn.asked]
        self._turns.append(_Turn(item, self._provider_decides))
        self._wanted = self._wanted or self._provider_decides
        return self._turns.pop(0).item if len(self._turns) > MOST else None

    def recognised(self, item: str, text: str) -> None:
        """The words of a turn; empty if there were none."""
        for turn in self._turns:
            if turn.item == item:
                turn.text = text

    def ask(self) -> bool:
        """The server wants an answer. False: there is no turn that it could be about."""
        if not self._turns:
            return False
        for turn in self._turns:
            turn.asked = True
        self._wanted = True
        return True

    def withdraw(self) -> None:
        """No answer is wanted for now; what was asked for is answered together with the next turn."""
        self._wanted = False

    def due(self) -> str | None:
        """The words to be answered now; empty if the caller said nothing. None: nothing is due yet."""
        asked = [turn for turn in self._turns if turn.asked]
        if not self._wanted or not asked or any(turn.text is None for turn in asked):
            return None
        self._turns = [turn for turn in self._turns if not turn.asked]
        self._wanted = False
        return " ".join(turn.text for turn in asked if turn.text)
