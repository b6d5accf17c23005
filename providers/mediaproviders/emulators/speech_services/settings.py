"""What a rehearsal can choose of any speech service."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.voice import MS_PER_CHARACTER


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings:
    """How an emulated speech service behaves. The defaults are a healthy, prompt one."""

    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 0
    """TCP port; 0: any free one."""

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

    record: Callable[[dict[str, Any]], None] | None = None
    """Called at once with each entry of the timeline."""
    timeline_path: Path | None = None
    """File the timeline is appended to as JSON lines, written at the end."""
    sessions_kept: int = 200
    """Requests whose logs are kept."""
