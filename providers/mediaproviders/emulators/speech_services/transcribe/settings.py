"""What a rehearsal can choose of Transcribe."""

from dataclasses import dataclass
from pathlib import Path

from mediaproviders.emulators.aws import ANYONE, Keys
from mediaproviders.emulators.speech_services.settings import SpeechSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscribeSettings(SpeechSettings):
    """How the emulator of Transcribe behaves."""

    certificates: Path | None = None
    """Directory its TLS identity is written to; None: a temporary one, as long as it runs."""
    keys: Keys = ANYONE
    """Whose signatures are taken."""
    region: str = "us-east-1"
    """Where it is; requests signed for another region are refused."""
    vocabularies: frozenset[str] = frozenset()
    """Vocabularies it has."""
    idle_s: float = 15.0
    """A stream that brings no audio for so long is refused."""
    stream_s: float = 14_400.0
    """The longest stream of audio."""
    interim_ms: float = 500.0
    """Audio between two partial results."""
