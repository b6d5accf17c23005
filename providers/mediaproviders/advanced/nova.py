"""`nova_sonic`: the speech models of Amazon."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mediaproviders.advanced.section import Section, nearest
from mediaproviders.models import NOVA_2_VOICES, NOVA_VOICES

KEY: Final = "nova_sonic"
VOICES: Final = {1: NOVA_VOICES, 2: NOVA_2_VOICES}
"""By generation of the model."""

_SPELLINGS: Final = {"temperature": "temperature", "top_p": "topP", "max_tokens": "maxTokens"}

type Sensitivity = Literal["HIGH", "MEDIUM", "LOW"]
type Rate = Literal[8000, 16000, 24000]
type Tokens = Annotated[int, Field(strict=True, ge=1, le=4096)]
type Share = Annotated[float, Field(strict=True, ge=0, le=1)]


def _known_voice(voice: str) -> str:
    known = sorted({*NOVA_VOICES, *NOVA_2_VOICES})
    if voice.lower() not in known:
        raise ValueError(f"no voice of Nova Sonic; {nearest(voice.lower(), known)}")
    return voice.lower()


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _spelled_out(value: object) -> object:
    """`"auto"` is short for `{"auto": {}}`, another word for the tool of that name."""
    if not isinstance(value, str):
        return value
    return {value: {}} if value in ("auto", "any") else {"tool": {"name": value}}


type Voice = Annotated[str, AfterValidator(_known_voice)]
type Endpointing = Annotated[Sensitivity, BeforeValidator(_upper)]


class Inference(Section):
    """How words are chosen, in the spelling of the service."""

    maxTokens: Tokens | None = None  # noqa: N815
    topP: Share | None = None  # noqa: N815
    temperature: Share | None = None


class TurnDetection(Section):
    """How soon a turn is over, in the spelling of the service."""

    endpointingSensitivity: Endpointing  # noqa: N815


class Nothing(Section):
    """An object without a key."""


class NamedTool(Section):
    """A tool by its name."""

    name: Annotated[str, Field(min_length=1)]


class ToolChoice(Section):
    """Which tool the model uses: what it likes (`auto`), at least one (`any`), or a certain one (`tool`)."""

    auto: Nothing | None = None
    any: Nothing | None = None
    tool: NamedTool | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of auto, any and tool")
        return self


def _or_words(schema: dict[str, Any]) -> None:
    schema["anyOf"].insert(0, {"type": "string", "description": "auto, any, or the name of a tool"})


class NovaSection(Section):
    """Settings of a session of Amazon Nova Sonic. What is left out is the server's default."""

    voice: Voice | None = Field(None, description="Voice it speaks with: matthew, tiffany, amy, …")
    temperature: Share | None = Field(None, description="0: always the likeliest word. Default 0.7.")
    top_p: Share | None = Field(None, description="Share of likely words to choose from. Default 0.9.")
    max_tokens: Tokens | None = Field(None, description="Most tokens of an answer, audio included. Default 1024.")
    endpointing_sensitivity: Endpointing | None = Field(
        None, description="How soon a turn is over: HIGH after the shortest pause. From the second generation on."
    )
    input_sample_rate: Rate | None = Field(None, description="Hz the model hears; else that of the call.")
    output_sample_rate: Rate | None = Field(None, description="Hz the model speaks; else that of the call.")
    tool_choice: Annotated[ToolChoice | None, BeforeValidator(_spelled_out)] = Field(None, json_schema_extra=_or_words)
    inferenceConfiguration: Inference | None = None  # noqa: N815
    turnDetectionConfiguration: TurnDetection | None = None  # noqa: N815

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        nested = self.inferenceConfiguration
        twice = [
            f"{flat} and inferenceConfiguration.{spelled}"
            for flat, spelled in _SPELLINGS.items()
            if getattr(self, flat) is not None and getattr(nested, spelled, None) is not None
        ]
        if self.endpointing_sensitivity is not None and self.turnDetectionConfiguration is not None:
            twice.append("endpointing_sensitivity and turnDetectionConfiguration")
        if twice:
            raise ValueError(f"{'; '.join(twice)} say the same; give one")
        return self

    @property
    def sensitivity(self) -> Sensitivity | None:
        """How soon a turn is over, in whatever spelling it was given."""
        nested = self.turnDetectionConfiguration
        return nested.endpointingSensitivity if nested is not None else self.endpointing_sensitivity

    def chosen(self, name: Literal["temperature", "top_p", "max_tokens"]) -> float | None:
        """A setting of the inference, in whatever spelling it was given."""
        nested: float | None = getattr(self.inferenceConfiguration, _SPELLINGS[name], None)
        flat: float | None = getattr(self, name)
        return flat if nested is None else nested

    def faults_of(self, generation: int) -> Iterator[str]:
        """What a model of that generation does not have, one sentence each."""
        voices = VOICES[generation]
        if self.voice is not None and self.voice not in voices:
            yield f"{KEY}.voice is {self.voice!r}: not of this generation; {nearest(self.voice, list(voices))}"
        if generation == 1 and self.sensitivity is not None:
            yield f"{KEY}.endpointing_sensitivity is for the second generation"
