"""Everything a rehearsal can choose."""

from dataclasses import dataclass

from mediaproviders.emulators.openai.faults import Fault, Refuse
from mediaproviders.emulators.openai.services import SERVICES, DialectName, Service
from mediaproviders.emulators.settings import SpokenSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings(SpokenSettings):
    """How an emulator of a realtime service behaves. The defaults are a healthy, prompt one of OpenAI's."""

    dialect: DialectName = "openai"
    """Which service it is: OpenAI, Azure OpenAI (GA or preview interface), or xAI."""
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

    transcription_ms: float = 600.0
    """Wall time from a commit to its transcript; the answer may well have begun."""
    transcription_fails_on: frozenset[int] = frozenset()
    """User turns (from 1) whose transcription fails."""

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

    @property
    def service(self) -> Service:
        """The service it is."""
        return SERVICES[self.dialect]

    @property
    def lifetime_s(self) -> float:
        """How long a session lasts."""
        return self.service.session_s if self.session_s is None else self.session_s
