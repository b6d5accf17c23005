"""Amazon Polly. ``server`` answers; ``requests`` checks what is asked for; ``voices`` are those it has."""

from mediaproviders.emulators.speech_services.polly.server import PollyEmulator
from mediaproviders.emulators.speech_services.polly.settings import PollySettings

__all__ = ["PollyEmulator", "PollySettings"]
