"""The end of what the agent says: a line is cut only when the caller has heard it."""

import asyncio
from collections.abc import Callable

from mediaproviders.contract import AudioFormat
from mediaserver.talk import fault_audio
from mediaserver.talk.leg import Leg

FAULT_ITEM = "fault"
PATIENCE_S = 15.0
"""Longer than its audio takes, nothing is waited for: a leg on hold plays nothing."""


class LastWords:
    """Waits for a leg's playout to be heard. `receiver_s` is the delay at the caller's ear."""

    def __init__(self, leg: Leg, receiver_s: float, clock: Callable[[], float]) -> None:
        self._leg = leg
        self._clock = clock
        self._receiver_s = receiver_s
        self._played = asyncio.Event()

    def played(self) -> None:
        """Playout has nothing left."""
        self._played.set()

    async def heard(self) -> None:
        """Until all that is queued was heard; at once when nothing is."""
        session = self._leg.session
        if session is None or session.playout.queued_ms <= 0:
            return
        self._played.clear()
        try:
            async with asyncio.timeout(session.playout.queued_ms / 1000 + PATIENCE_S):
                await self._played.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._receiver_s)

    async def sorry(self, recording: bytes, form: AudioFormat) -> None:
        """Never dead air: the caller hears that something went wrong. `recording` is mu-law, playout takes `form`."""
        session = self._leg.session
        if session is None:
            return
        playout = session.playout
        playout.flush()
        playout.push(FAULT_ITEM, fault_audio.in_format(recording, form))
        playout.finish(FAULT_ITEM)
        self._leg.speak_now(self._clock())
        await self.heard()
