"""The caller's side of a conversation: whose words come, and when a turn is over.

The service says neither when the caller begins nor when a turn ends: both show in what follows.
"""

from collections.abc import Callable
from typing import Final

from mediaproviders.contract import CallerTranscript, Event, TurnCommitted

SETTLED_S: Final = 2.0
"""No more words for so long, and no answer either: the turn is over, and the answer is late."""


class Caller:
    """The caller's turns, one item each. `ours`: they are found by our own detector."""

    def __init__(self, emit: Callable[[Event], None], name: Callable[[str], str], *, ours: bool) -> None:
        self._emit = emit
        self._name = name
        self._ours = ours
        self._item: str | None = None
        self._words = ""
        self._committed = False
        self._settles_at: float | None = None

    @property
    def is_open(self) -> bool:
        """There are words of a turn that is not over."""
        return self._item is not None and not self._committed and not self._ours

    @property
    def settles_at(self) -> float | None:
        """When the turn is over, unless more words come."""
        return self._settles_at

    def begins(self, item: str) -> None:
        """Our detector hears a turn begin; words of it are yet to come."""
        self.answered()
        self._item, self._words, self._committed = item, "", True

    def words(self, text: str, now: float) -> None:
        """A piece of what the caller said."""
        if self._item is None:
            self._item, self._words, self._committed = self._name("turn"), "", self._ours
        text = text if self._words else text.lstrip()
        if not text:
            return
        self._words += text
        self._emit(CallerTranscript(self._item, text, final=False))
        if not self._ours:
            self._settles_at = now + SETTLED_S

    def tick(self, now: float) -> None:
        """Time passes."""
        if self._settles_at is not None and now >= self._settles_at:
            self.commit()

    def answer_begins(self, *, unasked: bool) -> None:
        """The model begins to speak; `unasked`: because the service heard the caller."""
        if self._ours:
            return
        if unasked and (self._item is None or (self._committed and not self._words)):
            # It was heard, but its words are late, or are not written down at all.
            self._item, self._words, self._committed = self._name("turn"), "", False
        self.commit()

    def commit(self) -> None:
        """The turn is over, if there is one."""
        self._settles_at = None
        if self._item is not None and not self._committed:
            self._committed = True
            self._emit(TurnCommitted(self._item))

    def passed_over(self) -> None:
        """The model has nothing to say to the turn, and may: no answer is due."""
        self._settles_at = None
        self._committed = True
        self.answered()

    def interrupts(self) -> None:
        """The service hears the caller begin anew: words to come are not of a turn that has none by now."""
        if self._committed and not self._words and not self._ours:
            self._item = None

    def answered(self) -> None:
        """The answer to the turn is complete: its words are, too. Without words it waits for them."""
        if self._item is not None and self._committed and self._words:
            self._emit(CallerTranscript(self._item, self._words.rstrip(), final=True))
            self._item, self._words = None, ""
