"""How much work encoding Opus may be: as much as the machine has to spare."""

_LADDER = (0, 1, 4, 8)
"""The complexities that differ: those between and beyond sound like the next lower one and cost as much."""
_COST_US = {0: 50.0, 1: 70.0, 4: 130.0, 8: 160.0}
"""What encoding 20 ms takes at each, in microseconds of processor time (measured on a virtual Xeon, 32 kbit/s)."""
_MOST_SHARE = 0.06
"""Of a core, for all encoding at a complexity above the usual: some seven callers being spoken to at once."""
USUAL = 1
"""The complexity to begin with, and of all that is not governed by the load."""
_LATE_MS = 4.0
"""The wheel is later than that: there is less to spare than reckoned."""
_CALM_S = 5
"""Seconds in a row without any of this, before encoding becomes dearer."""


class Effort:
    """One for all sessions of a process. `complexity` is what encoders use from their next frame on.

    `fixed`: whatever the load; None: as the load is. Encoders add what they encode to `encoded_ms`.
    """

    __slots__ = ("_calm", "_fixed", "_place", "complexity", "encoded_ms")

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed
        self._place = _LADDER.index(USUAL)
        self._calm = 0
        self.complexity = USUAL if fixed is None else fixed
        self.encoded_ms = 0
        """Of audio, since the last second was over."""

    def second(self, late_ms: float) -> None:
        """A second is over, in which the wheel was late by so much at worst."""
        frames, self.encoded_ms = self.encoded_ms / 20, 0
        if self._fixed is not None:
            return
        if late_ms > _LATE_MS:
            self._calm = 0
            self._place = max(self._place - 1, 0)
        else:
            self._calm += 1
            while self._place > _LADDER.index(USUAL) and _share(frames, self._place) > _MOST_SHARE:
                self._place -= 1
            if self._calm > _CALM_S and self._place + 1 < len(_LADDER):
                if self._place < _LADDER.index(USUAL) or _share(frames, self._place + 1) < _MOST_SHARE / 2:
                    self._place += 1
                self._calm = 0
        self.complexity = _LADDER[self._place]


def _share(frames: float, place: int) -> float:
    """Of a core, for so many frames a second."""
    return frames * _COST_US[_LADDER[place]] / 1e6
