"""Everything a rehearsal can choose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediaproviders.emulators.openai.faults import Fault, Refuse
from mediaproviders.emulators.openai.services import SERVICES, DialectName, Service
from mediaproviders.emulators.pace import Pace

type Record = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """How an emulator of a realtime service behaves. The defaults are a healthy, prompt one of OpenAI's."""

    dialect: DialectName = "openai"
    """Which service it is: OpenAI, Azure OpenAI (GA or preview interface), or xAI."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = 0
    """TCP port; 0: any free one, see the emulator's `url`."""
    accepted_key: str | None = None
    """The one API key that is right; None: every key that begins as the service's do."""
    accepted_token: str | None = None
    """Azure: the one bearer token of Entra ID that is right; None: every one."""
    models: frozenset[str] | None = None
    """Models or deployments it has; None: every name that begins like a realtime model of the service."""
    transcribers: frozenset[str] | None = None
    """Azure: deployments that transcribe; None: every name is one."""
    voices: frozenset[str] = frozenset()
    """Voices it has besides the SDK's."""

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
    arguments). It goes on after a `function_call_output` and a `response.create`."""

    hears: tuple[str, ...] = ()
    """Transcripts of the user's turns, in turn; empty: `(speech, 1.2 s)`."""
    transcription_ms: float = 600.0
    """Wall time from a commit to its transcript; the answer may well have begun."""
    transcription_fails_on: frozenset[int] = frozenset()
    """User turns (from 1) whose transcription fails."""
    onset_ms: float = 60.0
    """Loud audio it takes for speech to have started."""

    late_ms: float = 200.0
    """Audio still in flight when a response is cancelled: it arrives all the same."""
    late_after_done: bool = False
    """That audio arrives even after the cancelled response's `response.done`."""
    settle_ms: float = 20.0
    """Wall time a cancelled response stays active; a `response.create` in it is refused."""

    ping_s: float = 10.0
    """xAI: wall time between two `ping` events."""
    session_s: float | None = None
    """Lifetime of a session; then `session_expired` and close 1001. None: the service's own."""
    refusals: tuple[Refuse, ...] = ()
    """Handshakes to refuse."""
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

    @property
    def service(self) -> Service:
        """The service it is."""
        return SERVICES[self.dialect]

    @property
    def lifetime_s(self) -> float:
        """How long a session lasts."""
        return self.service.session_s if self.session_s is None else self.session_s
