"""What sets the services of this protocol apart, as tables: one dialect each, and no branches elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mediaproviders.advanced import Section, openai, xai
from mediaproviders.contract import AudioFormat, Modality
from mediaproviders.openai_realtime import settings

ACTIVE_RESPONSE: Final = "conversation_already_has_active_response"
NO_ACTIVE_RESPONSE: Final = "response_cancel_not_active"
EXPIRED: Final = "session_expired"

type Path = tuple[str, ...]
type Reader = Callable[[Any], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one service is spoken to and understood."""

    service: str
    """Its name in sentences."""
    sections: Mapping[str, tuple[type[Section], Reader]]
    """Keys of the advanced configuration it reads, the one that wins first: how to check and how to read each."""
    places: Mapping[str, Path]
    """Where in session.update a setting goes; one that is not here the service does not take."""
    formats: Callable[[AudioFormat], object]
    """An audio format in its words."""
    constants: Mapping[str, object] = field(default_factory=dict)
    """What every session.update says besides."""
    modalities: Mapping[Modality, list[str]] = field(default_factory=lambda: {"audio": ["audio"], "text": ["text"]})
    modality_of_each_response: bool = False
    """The modality is no setting of the session but said in every response.create."""
    tool_choice_of_a_response: bool = True
    """A single response can be kept from using tools."""
    opens: frozenset[str] = frozenset({"session.created"})
    """Events that say the service is there, any of them."""
    transcription: Mapping[str, object] | None = None
    """How the caller is transcribed unless settings say otherwise."""
    no_detection: object = None
    """The value of turn_detection that switches it off."""
    detectors: Mapping[str, str] = field(default_factory=dict)
    """Kinds of turn detection it must not be asked for, and why."""
    no_nulls: frozenset[str] = frozenset()
    """Settings that are left out rather than set to null."""
    agent_text: str = "output_text"
    """The content type of a text the agent said."""
    verbatim: bool = False
    """It can be made to speak a given text, which greets better than asking the model to."""
    phrases: tuple[tuple[str, str], ...] = ()
    """Part of an error's message, in lower case, to the code it stands for: where codes cannot be relied on."""

    def code_of(self, code: str, message: str) -> str:
        """The code of an error in OpenAI's words."""
        if self.phrases:
            said = message.lower()
            return next((known for phrase, known in self.phrases if phrase in said), code)
        return code


def _media_type(audio: AudioFormat) -> dict[str, object]:
    if audio.encoding == "pcm16":
        return {"type": "audio/pcm", "rate": audio.rate}
    return {"type": f"audio/{audio.encoding}"}


_NAMES_BEFORE_MEDIA_TYPES: Final = {"pcm16": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}

GA_PLACES: Final[Mapping[str, Path]] = {
    "modality": ("output_modalities",),
    "instructions": ("instructions",),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "parallel_tool_calls": ("parallel_tool_calls",),
    "max_output_tokens": ("max_output_tokens",),
    "truncation": ("truncation",),
    "reasoning": ("reasoning",),
    "input_format": ("audio", "input", "format"),
    "transcription": ("audio", "input", "transcription"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "noise_reduction": ("audio", "input", "noise_reduction"),
    "output_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
}
BETA_PLACES: Final[Mapping[str, Path]] = {
    "modality": ("modalities",),
    "instructions": ("instructions",),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "max_output_tokens": ("max_response_output_tokens",),
    "temperature": ("temperature",),
    "input_format": ("input_audio_format",),
    "transcription": ("input_audio_transcription",),
    "turn_detection": ("turn_detection",),
    "noise_reduction": ("input_audio_noise_reduction",),
    "output_format": ("output_audio_format",),
    "voice": ("voice",),
    "speed": ("speed",),
}
XAI_PLACES: Final[Mapping[str, Path]] = {
    "instructions": ("instructions",),
    "tools": ("tools",),
    "reasoning": ("reasoning",),
    "replace": ("replace",),
    "turn_detection": ("turn_detection",),
    "voice": ("voice",),
    "input_format": ("audio", "input", "format"),
    "transcription": ("audio", "input", "transcription"),
    "output_format": ("audio", "output", "format"),
    "speed": ("audio", "output", "speed"),
}

_OPENAI_SECTIONS: Final = {openai.KEY: (openai.OpenAISection, settings.of_openai)}
_TRANSCRIPTION: Final = {"model": "gpt-4o-mini-transcribe"}
# Azure takes it, echoes it, and then never hears anybody.
_DEAF_ON_AZURE: Final = {
    "semantic_vad": "Azure accepts it but never hears the caller with it; use server_vad",
}

OPENAI: Final = Dialect(
    service="OpenAI",
    sections=_OPENAI_SECTIONS,
    places=GA_PLACES,
    formats=_media_type,
    constants={"type": "realtime"},
    transcription=_TRANSCRIPTION,
)
AZURE: Final = Dialect(
    service="Azure OpenAI",
    sections=_OPENAI_SECTIONS,
    places=GA_PLACES,
    formats=_media_type,
    constants={"type": "realtime"},
    transcription=_TRANSCRIPTION,
    detectors=_DEAF_ON_AZURE,
)
AZURE_PREVIEW: Final = Dialect(
    service="the preview interface of Azure OpenAI",
    sections=_OPENAI_SECTIONS,
    places=BETA_PLACES,
    formats=lambda audio: _NAMES_BEFORE_MEDIA_TYPES[audio.encoding],
    modalities={"audio": ["audio", "text"], "text": ["text"]},
    transcription={"model": "whisper-1"},
    detectors=_DEAF_ON_AZURE,
    no_nulls=frozenset({"noise_reduction"}),
    agent_text="text",
)
XAI: Final = Dialect(
    service="xAI",
    sections={
        xai.KEY: (xai.XAISection, settings.of_xai),
        openai.KEY: (xai.XAISection, settings.of_xai),
    },
    places=XAI_PLACES,
    formats=_media_type,
    modality_of_each_response=True,
    tool_choice_of_a_response=False,
    # Newer servers send both, in whatever order.
    opens=frozenset({"conversation.created", "session.created"}),
    no_detection={"type": None},
    verbatim=True,
    phrases=(
        ("no active response", NO_ACTIVE_RESPONSE),
        ("already has an active response", ACTIVE_RESPONSE),
        ("maximum duration", EXPIRED),
        ("incorrect api key", "invalid_api_key"),
        ("run out of credits", "insufficient_quota"),
        ("rate limit", "rate_limit_exceeded"),
        ("truncat", "item_truncate_invalid"),
    ),
)
