"""The ramp of a duck: attenuation by G.711 tables, ten milliseconds a step."""

from functools import lru_cache

from mediacodecs.g711 import Encoding, attenuation_table

STEP = 80
"""Samples of one step."""
_DOWN = (1.0, 0.71, 0.4, 0.2, 0.07)
HELD = len(_DOWN)
"""The level at which nothing plays any more."""


@lru_cache(maxsize=32)
def _table(encoding: Encoding, level: int) -> bytes:
    return attenuation_table(encoding, _DOWN[level])


class Ramp:
    """Where the volume is: level 0 is full, each step down is softer, at `HELD` the position stands still."""

    __slots__ = ("ducking", "level")

    def __init__(self) -> None:
        self.level = 0
        self.ducking = False
        """On the way down, or down."""

    @property
    def idle(self) -> bool:
        """Full volume, and staying there."""
        return self.level == 0 and not self.ducking

    def step(self) -> None:
        """Move one step."""
        if self.ducking:
            self.level = min(self.level + 1, HELD)
        elif self.level:
            self.level = max(self.level - 2, 0)  # coming back takes half as long as going away

    def apply(self, payload: bytes, encoding: Encoding) -> bytes:
        """`payload` at the present level."""
        return payload.translate(_table(encoding, self.level)) if self.level else payload

    def reset(self) -> None:
        """Full volume at once."""
        self.level, self.ducking = 0, False
