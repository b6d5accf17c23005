"""What a rehearsal can choose of OpenAI's audio endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediaproviders.emulators.speech_services.settings import SpeechSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAISpeechSettings(SpeechSettings):
    """How the emulator of OpenAI's and Azure OpenAI's audio endpoints behaves."""

    accepted_key: str | None = None
    """The one API key that is right; None: every key that starts with `sk-`."""
    accepted_token: str = "entra-token"
    """The one Entra token that is right at Azure's endpoints."""
    deployments: Mapping[str, str] = field(
        default_factory=lambda: {"whisper": "whisper-1", "transcribe": "gpt-4o-transcribe", "voice": "gpt-4o-mini-tts"}
    )
    """Azure's deployments: name to model."""
    delta_words: int = 3
    """Words in each piece of a streamed transcript."""
