"""One timer of the event loop that is set anew with every message, and hardly ever moved."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls `ring` no later than it is set to, on the clock of `time.monotonic`, and perhaps earlier."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._at = 0.0

    def set(self, deadline: float | None) -> None:
        """Ring at `deadline`, in seconds; None: not at all."""
        if deadline is None:
            self.stop()
            return
        if self._timer is not None:
            if self._at <= deadline:
                return  # it rings early and is set anew then: cheaper than moving it with every message
            self._timer.cancel()
        self._at = deadline
        delay = max(0.0, deadline - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._rings)

    def stop(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rings(self) -> None:
        self._timer = None
        self._ring()
