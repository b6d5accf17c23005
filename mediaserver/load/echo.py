"""A telephone on a table: what it plays comes back through its microphone."""

import numpy as np

from mediaserver.load.recording import RATE, Samples

_MOST_LATE = RATE // 5
"""Samples beyond the delay that wait at most: as many as a phone's jitter buffer holds."""


class EchoPath:
    """Gives back what is heard, `delay_ms` later and `level_db` louder (less than 0: softer). 8 kHz."""

    def __init__(self, level_db: float, delay_ms: float) -> None:
        self._gain = 10 ** (level_db / 20)
        self._delay = round(delay_ms * RATE / 1000)
        self._heard: Samples = np.zeros(self._delay, np.int16)

    def hear(self, samples: Samples) -> None:
        """What is played next."""
        self._heard = np.concatenate((self._heard, samples))[-self._delay - _MOST_LATE :]

    def over(self, frame: Samples) -> Samples:
        """What the microphone hears beside `frame`, together with it."""
        back, self._heard = self._heard[: len(frame)], self._heard[len(frame) :]
        mixed = frame.astype(np.float64)
        mixed[: len(back)] += back * self._gain
        return np.rint(mixed).clip(-32768, 32767).astype(np.int16)
