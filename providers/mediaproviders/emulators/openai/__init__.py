"""A strict emulator of the services that speak OpenAI's realtime protocol, on a real WebSocket.

Which service it is, is a setting: OpenAI, Azure OpenAI (GA or preview), xAI. ``services`` holds what sets them apart
as data; ``session`` is the sans-I/O core, which knows OpenAI's shapes; ``dialects``, ``beta`` and ``xai`` (with
``xai_shapes``) translate them; ``validation``, ``shapes`` and ``configuration`` decide what it accepts; ``speech``
and ``listening`` hear the caller, ``responding`` and ``response`` answer; ``pace`` says how fast, ``faults`` what goes
wrong, ``settings`` holds all choices; ``server`` is the WebSocket around it.
"""

from mediaproviders.emulators.openai.faults import Fault, Refuse
from mediaproviders.emulators.openai.server import OpenAIEmulator
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.pace import BURST, STEADY, Pace
from mediaproviders.emulators.timeline import Timeline

__all__ = ["BURST", "STEADY", "EmulatorSettings", "Fault", "OpenAIEmulator", "Pace", "Refuse", "Timeline"]
