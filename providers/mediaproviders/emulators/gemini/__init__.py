"""A strict emulator of Google's Gemini Live, on a real WebSocket over TLS.

``session`` is the sans-I/O core; ``shapes`` and ``setup`` decide what it accepts; ``listening`` hears the caller,
``answering`` answers; ``memory`` is what it knows and how a client comes back to it; ``faults`` what goes wrong,
``settings`` holds all choices; ``server`` is the WebSocket around it.
"""

from mediaproviders.emulators.gemini.faults import Fault, Refuse
from mediaproviders.emulators.gemini.server import GeminiEmulator
from mediaproviders.emulators.gemini.settings import GeminiSettings
from mediaproviders.emulators.pace import BURST, STEADY, Pace
from mediaproviders.emulators.timeline import Timeline

__all__ = ["BURST", "STEADY", "Fault", "GeminiEmulator", "GeminiSettings", "Pace", "Refuse", "Timeline"]
