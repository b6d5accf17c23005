"""One answer of the model, and where it stands."""

from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

from mediaproviders.emulators.answers import Answer

NEVER = inf


class Stage(Enum):
    """How far an answer has come."""

    THINKING = auto()
    SPEAKING = auto()
    CALLING = auto()
    """It waits for its tool."""
    PLAYING = auto()
    """Everything was sent; the client is assumed to be playing it still."""


@dataclass(slots=True)
class Saying:
    """An answer under way."""

    number: int
    sound: Answer
    text: str
    since: float
    """When it was begun, or gone on with: its pace counts from then."""
    jitter: float = 0.0
    call: tuple[str, str] | None = None
    """The function it calls first, and the arguments."""
    call_id: str = ""
    stage: Stage = Stage.THINKING
    piece: int = 0
    sent_ms: float = 0.0
    first_audio_at: float = 0.0
    due: float = NEVER
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.words = self.text.split()

    def words_of(self, piece: int) -> str:
        """The words that go with a piece of its audio; each but the very first begins with a space."""
        count, pieces = len(self.words), len(self.sound.pieces)
        first, last = count * piece // pieces, count * (piece + 1) // pieces
        words = " ".join(self.words[first:last])
        return f" {words}" if words and first else words

    def heard(self, now: float) -> str:
        """The words that the service takes to have been heard by now."""
        if self.stage is Stage.THINKING or not self.sent_ms:
            return ""
        played_ms = min(self.sent_ms, (now - self.first_audio_at) * 1000)
        return " ".join(self.words[: int(len(self.words) * played_ms / self.sound.duration_ms)])
