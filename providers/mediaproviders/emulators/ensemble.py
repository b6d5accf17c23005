"""All emulators by name, made alike: for a rehearsal of one service, or of all of them in one process."""

import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

from mediaproviders.emulators.pace import Pace

TEXT_SERVICES: Final = ("chat",)
"""They have a pace of words."""


class Emulator(AbstractAsyncContextManager[Any], Protocol):
    """A service on a real socket while it is entered."""

    @property
    def url(self) -> str:
        """What a client of the service is given."""

    async def serve_forever(self) -> None:
        """Listen until cancelled."""


@dataclass(frozen=True, slots=True)
class _Service:
    face: str
    """`module:emulator,settings`."""
    table: str
    """Whose table of the server's settings reaches it; empty: it is named by an agent's speech service."""
    address: str
    """The setting that takes its address."""
    key: Mapping[str, object]
    """What else reaches it."""
    fixed: Mapping[str, object]
    """Settings that make it this service."""
    encrypted: bool = False
    extra: str = ""
    """What has to be installed for it besides the rest."""


_OPENAI: Final = "mediaproviders.emulators.openai:OpenAIEmulator,EmulatorSettings"
_SPEECH: Final = "mediaproviders.emulators.speech_services"
_AWS_KEYS: Final = {
    "region": "us-east-1",
    "access_key_id": "AKIAREHEARSAL",
    "secret_access_key": "secret-AKIAREHEARSAL",
}

_SERVICES: Final[Mapping[str, _Service]] = {
    "openai": _Service(_OPENAI, "openai", "base_url", {"api_key": "sk-rehearsal"}, {}),
    "azure": _Service(_OPENAI, "azure", "endpoint", {"api_key": "azure-rehearsal"}, {"dialect": "azure"}),
    "azure-preview": _Service(
        _OPENAI,
        "azure",
        "endpoint",
        {"api_key": "azure-rehearsal", "api_version": "2025-04-01-preview"},
        {"dialect": "azure-preview"},
    ),
    "xai": _Service(_OPENAI, "xai", "base_url", {"api_key": "xai-rehearsal"}, {"dialect": "xai"}),
    "gemini": _Service(
        "mediaproviders.emulators.gemini:GeminiEmulator,GeminiSettings",
        "google",
        "base_url",
        {"api_key": "AIza-rehearsal"},
        {},
        encrypted=True,
    ),
    "nova": _Service(
        "mediaproviders.emulators.nova:NovaEmulator,NovaSettings",
        "amazon",
        "endpoint_url",
        _AWS_KEYS,
        {},
        encrypted=True,
    ),
    "chat": _Service(
        "mediaproviders.emulators.chat:ChatEmulator,ChatSettings", "chat", "base_url", {"api_key": "sk-rehearsal"}, {}
    ),
    "speech": _Service(f"{_SPEECH}.openai:OpenAISpeechEmulator,OpenAISpeechSettings", "", "base_url", {}, {}),
    "polly": _Service(f"{_SPEECH}.polly:PollyEmulator,PollySettings", "", "endpoint_url", {}, {}),
    "openai-live": _Service(f"{_SPEECH}.openai:OpenAILiveEmulator,OpenAISpeechSettings", "", "base_url", {}, {}),
    "transcribe": _Service(
        f"{_SPEECH}.transcribe:TranscribeEmulator,TranscribeSettings", "", "endpoint_url", {}, {}, encrypted=True
    ),
    "google-speech": _Service(
        f"{_SPEECH}.google:GoogleSpeechEmulator,GoogleSpeechSettings", "", "endpoint", {}, {}, extra="google-speech"
    ),
}

NAMES: Final = tuple(_SERVICES)
"""The services there are emulators of, in the order of their ports."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What an emulator of any service can be asked for; it takes what it has."""

    host: str = "127.0.0.1"
    latency_ms: float = 300.0
    """From the end of a turn to the first audio."""
    rate: float = 5.0
    """Speed of audio, times real time; 0: a whole answer at once."""
    answer_ms: int | None = None
    answer_wav: Path | None = None
    session_s: float | None = None
    """Lifetime of a session; None: the service's own."""
    key: str | None = None
    """The only API key accepted."""
    timeline: Path | None = None
    certificates: Path | None = None
    """Directory that the identities of encrypted services are written to."""


def build(name: str, asked: Rehearsal, port: int = 0, **more: object) -> Emulator:
    """The emulator of a service; `more` are settings of its own.

    Raises KeyError for an unknown name, ImportError where an extra is not installed.
    """
    service = _SERVICES[name]
    module, _, faces = service.face.partition(":")
    try:
        loaded = import_module(module)
    except ImportError as error:
        if not service.extra:
            raise
        raise ImportError(f"{name} needs the extra {service.extra}: {error}") from error
    emulator, settings = (getattr(loaded, face) for face in faces.split(","))
    given: dict[str, object] = {"host": asked.host, "port": port, "timeline_path": asked.timeline, **service.fixed}
    known = settings.__dataclass_fields__
    if name not in TEXT_SERVICES:
        given["pace"] = Pace(first_audio_ms=asked.latency_ms, rate=asked.rate or math.inf)
    optional = {
        "answer_ms": asked.answer_ms,
        "answer_wav": asked.answer_wav,
        "session_s": asked.session_s,
        "accepted_key": asked.key,
        "certificates": asked.certificates and asked.certificates / name,
    }
    given |= {field: value for field, value in optional.items() if value is not None and field in known}
    return cast(Emulator, emulator(settings(**given, **more)))


def access(name: str, emulator: Emulator) -> dict[str, dict[str, object]]:
    """What the server's settings say to reach it: provider's table to settings; none for a speech service."""
    service = _SERVICES[name]
    if not service.table:
        return {}
    reach: dict[str, object] = {service.address: emulator.url, **service.key}
    if service.encrypted:
        reach["ca_file"] = str(cast(Any, emulator).certificates.authority)
    return {service.table: reach}


def as_toml(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Tables of `[providers.…]` for mediaserver.toml."""
    return "\n".join(
        f"[providers.{table}]\n" + "".join(f'{name} = "{value}"\n' for name, value in settings.items())
        for table, settings in tables.items()
    )
