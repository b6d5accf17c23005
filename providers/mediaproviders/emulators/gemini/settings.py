"""Everything a rehearsal can choose."""

from dataclasses import dataclass
from pathlib import Path

from mediaproviders.emulators.gemini.faults import Fault, Refuse
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.settings import SpokenSettings

PACE = Pace(first_audio_ms=400.0, deltas_ms=(40, 40, 80, 120), rate=3.0)
"""Faster than it is spoken, in small pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiSettings(SpokenSettings):
    """How an emulator of Gemini Live behaves. The defaults are a healthy, prompt service."""

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

    transcription_ms: float = 150.0
    """Wall time from the end of a turn to its transcript; the answer may well have begun."""

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
