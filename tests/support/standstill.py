"""Whether the machine kept up: how often, and for how long, nothing ran that was due."""

import threading
import time
from dataclasses import dataclass
from typing import Final

_PERIOD_S: Final = 0.01
LEAST_S: Final = 0.03
"""A shorter delay is one that calls live with."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The machine came `seconds` late to what was due before `at` (monotonic seconds)."""

    at: float
    seconds: float


class Watch:
    """A thread that wants to run every 10 ms, and writes down when it could not."""

    def __init__(self) -> None:
        self.stops: list[Stop] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="standstill", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._over.set()
        self._thread.join()

    def since(self, at: float) -> list[Stop]:
        """Those after that time (monotonic seconds)."""
        return [stop for stop in self.stops if stop.at >= at]

    def _run(self) -> None:
        due = time.monotonic() + _PERIOD_S
        while not self._over.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            if now - due >= LEAST_S:
                self.stops.append(Stop(now, now - due))
            due = now + _PERIOD_S
