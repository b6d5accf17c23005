"""`openai_realtime`: models that speak OpenAI's realtime protocol, of OpenAI itself and of Azure."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mediaproviders.advanced.section import Section

KEY: Final = "openai_realtime"

type Text = Annotated[str, Field(min_length=1)]
type Effort = Literal["minimal", "low", "medium", "high", "xhigh"]


def _spelled_out(value: object) -> object:
    """`"near_field"` is short for `{"type": "near_field"}`."""
    return {"type": value} if isinstance(value, str) else value


def _or_one_of(*words: str) -> Callable[[dict[str, Any]], None]:
    return lambda schema: schema["anyOf"].insert(0, {"enum": list(words)})


def _decided(value: object) -> object:
    raise ValueError("the agent's `interruption` decides it")


def _without_decided(schema: dict[str, Any]) -> None:
    for name in ("create_response", "interrupt_response"):
        schema["properties"].pop(name, None)


type Decided = Annotated[None, BeforeValidator(_decided)]

_OF_SERVER_VAD: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
_OF_SEMANTIC_VAD: Final = ("eagerness",)


class TurnDetection(Section):
    """How the end of the caller's turn is found: by silence (`server_vad`) or by meaning (`semantic_vad`)."""

    model_config = ConfigDict(json_schema_extra=_without_decided)

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: Annotated[float, Field(strict=True, ge=0, le=1, description="How loud speech has to be.")] | None = None
    prefix_padding_ms: (
        Annotated[
            int,
            Field(strict=True, ge=0, le=10_000, description="Audio from before the speech that belongs to it, in ms."),
        ]
        | None
    ) = None
    silence_duration_ms: (
        Annotated[int, Field(strict=True, ge=0, le=10_000, description="Silence that ends a turn, in ms.")] | None
    ) = None
    idle_timeout_ms: (
        Annotated[
            int,
            Field(strict=True, ge=5000, le=30_000, description="Silence of the caller after which it speaks, in ms."),
        ]
        | None
    ) = None
    eagerness: Literal["auto", "low", "medium", "high"] | None = Field(None, description="How soon a turn is over.")
    create_response: Decided = None
    interrupt_response: Decided = None

    @model_validator(mode="after")
    def _of_one_detector(self) -> Self:
        wrong = _OF_SERVER_VAD if self.type == "semantic_vad" else _OF_SEMANTIC_VAD
        misplaced = [name for name in wrong if getattr(self, name) is not None]
        if misplaced:
            other = "server_vad" if self.type == "semantic_vad" else "semantic_vad"
            raise ValueError(f"{' and '.join(misplaced)} of {other} cannot be combined with {self.type}")
        return self


class NoiseReduction(Section):
    """Noise taken out of the caller's audio before it is heard."""

    type: Literal["near_field", "far_field"] = Field(description="A microphone near (a handset) or far (a room).")
    strength: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None


class Transcription(Section):
    """The model beside the realtime model that writes down what the caller says."""

    model: Text | None = Field(None, description="Its name; with Azure the name of a deployment.")
    language: Text | None = Field(None, description="Language expected, as in ISO 639-1.")
    prompt: Text | None = Field(None, description="Words or a style to expect.")


class TokenLimits(Section):
    """Limits of the conversation kept."""

    post_instructions: Annotated[int, Field(strict=True, ge=1)] | None = None


class Truncation(Section):
    """What is dropped when the conversation outgrows the model: `auto`, nothing, or the oldest down to a share."""

    type: Literal["auto", "disabled", "retention_ratio"]
    retention_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    token_limits: TokenLimits | None = None

    @model_validator(mode="after")
    def _a_ratio_where_it_belongs(self) -> Self:
        retains = self.type == "retention_ratio"
        if retains and self.retention_ratio is None:
            raise ValueError("retention_ratio is missing")
        if not retains and (self.retention_ratio is not None or self.token_limits is not None):
            raise ValueError(f"retention_ratio and token_limits cannot be combined with {self.type}")
        return self


Noise = Annotated[NoiseReduction | None, BeforeValidator(_spelled_out)]


class OpenAISection(Section):
    """Settings of a session of an OpenAI or Azure OpenAI realtime model. What is left out is the service's default."""

    voice: Text | None = Field(
        None, description="Voice it speaks with: alloy, coral, marin, …, or voice_… of one's own."
    )
    speed: Annotated[float, Field(strict=True, ge=0.25, le=1.5)] | None = Field(None, description="1: as usual.")
    input_audio_transcription_model: Text | None = Field(None, description="null: the caller is not transcribed.")
    input_audio_transcription_language: Text | None = None
    input_audio_transcription_prompt: Text | None = None
    input_audio_transcription: Transcription | None = Field(None, description="null: the caller is not transcribed.")
    turn_detection: TurnDetection = TurnDetection()
    noise_reduction: Noise = Field(None, json_schema_extra=_or_one_of("near_field", "far_field"))
    input_audio_noise_reduction: Noise = Field(None, json_schema_extra=_or_one_of("near_field", "far_field"))
    temperature: Annotated[float, Field(strict=True, ge=0.6, le=1.2)] | None = Field(
        None, description="Only where the service takes one: Azure's preview interface."
    )
    reasoning_effort: Effort | None = Field(None, description="Of models that reason (gpt-realtime-2 and later).")
    parallel_tool_calls: bool | None = None
    truncation: Annotated[Truncation | None, BeforeValidator(_spelled_out)] = Field(
        None, json_schema_extra=_or_one_of("auto", "disabled")
    )

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        given = self.model_fields_set
        if {"noise_reduction", "input_audio_noise_reduction"} <= given:
            raise ValueError("noise_reduction and input_audio_noise_reduction are the same; give one")
        flat = sorted(name for name in given if name.startswith("input_audio_transcription_"))
        if flat and "input_audio_transcription" in given:
            raise ValueError(f"input_audio_transcription and {' and '.join(flat)} say the same; give one")
        return self
