"""Requests as they come: each gets a number, a timeline, and the misfortune meant for it."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediaproviders.emulators.speech_services.faults import Fault, fault_of
from mediaproviders.emulators.speech_services.settings import SpeechSettings
from mediaproviders.emulators.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Visit:
    """One request."""

    timeline: Timeline
    fault: Fault | None

    def note(self, kind: str, **details: Any) -> None:
        """Enter a moment into its timeline."""
        self.timeline.note(kind, time.monotonic(), **details)

    def asked(self, fields: Mapping[str, object]) -> None:
        """Keep what was asked for."""
        self.timeline.client_events.append((time.monotonic(), dict(fields)))

    def strikes(self, *kinds: str) -> Fault | None:
        """The misfortune, if it is of these kinds; it is noted."""
        if self.fault is None or self.fault.kind not in kinds:
            return None
        self.note("fault", fault=self.fault.kind)
        return self.fault


class Visits:
    """All requests of one emulator."""

    def __init__(self, settings: SpeechSettings) -> None:
        self._faults = settings.faults
        self._numbers = itertools.count()
        self._ledger = settings.ledger()

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """Those kept, oldest first."""
        return tuple(self._ledger.sessions)

    def begin(self, what: str, call: str | None = None, peer: object = None) -> Visit:
        """A request for `what` (`speech`, `transcriptions`, …) came; `peer` is the client's end of the connection."""
        number = next(self._numbers)
        visit = Visit(self._ledger.open(f"{what}_{number}", call), fault_of(self._faults, number))
        visit.note("session", what=what, peer=str(peer))
        return visit

    def close(self) -> None:
        """Write the file."""
        self._ledger.close()
