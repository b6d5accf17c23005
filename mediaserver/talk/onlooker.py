"""Tells by the loudness of the line that the caller speaks, where the model does not tell, and somebody watches."""

import asyncio
from collections.abc import Callable
from typing import Final

from mediaserver.talk.feed import Notes
from mediaserver.talk.leg import Leg

EVERY_S: Final = 0.1
_ENOUGH_S: Final = 0.1
"""Loud audio that is more than a click."""
_PAUSE_S: Final = 0.5
"""Silence that is more than the gap between two words."""


class Onlooker:
    """Looks at `leg` ten times a second, and tells `notes`."""

    def __init__(self, leg: Leg, notes: Notes, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._leg = leg
        self._notes = notes
        self._loop = loop
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = loop.call_later(EVERY_S, self._look)

    def stop(self) -> None:
        """Look no more; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._notes.speaks("caller", False)

    def _look(self) -> None:
        self._timer = self._loop.call_later(EVERY_S, self._look)
        uplink = self._leg.uplink
        if uplink is not None:
            recent = self._clock() - uplink.last_voice < _PAUSE_S
            self._notes.speaks("caller", recent and uplink.loud_s >= _ENOUGH_S)
