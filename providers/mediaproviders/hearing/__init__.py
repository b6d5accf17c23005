"""The caller's speech, cut into turns, for models that have no detector of their own or whose detector is not wanted.

``detector`` tells speech from other sound, ``turns`` decides where a turn begins and ends, ``listener`` is both on a
stream of bytes.
"""

from mediaproviders.hearing.detector import SileroDetector, silero
from mediaproviders.hearing.listener import Detector, Listener
from mediaproviders.hearing.turns import Guess, Pace, TurnEvent, Unguess

__all__ = ["Detector", "Guess", "Listener", "Pace", "SileroDetector", "TurnEvent", "Unguess", "silero"]
