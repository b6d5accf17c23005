"""`xai_realtime`: the voice models of xAI."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mediaproviders.advanced.section import Section

KEY: Final = "xai_realtime"

type Text = Annotated[str, Field(min_length=1)]
type KeyTerms = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=50)], ...], Field(max_length=100)]


def _decided(value: object) -> object:
    raise ValueError("the agent's `interruption` decides it")


def _without_decided(schema: dict[str, Any]) -> None:
    for name in ("create_response", "interrupt_response"):
        schema["properties"].pop(name, None)


type Decided = Annotated[None, BeforeValidator(_decided)]


class TurnDetection(Section):
    """How the end of the caller's turn is found: by silence. xAI has no detector of another kind."""

    model_config = ConfigDict(json_schema_extra=_without_decided)

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(strict=True, ge=0.1, le=0.9, description="How loud speech has to be.")] | None = (
        None
    )
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
            int, Field(strict=True, ge=0, le=600_000, description="Silence of the caller after which it speaks, in ms.")
        ]
        | None
    ) = None
    create_response: Decided = None
    interrupt_response: Decided = None


class Transcription(Section):
    """How what the caller says is written down."""

    model: Text | None = Field(None, description="grok-transcribe: partial transcripts while the caller speaks.")
    language: Text | None = Field(None, description="Language to lean towards, as in BCP 47.")
    keyterms: KeyTerms | None = Field(None, description="Names and terms to expect.")


class XAISection(Section):
    """Settings of a session of an xAI voice model. What is left out is the service's default."""

    voice: Text | None = Field(None, description="Voice it speaks with: eve, ara, rex, sal, leo, …")
    speed: Annotated[float, Field(strict=True, ge=0.7, le=1.5)] | None = Field(None, description="1: as usual.")
    input_audio_transcription_model: Text | None = Field(None, description="null: the service's own choice.")
    input_audio_transcription_language: Text | None = None
    input_audio_transcription_keyterms: KeyTerms | None = None
    input_audio_transcription: Transcription | None = None
    turn_detection: TurnDetection = TurnDetection()
    reasoning_effort: Literal["none", "high"] | None = Field(None, description="Of models that reason.")
    replace: dict[Text, Text] | None = Field(None, description="Words to how they are pronounced.")

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        given = self.model_fields_set
        flat = sorted(name for name in given if name.startswith("input_audio_transcription_"))
        if flat and "input_audio_transcription" in given:
            raise ValueError(f"input_audio_transcription and {' and '.join(flat)} say the same; give one")
        return self
