"""A strict emulator of Amazon Nova Sonic, on a real HTTP/2 connection with signed requests and events.

``session`` is the sans-I/O core; ``grammar`` and ``shapes`` decide what it accepts; ``listening`` hears the user,
``speaking`` and ``blocks`` answer; ``faults`` says what goes wrong and ``mishaps`` does it, ``settings`` holds all
choices; ``server`` is the stream around it.
"""

from mediaproviders.emulators.nova.faults import Fault, Refuse
from mediaproviders.emulators.nova.server import NovaEmulator
from mediaproviders.emulators.nova.settings import NovaSettings
from mediaproviders.emulators.pace import BURST, STEADY, Pace
from mediaproviders.emulators.timeline import Timeline

__all__ = ["BURST", "STEADY", "Fault", "NovaEmulator", "NovaSettings", "Pace", "Refuse", "Timeline"]
