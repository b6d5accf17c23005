"""What a rehearsal can choose of every emulated service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.ledger import Ledger
from mediaproviders.emulators.pace import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Where a service listens, and what is kept of its sessions."""

    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 0
    """TCP port; 0: any free one, see the emulator's `url`."""

    record: Callable[[dict[str, Any]], None] | None = None
    """Called at once with each entry of the timeline."""
    timeline_path: Path | None = None
    """File the timeline is appended to as JSON lines."""
    log_size: int = 2000
    """Client events and timeline entries kept of each session."""
    sessions_kept: int = 200
    """Closed sessions whose logs are kept."""

    def ledger(self) -> Ledger:
        """A ledger that keeps this much."""
        return Ledger(
            path=self.timeline_path, record=self.record, log_size=self.log_size, sessions_kept=self.sessions_kept
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenSettings(ServiceSettings):
    """What a model says that is spoken with."""

    pace: Pace = field(default_factory=Pace)
    """How fast answers come."""
    answer_wav: Path | None = None
    """What it says: a mono 16-bit WAV file of any rate; None: a babble of its own, another one for each answer."""
    answer_ms: int | None = None
    """Length of an answer's audio; None: 4000 ms of babble, or the whole file."""
    answer_texts: tuple[str, ...] = ("This is answer number {n} of the emulated model.",)
    """Transcripts of its answers, in turn; `{n}` is the number of the answer in its session, from 1."""
    answer_variety: int = 8
    """After how many answers the babble repeats itself."""
    seed: int = 1
    """Of everything drawn: babble and jitter."""
    tool_on_turn: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """User turn (from 1; 0: before the first) to the function it answers with, if the client declared it: (name, JSON
    arguments). It goes on after the result."""

    hears: tuple[str, ...] = ()
    """Transcripts of the user's spoken turns, in turn; empty: `(speech, 1.2 s)`."""
    onset_ms: float = 60.0
    """Loud audio it takes for speech to have started."""

    def answers(self) -> Answers:
        """The audio of its answers."""
        return Answers(
            self.pace,
            wav=self.answer_wav,
            duration_ms=self.answer_ms,
            seed=self.seed,
            variety=self.answer_variety,
        )
