"""Everything a rehearsal can choose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from mediaproviders.emulators.aws import ANYONE, Keys
from mediaproviders.emulators.nova.faults import Fault, Refuse
from mediaproviders.emulators.pace import Pace

type Record = Callable[[dict[str, Any]], None]

MODELS: Final = {"amazon.nova-sonic-v1:0": 1, "amazon.nova-2-sonic-v1:0": 2}
"""Model id to generation."""


@dataclass(frozen=True, slots=True)
class NovaSettings:
    """How an emulator of Amazon Nova Sonic behaves. The defaults are a healthy, prompt service."""

    host: str = "127.0.0.1"
    """Address to listen at; its certificate is for this machine alone."""
    port: int = 0
    """TCP port; 0: any free one, see the emulator's `url`."""
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
    answer_wav: Path | None = None
    """What it says: a mono 16-bit WAV file of any rate; None: a babble of its own, another one for each answer."""
    answer_ms: int | None = None
    """Length of an answer's audio; None: 4000 ms of babble, or the whole file."""
    answer_texts: tuple[str, ...] = ("This is answer number {n} of the emulated model.",)
    """Transcripts of its answers, in turn; `{n}` is the number of the answer in its session, from 1. Each sentence has
    blocks of its own."""
    answer_variety: int = 8
    """After how many answers the babble repeats itself."""
    seed: int = 1
    """Of everything drawn: babble and jitter."""
    tool_on_turn: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """User turn (from 1) to the tool it is answered with, if the client declared it: (name, JSON arguments). It goes
    on after the result."""
    double_encoded: bool = False
    """Arguments of a tool come as a JSON string of JSON."""

    hears: tuple[str, ...] = ()
    """Transcripts of the user's spoken turns, in turn; empty: `(speech, 1.2 s)`."""
    pieces: int = 1
    """In how many TEXT blocks a transcript of the user comes."""
    recognition_ms: float = 150.0
    """Wall time from the end of a turn to its transcript."""
    onset_ms: float = 60.0
    """Loud audio it takes for speech to have started."""
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

    record: Record | None = None
    """Called at once with each entry of the timeline."""
    timeline_path: Path | None = None
    """File the timeline is appended to as JSON lines, written every second and at the end."""
    log_size: int = 2000
    """Client events and timeline entries kept of each session."""
    sessions_kept: int = 200
    """Closed sessions whose logs are kept."""
