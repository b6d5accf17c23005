"""What a rehearsal can choose of any speech service."""

from dataclasses import dataclass, field

from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.settings import ServiceSettings
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.voice import MS_PER_CHARACTER


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings(ServiceSettings):
    """How an emulated speech service behaves. The defaults are a healthy, prompt one."""

    hears: tuple[str, ...] = ()
    """Texts of the turns it is given to recognise, in turn; empty: `(speech, 1.2 s)`. Silence has no text."""
    transcript_ms: float = 100.0
    """Wall time from the end of a turn to its text."""
    ms_per_character: int = MS_PER_CHARACTER
    """How slowly it speaks."""
    pace: Pace = field(default_factory=lambda: Pace(first_audio_ms=100.0))
    """How fast its speech comes."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong. The first that concerns a request happens."""

    log_size: int = 200
    """Client events and timeline entries kept of each request."""
