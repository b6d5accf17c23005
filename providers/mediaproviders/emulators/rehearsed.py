"""What every emulated session is, whatever it speaks: a log, things to do later, and effects."""

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.effects import Effects
from mediaproviders.emulators.timeline import Timeline


class RehearsedSession[Effect]:
    """The part of a session that time and its shell drive. Times are s of the monotonic clock."""

    def __init__(self, timeline: Timeline, wanted: Effects[Effect]) -> None:
        self.timeline = timeline
        self._wanted = wanted
        self._agenda = Agenda()

    @property
    def closed(self) -> bool:
        """The connection is to end or has ended."""
        return self._wanted.closed

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._agenda.run(now)

    def next_deadline(self) -> float | None:
        """When something is due."""
        return self._agenda.next_deadline()

    def effects(self) -> list[Effect]:
        """What is to be sent or done, in order; drains it."""
        return self._wanted.drain()

    def connection_lost(self, now: float) -> None:
        """The client has gone, or we have closed."""
        self._agenda.clear()
        self._wanted.closed = True
        timeline = self.timeline
        timeline.note("closed", now, appends=timeline.appends, last_append_at=timeline.last_append_at)
