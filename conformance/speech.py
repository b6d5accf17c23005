"""What a caller says where the agent has to hear one: loud syllables, with silence before and after."""

from pathlib import Path

import numpy as np

from mediacodecs.g711 import PCMA
from mediaproviders.emulators.answers import babble

RATE = 8000
BEFORE_S, SPEECH_MS, AFTER_S = 1.5, 900, 6.0
"""The greeting is over before; the model hears the end of the turn in the silence after."""


def speech() -> bytes:
    """It in A-law."""
    before, after = (np.zeros(round(seconds * RATE), np.int16) for seconds in (BEFORE_S, AFTER_S))
    return PCMA.encode(np.concatenate([before, babble(7, SPEECH_MS, RATE), after]))


def write(path: Path) -> None:
    """Write it for `<exec rtp_stream="speech.pcma,1,8"/>`."""
    path.write_bytes(speech())
