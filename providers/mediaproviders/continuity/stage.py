"""The conversation, as those see it who keep a session behind it."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from mediaproviders.continuity.line import Line
from mediaproviders.contract import Event, ProviderError, Told


class Stage(Protocol):
    """The conversation, as the keeper sees it."""

    def take(self, line: Line, event: Event) -> None:
        """A session has an event."""

    def crowded(self) -> Awaitable[None] | None:
        """What to wait for before sessions are read further, if anything."""

    def adopt(self, line: Line, news: Sequence[Event]) -> None:
        """Go on with this session, and tell the news."""

    def lost(self, *, in_vain: bool = False) -> None:
        """There is no session until another is adopted; `in_vain`: what it owed is overdue."""

    def served(self) -> bool:
        """The current session has answered something."""

    def fail(self, error: Exception) -> None:
        """There will be none any more."""

    def settled_history(self, *, hopeful: bool) -> tuple[Told, ...]:
        """What a session that is opened now can be told already; `hopeful`: also what the agent is heard saying."""

    def fits(self, line: Line) -> bool:
        """What this session was told when it was opened still holds."""

    def refused(self, name: str, error: ProviderError) -> None:
        """A candidate could not be opened."""

    def lingers_s(self) -> float:
        """How long an exchanged session may still have something to tell."""
