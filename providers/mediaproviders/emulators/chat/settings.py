"""Everything a rehearsal can choose."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mediaproviders.emulators.chat.faults import Fault, Refuse
from mediaproviders.emulators.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class ChatPace:
    """How fast an answer comes."""

    first_word_ms: float = 250.0
    """Wall time from the request to the first word."""
    words_per_s: float = 40.0
    """`math.inf`: the whole answer at once."""

    def __post_init__(self) -> None:
        if not self.words_per_s > 0 or self.first_word_ms < 0:
            raise ValueError("pace: words_per_s must be above 0 (math.inf: at once), first_word_ms not below")

    def due_s(self, word: int) -> float:
        """When the nth word (from 0) is due, in s after the request."""
        return self.first_word_ms / 1000 + (0.0 if math.isinf(self.words_per_s) else word / self.words_per_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings(ServiceSettings):
    """How an emulated chat endpoint behaves. The defaults are a healthy, prompt service."""

    accepted_key: str | None = None
    """The one API key that is right; None: every key that starts with `sk-`."""
    models: frozenset[str] | None = None
    """Models it has; None: all but those that are named realtime, audio or embedding models."""

    pace: ChatPace = field(default_factory=ChatPace)
    """How fast answers come."""
    answer_texts: tuple[str, ...] = ("This is answer number {n} of the emulated model. It is a text.",)
    """Its answers, by the caller's turn; `{n}` is the number of that turn, from 1, `{said}` its text. A conversation
    that begins without one has turn 0."""
    tool_on_turn: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Caller's turn to the function it is answered with, if the client declared it: (name, JSON arguments). The results
    are answered with a text."""
    calls_on_turn: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """The same for several calls at once."""
    finish_on_turn: Mapping[int, Literal["length", "content_filter"]] = field(default_factory=dict)
    """Turns whose answer is cut in the middle, and for what reason."""

    refusals: tuple[Refuse, ...] = ()
    """Requests to refuse."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong in answers."""
