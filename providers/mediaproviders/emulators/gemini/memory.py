"""What the service knows of a session, and the handles with which a client comes back to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from mediaproviders.emulators.gemini.refusal import POLICY, Refusal

TOKENS_PER_S = 25
"""Of audio, either way."""
_CHARACTERS_PER_TOKEN = 4


def tokens_of_text(text: str) -> int:
    """About as many tokens as a text has."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def tokens_of_audio(ms: float) -> int:
    """The tokens of so much audio."""
    return int(-(-ms * TOKENS_PER_S // 1000))


@dataclass(slots=True)
class Memory:
    """The context of one session."""

    began: float
    """When its first connection was opened."""
    turns: list[tuple[Literal["user", "model"], str]] = field(default_factory=list)
    """Who said what; of an interrupted answer, what the service takes to have been heard."""
    unseen: int = 0
    """How many of the latest turns an answer to audio passes over."""
    text_tokens: int = 0
    audio_tokens: int = 0

    def said(self, role: Literal["user", "model"], text: str) -> None:
        """A turn is over."""
        self.turns.append((role, text))

    @property
    def tokens(self) -> int:
        """Length of the context."""
        return self.text_tokens + self.audio_tokens


class Memories:
    """The sessions of an emulator that can be gone on with."""

    def __init__(self, ids: Callable[[], str]) -> None:
        self._ids = ids
        self._by_handle: dict[str, Memory] = {}

    def handle(self, memory: Memory) -> str:
        """A new handle of a session."""
        handle = self._ids()
        self._by_handle[handle] = memory
        return handle

    def find(self, handle: str) -> Memory:
        """The session of a handle. Raises Refusal if there is none."""
        memory = self._by_handle.get(handle)
        if memory is None:
            raise Refusal("BidiGenerateContent session not found", POLICY)
        return memory


def usage(memory: Memory, said_tokens: int, *, vertex: bool) -> dict[str, Any]:
    """The bill of a turn: what was read and what was said, in tokens that add up."""
    said = "candidates" if vertex else "response"
    return {
        "promptTokenCount": memory.tokens,
        f"{said}TokenCount": said_tokens,
        "totalTokenCount": memory.tokens + said_tokens,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": memory.text_tokens},
            {"modality": "AUDIO", "tokenCount": memory.audio_tokens},
        ],
        f"{said}TokensDetails": [{"modality": "AUDIO", "tokenCount": said_tokens}],
    }
