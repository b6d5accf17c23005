"""The ramp of a duck: ten milliseconds a step."""

from mediaserver.rtp.form import Form

STEP_MS = 10
"""Length of one step."""
_DOWN = (1.0, 0.71, 0.4, 0.2, 0.07)
HELD = len(_DOWN)
"""The level at which nothing plays any more."""


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

    def apply(self, octets: bytes, form: Form) -> bytes:
        """`octets` at the present level."""
        return form.soften(octets, _DOWN[self.level]) if self.level else octets

    def reset(self) -> None:
        """Full volume at once."""
        self.level, self.ducking = 0, False
