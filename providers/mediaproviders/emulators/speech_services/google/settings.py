"""What a rehearsal can choose of Google's speech services."""

from dataclasses import dataclass

from mediaproviders.emulators.speech_services.settings import SpeechSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogleSpeechSettings(SpeechSettings):
    """How the emulator of Google's speech services behaves."""

    accepted_key: str | None = None
    """The one API key that is right; None: nobody has to have one."""
    stream_s: float = 305.0
    """The longest stream of audio."""
    idle_s: float = 10.0
    """A stream that brings no audio for so long is refused."""
    interim_ms: float = 500.0
    """Audio between two interim results."""
