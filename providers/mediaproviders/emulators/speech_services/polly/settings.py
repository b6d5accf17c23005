"""What a rehearsal can choose of Polly."""

from dataclasses import dataclass

from mediaproviders.emulators.aws import ANYONE, Keys
from mediaproviders.emulators.speech_services.settings import SpeechSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PollySettings(SpeechSettings):
    """How the emulator of Polly behaves."""

    keys: Keys = ANYONE
    """Whose signatures are taken."""
    region: str = "us-east-1"
    """Where it is; requests signed for another region are refused."""
    lexicons: frozenset[str] = frozenset()
    """Lexicons it has."""
