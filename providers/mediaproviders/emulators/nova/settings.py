"""Everything a rehearsal can choose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from mediaproviders.emulators.aws import ANYONE, Keys
from mediaproviders.emulators.nova.faults import Fault, Refuse
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.settings import SpokenSettings

MODELS: Final = {"amazon.nova-sonic-v1:0": 1, "amazon.nova-2-sonic-v1:0": 2}
"""Model id to generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NovaSettings(SpokenSettings):
    """How an emulator of Amazon Nova Sonic behaves. The defaults are a healthy, prompt service."""

    certificates: Path | None = None
    """Directory for the certificates it makes; None: a temporary one."""
    keys: Keys = ANYONE
    """Access keys it knows; by default the secret of `AKIAX` is `secret-AKIAX`, for every such name."""
    models: Mapping[str, int] = field(default_factory=lambda: MODELS)
    """Models it has, with their generation."""
    sessions_at_once: int = 20
    """Quota of an account; more are refused."""

    pace: Pace = field(default_factory=lambda: Pace(deltas_ms=(80,), rate=3.0))
    """How fast answers come."""
    answer_texts: tuple[str, ...] = ("This is answer number {n} of the emulated model.",)
    """Transcripts of its answers, in turn; `{n}` is the number of the answer in its session, from 1. Each sentence has
    blocks of its own."""
    double_encoded: bool = False
    """Arguments of a tool come as a JSON string of JSON."""

    pieces: int = 1
    """In how many TEXT blocks a transcript of the user comes."""
    recognition_ms: float = 150.0
    """Wall time from the end of a turn to its transcript."""
    silence_ms: float | None = None
    """Silence that ends a turn; None: by the client's `endpointingSensitivity`."""

    interruption: Literal["both", "marker", "stop_reason"] = "both"
    """How an interruption is told: by the text `{ "interrupted" : true }`, by a stop reason, or by both."""
    end_turn_first: bool = False
    """The audio of an interrupted answer says END_TURN before that."""

    session_s: float = 480.0
    """Lifetime of a stream."""
    session_end: Literal["silent", "exception"] = "silent"
    """What comes then: the end of the stream, or an exception before it."""
    audio_timeout_s: float = 55.0
    """Wall time without audio after which a stream is refused."""
    refusals: tuple[Refuse, ...] = ()
    """Requests to refuse."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong in a session."""
