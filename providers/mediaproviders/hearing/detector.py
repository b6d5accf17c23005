"""Tells the caller's speech from other sound, for the turns."""

from functools import cache

import numpy as np

from mediacodecs.pcm import Pcm
from mediacodecs.signal.vad import WINDOW, SileroBatch, SpeechState

_BEGINS = 0.5
_GOES_ON = 0.35
"""Probability from which a frame is speech: when the one before was not, and when it was."""
_FLOOR = 50.0
"""RMS of 16-bit samples (about -56 dBFS) below which no model needs to be asked."""
_FORGET = 12
"""Quiet frames after which the model starts afresh."""


@cache
def silero() -> SileroBatch:
    """The neural detector, for all who hear by it: it knows nothing of a caller. Blocks until it is loaded, once.

    Raises DetectorUnavailableError.
    """
    return SileroBatch()


class SileroDetector:
    """One caller's share of the neural detector, which is asked only while there is something to hear."""

    def __init__(self, model: SileroBatch) -> None:
        self._model = model
        self._state = SpeechState()
        self._speech = False
        self._quiet = 0

    @property
    def frame(self) -> int:
        """32 ms."""
        return WINDOW

    def speech(self, frame: Pcm) -> bool:
        """Whether the next frame is speech."""
        wide = frame.astype(np.float32)
        if float(np.dot(wide, wide)) < _FLOOR * _FLOOR * WINDOW:
            self._speech = False
            self._quiet += 1
            if self._quiet == _FORGET:
                self._state = SpeechState()
            return False
        self._quiet = 0
        probability = float(self._model.infer(wide[np.newaxis] / np.float32(32768), [self._state])[0])
        self._speech = probability >= (_GOES_ON if self._speech else _BEGINS)
        return self._speech
