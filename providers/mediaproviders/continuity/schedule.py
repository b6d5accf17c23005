"""When the next session is opened, and which moment is good for the exchange."""

from dataclasses import dataclass
from typing import Protocol

from mediaproviders.continuity.settings import ContinuitySettings


class Floor(Protocol):
    """How a conversation stands at a moment."""

    @property
    def generating(self) -> bool:
        """The agent's answer is being generated."""

    def owed(self, now: float) -> bool:
        """The agent's answer should begin any moment."""

    def quiet(self, now: float) -> bool:
        """It is between turns: nobody speaks, and nothing is under way or expected."""

    def settled(self, now: float) -> bool:
        """All that was said is known: transcripts have come, and what is to be heard was heard."""


@dataclass(frozen=True, slots=True)
class Window:
    """The end of a session's life, in seconds of the loop's clock."""

    opens: float
    """The next session is opened."""
    relaxes: float
    """From here on a moment between turns is good enough, even if the agent is still heard."""
    forces: float
    """From here on the caller may be speaking, or a tool running."""
    insists: float
    """From here on only an answer being generated is waited for."""
    ends: float
    """The provider ends it."""

    def ripe(self, now: float, floor: Floor) -> bool:
        """Exchange the sessions now?"""
        if floor.generating:
            return False
        if now >= self.forces:
            return now >= self.insists or not floor.owed(now)
        return floor.quiet(now) and (now >= self.relaxes or floor.settled(now))


def window(since: float, limit_s: float | None, ending_at: float | None, settings: ContinuitySettings) -> Window | None:
    """The end of a session that began at `since`; None if none is in sight."""
    limits = [each for each in (limit_s, settings.connection_s) if each is not None]
    ends = min([*(since + each for each in limits), *([ending_at] if ending_at is not None else [])], default=None)
    if ends is None:
        return None
    lead_s = min(settings.lead_s, max(0.0, ends - since) / 2)
    force_s = min(settings.force_s, lead_s / 2)
    return Window(ends - lead_s, ends - (lead_s + force_s) / 2, ends - force_s, ends - force_s / 2, ends)
