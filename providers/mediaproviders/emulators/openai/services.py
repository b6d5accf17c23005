"""What sets the emulated services apart that is no matter of shapes: addresses, keys, limits, voices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from openai.types.realtime.realtime_audio_config_output_param import Voice

from mediaproviders.emulators.openai.shapes import literals_of

type DialectName = Literal["openai", "azure", "azure-preview", "xai"]

VOICES: Final = frozenset(str(each) for each in literals_of(Voice))
_NEWER_VOICES: Final = frozenset({"marin", "cedar"})
_OPENAI_MODELS: Final = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime")
_XAI_VOICES: Final = (
    "eve", "ara", "rex", "sal", "leo", "carina", "zagan", "helix", "orion", "luna", "iris", "altair", "zenith",
    "perseus", "helios", "lux", "kepler", "rigel", "cosmo", "celeste", "ursa", "sirius", "lumen", "castor", "naksh",
    "atlas",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What values a session takes."""

    voices: frozenset[str]
    voices_any_case: bool = False
    speed: tuple[float, float] = (0.25, 1.5)
    threshold: tuple[float, float] = (0.0, 1.0)
    idle_timeout_ms: tuple[int, int] = (5000, 30000)
    pcm_rates: frozenset[int] = frozenset({24000})


@dataclass(frozen=True, slots=True)
class Service:
    """One service that speaks the protocol."""

    path: str
    base: str
    """Path of the base URL that its provider class takes."""
    limits: Limits
    session_s: float
    """Lifetime of a session."""
    models: tuple[str, ...]
    """How names of its models begin."""
    model_parameter: str = "model"
    """The query parameter that names the model."""
    default_model: str | None = None
    """The model of a request that names none; None: such a request is refused."""
    key_prefix: str = ""
    """How keys begin."""
    takes_key_header: bool = False
    """It takes a key in the header `api-key`, too."""
    api_version: Literal["refused", "needed"] | None = None
    dead_detectors: frozenset[str] = frozenset()
    """Kinds of turn detection it accepts and then never finds anything with."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What a new session has that OpenAI's has not."""
    transcribes_by_deployment: bool = False
    """The model that transcribes is one of its own deployments."""


SERVICES: Final[Mapping[str, Service]] = {
    "openai": Service(
        path="/v1/realtime",
        base="/v1",
        limits=Limits(VOICES),
        session_s=3600.0,
        models=("gpt-realtime", "gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview"),
        key_prefix="sk-",
    ),
    "azure": Service(
        path="/openai/v1/realtime",
        base="",
        limits=Limits(VOICES),
        session_s=1800.0,
        models=_OPENAI_MODELS,
        takes_key_header=True,
        api_version="refused",
        dead_detectors=frozenset({"semantic_vad"}),
        transcribes_by_deployment=True,
    ),
    "azure-preview": Service(
        path="/openai/realtime",
        base="",
        limits=Limits(VOICES - _NEWER_VOICES),
        session_s=1800.0,
        models=_OPENAI_MODELS,
        model_parameter="deployment",
        takes_key_header=True,
        api_version="needed",
        dead_detectors=frozenset({"semantic_vad"}),
        defaults={"temperature": 0.8, "audio": {"input": {"turn_detection": {"silence_duration_ms": 200}}}},
        transcribes_by_deployment=True,
    ),
    "xai": Service(
        path="/v1/realtime",
        base="/v1",
        limits=Limits(
            frozenset(_XAI_VOICES),
            voices_any_case=True,
            speed=(0.7, 1.5),
            threshold=(0.1, 0.9),
            idle_timeout_ms=(0, 600_000),
            pcm_rates=frozenset({8000, 16000, 24000, 32000, 48000}),
        ),
        session_s=1800.0,
        models=("grok-voice",),
        default_model="grok-voice-latest",
        key_prefix="xai-",
        defaults={
            "audio": {
                "input": {"transcription": {}, "turn_detection": {"threshold": 0.85, "prefix_padding_ms": 333}},
                "output": {"voice": "eve"},
            }
        },
    ),
}
assert set(SERVICES) == set(get_args(DialectName.__value__))
