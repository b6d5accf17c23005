"""A strict emulator of OpenAI's realtime service, on a real WebSocket.

``session`` is the sans-I/O core; ``validation``, ``shapes`` and ``configuration`` decide what it accepts; ``speech``
and ``listening`` hear the caller, ``responding`` and ``response`` answer; ``pace`` says how fast, ``faults`` what goes
wrong, ``settings`` holds all choices; ``server`` is the WebSocket around it.
"""

from mediaproviders.emulators.openai.faults import Fault, Refuse
from mediaproviders.emulators.openai.server import OpenAIEmulator
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.pace import BURST, STEADY, Pace
from mediaproviders.emulators.timeline import Timeline

__all__ = ["BURST", "STEADY", "EmulatorSettings", "Fault", "OpenAIEmulator", "Pace", "Refuse", "Timeline"]
