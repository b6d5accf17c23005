"""Loudness: when the agent is speaking, as the caller hears it."""

import numpy as np

from mediaserver.load.recording import Samples

LOUD_RMS = 260.0
"""Root mean square of a frame that counts as voice (-42 dBFS): above comfort noise and hiss, below soft speech."""

HANGOVER_S = 0.25
"""A silence shorter than this is a pause between two words."""


def is_loud(samples: Samples, threshold: float = LOUD_RMS) -> bool:
    """The frame carries voice rather than silence or comfort noise."""
    if len(samples) == 0:
        return False
    wide = samples.astype(np.float64)
    return bool(np.sqrt(np.mean(wide * wide)) > threshold)


class Ear:
    """Follows whether the agent speaks. Pure: time is an argument, in monotonic seconds."""

    def __init__(self) -> None:
        self.last_loud_at: float | None = None
        self.onsets: list[float] = []

    def hear(self, samples: Samples, now: float) -> None:
        """Take one frame that arrived `now`."""
        if not is_loud(samples):
            return
        if self.last_loud_at is None or now - self.last_loud_at > HANGOVER_S:
            self.onsets.append(now)
        self.last_loud_at = now

    def speaking(self, now: float) -> bool:
        """The agent is talking, or pausing between two words."""
        return self.last_loud_at is not None and now - self.last_loud_at <= HANGOVER_S

    def onset_since(self, since: float) -> float | None:
        """When the agent first spoke at or after `since`; `since` itself if it was in the middle of speaking then."""
        if self.last_loud_at is None or self.last_loud_at < since:
            return None
        return next((onset for onset in self.onsets if onset >= since), since)

    def quiet_for(self, now: float) -> float:
        """Seconds since the agent was last heard; infinite if it never was."""
        return float("inf") if self.last_loud_at is None else now - self.last_loud_at
