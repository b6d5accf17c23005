"""Everything a rehearsal can choose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaproviders.emulators.gemini.faults import Fault, Refuse
from mediaproviders.emulators.pace import Pace

type Record = Callable[[dict[str, Any]], None]

PACE = Pace(first_audio_ms=400.0, deltas_ms=(40, 40, 80, 120), rate=3.0)
"""Faster than it is spoken, in small pieces."""


@dataclass(frozen=True, slots=True)
class GeminiSettings:
    """How an emulator of Gemini Live behaves. The defaults are a healthy, prompt service."""

    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 0
    """TCP port; 0: any free one, see the emulator's `url`."""
    certificates: Path | None = None
    """Directory the TLS identity is written to; None: a temporary one, as long as the emulator runs."""
    accepted_key: str | None = None
    """The one API key that is right (Developer API); None: every key that starts with `AIza`."""
    accepted_token: str | None = None
    """The one bearer token that is right (Vertex AI); None: every token."""
    models: frozenset[str] | None = None
    """Models it has; None: every name that begins like one of the service's."""
    voices: frozenset[str] = frozenset()
    """Voices it has besides the service's."""
    binary_frames: bool = True
    """Its JSON comes in binary frames; False: in text frames."""
    compression: bool = True
    """It offers to compress messages (permessage-deflate)."""
    bundles: bool = False
    """A piece of audio and the words that go with it come in one message."""

    pace: Pace = PACE
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
    arguments). It goes on after the `toolResponse`."""

    hears: tuple[str, ...] = ()
    """Transcripts of the user's turns, in turn; empty: `(speech, 1.2 s)`."""
    transcription_ms: float = 150.0
    """Wall time from the end of a turn to its transcript; the answer may well have begun."""
    onset_ms: float = 60.0
    """Loud audio it takes for speech to have started, unless the client says otherwise."""

    connection_s: float = 600.0
    """Lifetime of a connection."""
    go_away_s: float = 60.0
    """How long before its end the client is told."""
    session_s: float = 900.0
    """Lifetime of a session that does not compress its context, over all its connections."""
    context_tokens: int = 128_000
    """Length of the context of a session that does not compress it."""
    forgets_seeds: bool = True
    """Turns put into the conversation without being answered are passed over by the first answer to audio."""
    mixing_fails: bool = False
    """A `clientContent` in the middle of a spoken turn is an invalid argument; it is a race, and mostly goes well."""
    refusals: tuple[Refuse, ...] = ()
    """Handshakes to refuse."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong in a session."""

    record: Record | None = None
    """Called at once with each entry of the timeline."""
    timeline_path: Path | None = None
    """File the timeline is appended to as JSON lines, written every second and at the end."""
    log_size: int = 2000
    """Client messages and timeline entries kept of each session."""
    sessions_kept: int = 200
    """Closed sessions whose logs are kept."""
