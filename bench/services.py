"""The services the server is measured with: which model, and what makes the same turns fit them all."""

from dataclasses import dataclass
from typing import Final, Literal

from mediaserver.config.providers import Providers

type ServiceName = Literal["openai", "azure", "xai", "gemini", "nova"]
"""As the emulators are named."""
type StopEvent = Literal["speech_started", "interrupted"]


@dataclass(frozen=True, slots=True)
class Service:
    """One service, and how an agent is set up for it."""

    title: str
    model: str
    """As an agent names it."""
    table: str
    """Of the server's settings."""
    advanced: tuple[str, ...] = ()
    """Settings of the agent; `{silence_ms}` stands for the silence that ends a turn."""
    stop_event: StopEvent = "speech_started"
    """What the service tells when the caller barges in: that speech began, or only that it interrupted itself."""
    wire: str = "WebSocket"

    @property
    def uplink_ms(self) -> int:
        """Caller audio in one message, as the server's settings have it by default."""
        return int(getattr(Providers(), self.table).uplink_ms)

    def agent(self, silence_ms: int) -> str:
        """Lines for the table of an agent."""
        lines = [f'model = "{self.model}"', *(line.format(silence_ms=silence_ms) for line in self.advanced)]
        return "\n".join(lines)


_OPENAI: Final = ("advanced_configuration.openai_realtime.turn_detection.silence_duration_ms = {silence_ms}",)

SERVICES: Final[dict[ServiceName, Service]] = {
    "openai": Service("OpenAI", "gpt-realtime", "openai", _OPENAI),
    "azure": Service("Azure OpenAI", "azure/gpt-realtime", "azure", _OPENAI),
    "xai": Service(
        "xAI",
        "grok-voice",
        "xai",
        (
            "advanced_configuration.xai_realtime.turn_detection.silence_duration_ms = {silence_ms}",
            # Its own default is deaf to half of what the others hear.
            "advanced_configuration.xai_realtime.turn_detection.threshold = 0.5",
        ),
    ),
    "gemini": Service(
        "Gemini Live",
        "gemini-2.5-flash-native-audio",
        "google",
        ("advanced_configuration.gemini_audio.silence_duration_ms = {silence_ms}",),
        stop_event="interrupted",
        wire="WebSocket, TLS",
    ),
    # How soon a turn is over can only be chosen roughly: the emulator is told.
    "nova": Service("Nova Sonic", "nova-2-sonic", "amazon", stop_event="interrupted", wire="HTTP/2, TLS"),
}
FLOOR_UPLINK_MS: Final = 20
"""Caller audio in one message of the floor's."""
