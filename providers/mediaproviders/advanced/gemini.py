"""`gemini_audio`: what an agent can set of a Gemini Live session."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mediaproviders.advanced.section import Section

type Sensitivity = Literal["high", "low", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"]
type EndSensitivity = Literal["high", "low", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"]
type Milliseconds = Annotated[int, Field(ge=0, le=10_000)]
type Text = Annotated[str, Field(min_length=1)]


class ActivityDetection(Section):
    """When the service's own detector takes the caller to be speaking."""

    start_of_speech_sensitivity: Sensitivity | None = Field(None, description="How readily speech is heard.")
    end_of_speech_sensitivity: EndSensitivity | None = Field(
        None, description="How readily a turn is taken to be over."
    )
    prefix_padding_ms: Milliseconds | None = Field(None, description="Speech it takes for a turn to begin, in ms.")
    silence_duration_ms: Milliseconds | None = Field(None, description="Silence that ends a turn, in ms.")


class RealtimeInput(Section):
    """How the caller's audio becomes turns."""

    automatic_activity_detection: ActivityDetection | None = None
    activity_handling: Literal["START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"] | None = Field(
        None, description="Whether the caller's speech interrupts the model."
    )
    turn_coverage: Literal["TURN_INCLUDES_ONLY_ACTIVITY", "TURN_INCLUDES_ALL_INPUT"] | None = Field(
        None, description="Whether the silence between turns is part of them."
    )


class Thinking(Section):
    """How much the model thinks before it speaks."""

    thinking_budget: int | None = Field(None, ge=-1, le=32_768, description="Tokens; 0: none, -1: as it sees fit.")
    include_thoughts: bool | None = Field(None, description="Have summaries of its thoughts sent; they are not spoken.")


class Proactivity(Section):
    """Whether the model may stay silent."""

    proactive_audio: bool | None = Field(None, description="Let it pass over what was not meant for it.")


class PrebuiltVoice(Section):
    """A voice by its name."""

    voice_name: Text


class Voice(Section):
    """Which voice speaks."""

    prebuilt_voice_config: PrebuiltVoice


class Speech(Section):
    """How the model sounds."""

    voice_config: Voice | None = None
    language_code: Text | None = None


class SlidingWindow(Section):
    """What is kept of a context that was too long."""

    target_tokens: int | None = Field(None, ge=0)


class Compression(Section):
    """When and how the context is shortened."""

    trigger_tokens: int | None = Field(None, ge=0)
    sliding_window: SlidingWindow | None = None


class Transcription(Section):
    """How speech is written down."""

    language_codes: tuple[Text, ...] | None = Field(None, description="Languages to expect, as in `de-DE`.")
    custom_vocabulary: tuple[Text, ...] | None = Field(None, description="Names and words to expect.")


class SafetySetting(Section):
    """How strictly one kind of harm is blocked."""

    category: Literal[
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_CIVIC_INTEGRITY",
    ]
    threshold: Literal["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"]


class GeminiAudio(Section):
    """Settings of Google's native-audio models. Every key may be left out.

    What the service nests can be given flat or nested, but not both.
    """

    voice: Text | None = Field(None, description="A prebuilt voice, such as `Kore`.")
    language_code: Text | None = Field(None, description="BCP 47 code of the language spoken; not all models take one.")
    speech_config: Speech | None = None

    vad_mode: Literal["google", "silero"] = Field(
        "google",
        description="Whose detector finds the caller's turns: the service's or the server's own, which never freezes.",
    )
    start_sensitivity: Sensitivity | None = Field(None, description="How readily speech is heard (`google`).")
    end_sensitivity: EndSensitivity | None = Field(None, description="How readily a turn is over (`google`).")
    prefix_padding_ms: Milliseconds | None = Field(None, description="Speech it takes for a turn to begin, in ms.")
    silence_duration_ms: Milliseconds | None = Field(None, description="Silence that ends a turn, in ms.")
    activity_handling: Literal["START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"] | None = Field(
        None, description="Whether the caller's speech interrupts the model."
    )
    turn_coverage: Literal["TURN_INCLUDES_ONLY_ACTIVITY", "TURN_INCLUDES_ALL_INPUT"] | None = Field(
        None, description="Whether the silence between turns is part of them."
    )
    realtime_input_config: RealtimeInput | None = None

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=1, le=1000)
    seed: int | None = None
    max_output_tokens: int | None = Field(None, ge=1, le=65_536)

    thinking_budget: int | None = Field(None, ge=-1, le=32_768, description="Tokens; 0: none, -1: as it sees fit.")
    include_thoughts: bool | None = Field(None, description="Have summaries of its thoughts sent; they are not spoken.")
    thinking_config: Thinking | None = None
    affective_dialog: bool | None = Field(None, description="Let the model's tone follow the caller's mood.")
    enable_affective_dialog: bool | None = Field(None, description="The service's own name for `affective_dialog`.")
    proactive_audio: bool | None = Field(None, description="Let the model pass over what was not meant for it.")
    proactivity: Proactivity | None = None

    input_audio_transcription: bool | Transcription = Field(True, description="Write down what the caller says.")
    output_audio_transcription: bool | Transcription = Field(True, description="Write down what the model says.")
    input_audio_transcription_language: Text | None = Field(None, description="The caller's language, as in `de-DE`.")

    session_resumption: bool = Field(True, description="Ask for handles with which a lost session can be gone on with.")
    context_window_compression: bool | Compression = Field(
        True, description="Shorten a context that grows too long. Without it a session ends after 15 minutes."
    )
    google_search: bool = Field(False, description="Let the model search the web.")
    safety_settings: tuple[SafetySetting, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        """Nothing is said twice."""
        for flat, nested in _SPELLINGS:
            if getattr(self, flat) is not None and _find(self, nested) is not None:
                raise ValueError(f"{flat} is also given as {nested}; leave one out")
        return self


_DETECTION = "realtime_input_config.automatic_activity_detection"
_SPELLINGS = (
    ("voice", "speech_config.voice_config"),
    ("language_code", "speech_config.language_code"),
    ("start_sensitivity", f"{_DETECTION}.start_of_speech_sensitivity"),
    ("end_sensitivity", f"{_DETECTION}.end_of_speech_sensitivity"),
    ("prefix_padding_ms", f"{_DETECTION}.prefix_padding_ms"),
    ("silence_duration_ms", f"{_DETECTION}.silence_duration_ms"),
    ("activity_handling", "realtime_input_config.activity_handling"),
    ("turn_coverage", "realtime_input_config.turn_coverage"),
    ("thinking_budget", "thinking_config.thinking_budget"),
    ("include_thoughts", "thinking_config.include_thoughts"),
    ("affective_dialog", "enable_affective_dialog"),
    ("proactive_audio", "proactivity.proactive_audio"),
)
"""The flat and the nested name of the same setting."""


def _find(section: Section, path: str) -> object:
    found: object = section
    for key in path.split("."):
        found = getattr(found, key, None)
    return found


def setting(section: GeminiAudio, flat: str) -> object:
    """The value of a setting that has two spellings, by its flat one."""
    value: object = getattr(section, flat)
    return value if value is not None else _find(section, dict(_SPELLINGS)[flat])
