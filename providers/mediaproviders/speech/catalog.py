"""Speech services by name, and the settings each of them takes: data, so that they can be checked when they are saved.

Services are imported when one is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final, Literal, cast

from mediaproviders.contract import ProviderError
from mediaproviders.speech.contract import SpeechToText, TextToSpeech

type Direction = Literal["speech_to_text", "text_to_speech"]
type Kind = Literal["text", "key", "number", "count", "flag", "texts"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a service: what kind of value it is, and within which bounds (numbers) or of which set (texts)."""

    kind: Kind = "text"
    required: bool = False
    secret: bool = False
    """Not to be shown to anyone."""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        """What the value has to be instead; None if it is right."""
        match self.kind:
            case "text":
                right = isinstance(value, str) and value != "" and (not self.choices or value in self.choices)
                return None if right else ("one of " + ", ".join(self.choices) if self.choices else "a text")
            case "key":
                right = callable(value) or (isinstance(value, str) and value != "")
                return None if right else "a text, or a coroutine function that fetches one"
            case "flag":
                return None if isinstance(value, bool) else "true or false"
            case "texts":
                right = isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value)
                return None if right else "a list of texts"
        return None if self._numeric(value) else self._bounds()

    def _numeric(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.kind == "count" else int | float):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def _bounds(self) -> str:
        what = "a whole number" if self.kind == "count" else "a number"
        least = "" if self.least is None else f" from {self.least:g}"
        return what + least + ("" if self.most is None else f" to {self.most:g}")


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    face: str
    """`module:class`."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)
    """Arguments of the class that make it this service."""


_TEXT: Final = Setting()
_KEY: Final = Setting("key", required=True, secret=True)
_SECRET: Final = Setting(secret=True)
_SECONDS: Final = Setting("number", least=0.1, most=120)
_PROCESSES: Final = Setting("count", least=1, most=16)
_WAITING: Final = {"first_audio_s": _SECONDS, "stall_s": _SECONDS}

_OPENAI_HEARING: Final = {"model": _TEXT, "language": _TEXT, "prompt": _TEXT, "timeout_s": _SECONDS}
_OPENAI_SPEAKING: Final = {
    "model": _TEXT,
    "voice": _TEXT,
    "instructions": _TEXT,
    "speed": Setting("number", least=0.25, most=4),
    **_WAITING,
}
_OPENAI: Final = {"api_key": _KEY, "base_url": _TEXT}
_AZURE: Final = {
    "api_key": _KEY,
    "base_url": Setting(required=True),
    "model": Setting(required=True),
    "api_version": _TEXT,
}
_AMAZON: Final = {
    "region": _TEXT,
    "access_key_id": _SECRET,
    "secret_access_key": _SECRET,
    "session_token": _SECRET,
    "profile": _TEXT,
    "endpoint_url": _TEXT,
    "ca_file": _TEXT,
}
_GOOGLE: Final = {"credentials_file": _TEXT, "api_key": _SECRET, "endpoint": _TEXT}

SPEECH_TO_TEXT: Final[Mapping[str, Service]] = {
    "openai": Service("mediaproviders.speech.openai:OpenAISpeechToText", {**_OPENAI, **_OPENAI_HEARING}),
    "azure": Service("mediaproviders.speech.openai:OpenAISpeechToText", {**_OPENAI_HEARING, **_AZURE}, {"azure": True}),
    "openai-live": Service("mediaproviders.speech.openai:OpenAILiveSpeechToText", {**_OPENAI, **_OPENAI_HEARING}),
    "amazon": Service(
        "mediaproviders.speech.amazon:TranscribeSpeechToText",
        {**_AMAZON, "language": _TEXT, "vocabulary": _TEXT, "timeout_s": _SECONDS},
    ),
    "google": Service(
        "mediaproviders.speech.google:GoogleSpeechToText",
        {**_GOOGLE, "language": _TEXT, "model": _TEXT, "phrases": Setting("texts"), "timeout_s": _SECONDS},
    ),
    "local": Service("mediaproviders.speech.local:LocalSpeechToText", {"processes": _PROCESSES, "timeout_s": _SECONDS}),
}
TEXT_TO_SPEECH: Final[Mapping[str, Service]] = {
    "openai": Service("mediaproviders.speech.openai:OpenAITextToSpeech", {**_OPENAI, **_OPENAI_SPEAKING}),
    "azure": Service(
        "mediaproviders.speech.openai:OpenAITextToSpeech", {**_OPENAI_SPEAKING, **_AZURE}, {"azure": True}
    ),
    "amazon": Service(
        "mediaproviders.speech.amazon:PollyTextToSpeech",
        {
            **_AMAZON,
            "voice": _TEXT,
            "engine": Setting(choices=("standard", "neural", "long-form", "generative")),
            "language": _TEXT,
            "lexicons": Setting("texts"),
            "threads": Setting("count", least=1, most=256),
            **_WAITING,
        },
    ),
    "google": Service(
        "mediaproviders.speech.google:GoogleTextToSpeech",
        {
            **_GOOGLE,
            "voice": _TEXT,
            "language": _TEXT,
            "speed": Setting("number", least=0.25, most=2),
            **_WAITING,
        },
    ),
    "local": Service(
        "mediaproviders.speech.local:LocalTextToSpeech",
        {"voice": _TEXT, "processes": _PROCESSES, "pause_ms": Setting("count", least=0, most=5000)},
    ),
}
_SERVICES: Final[Mapping[Direction, Mapping[str, Service]]] = {
    "speech_to_text": SPEECH_TO_TEXT,
    "text_to_speech": TEXT_TO_SPEECH,
}


def find(direction: Direction, service: str) -> Service:
    """The service of that name. Raises ValueError naming the nearest known one."""
    known = _SERVICES[direction]
    if service in known:
        return known[service]
    raise ValueError(f"{direction} service {service!r} is unknown; {_nearest(service, known)}")


def faults(direction: Direction, service: str, settings: Mapping[str, object]) -> list[str]:
    """What is wrong with these settings of a service, one sentence each. Nothing is imported for it."""
    try:
        known = find(direction, service).settings
    except ValueError as fault:
        return [str(fault)]
    path, found = f"{direction} {service}", []
    for name, value in settings.items():
        setting = known.get(name)
        if setting is None:
            found.append(f"{path}: {name} is unknown; {_nearest(name, known)}")
        elif (wanted := setting.fault(value)) is not None:
            shown = "" if setting.secret else f" {value!r}"
            found.append(f"{path}: {name}{shown} has to be {wanted}")
    missing = [name for name, setting in known.items() if setting.required and name not in settings]
    return found + [f"{path}: {name} is missing" for name in missing]


def build_speech_to_text(service: str, settings: Mapping[str, object]) -> SpeechToText:
    """A recogniser. Raises ValueError for an unknown name or wrong settings, ProviderError if it cannot be made."""
    return cast(SpeechToText, _build("speech_to_text", service, settings))


def build_text_to_speech(service: str, settings: Mapping[str, object]) -> TextToSpeech:
    """A voice. Raises ValueError for an unknown name or wrong settings, ProviderError if it cannot be made."""
    return cast(TextToSpeech, _build("text_to_speech", service, settings))


def _build(direction: Direction, service: str, settings: Mapping[str, object]) -> Any:
    entry = find(direction, service)
    found = faults(direction, service, settings)
    if found:
        raise ValueError("; ".join(found))
    module, _, attribute = entry.face.partition(":")
    try:
        made = getattr(import_module(module), attribute)
    except ImportError as error:
        raise ProviderError(f"{service} is not installed: {error}", code="not-installed", retryable=False) from error
    return made(**settings, **entry.fixed)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.4)
    if close:
        return f"did you mean {close[0]}?"
    return "known are " + ", ".join(sorted(known)) if known else "it takes no settings"
