"""Who may ask: the three kinds of paths, and the credentials that go with each."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mediaproviders.emulators.speech_services.openai.refusal import Refusal
from mediaproviders.emulators.speech_services.openai.requests import SPEECH_MODELS, TRANSCRIPTION_MODELS
from mediaproviders.emulators.speech_services.openai.settings import OpenAISpeechSettings

type Endpoint = Literal["speech", "transcriptions"]

_PATH: Final = re.compile(
    r"(?P<prefix>/v1|/openai/v1|/openai/deployments/(?P<deployment>[^/]+))/audio/(?P<endpoint>speech|transcriptions)"
)
_OPENAI: Final = {name: name for name in SPEECH_MODELS | TRANSCRIPTION_MODELS}
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


@dataclass(frozen=True, slots=True)
class Admission:
    """A request let in."""

    endpoint: Endpoint
    model: Callable[[str], str | None]
    """OpenAI's name of the model a client's name means; None: there is no such model."""


def admit(path: str, query: Mapping[str, str], headers: Mapping[str, str], settings: OpenAISpeechSettings) -> Admission:
    """Let a request in. Raises Refusal."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise Refusal(404, None, f"Invalid URL (POST {path})")
    endpoint: Endpoint = "speech" if match["endpoint"] == "speech" else "transcriptions"
    if match["prefix"] == "/v1":
        _check_key(headers, settings)
        return Admission(endpoint, _OPENAI.get)
    _check_azure(headers, settings)
    version = query.get("api-version")
    if match["deployment"] is None:
        if version is not None and _DATED.fullmatch(version):
            raise Refusal(400, "BadRequest", f"api-version {version} is not allowed on the /openai/v1 path")
        return Admission(endpoint, settings.deployments.get)
    if version is None or not _DATED.fullmatch(version):
        raise Refusal(404, "404", "Resource not found")
    model = settings.deployments.get(match["deployment"])
    if model is None:
        raise Refusal(404, "DeploymentNotFound", "The API deployment for this resource does not exist.")
    # The path decides; what the body calls the model is of no interest.
    return Admission(endpoint, lambda _: model)


def enter(headers: Mapping[str, str], settings: OpenAISpeechSettings, *, azure: bool) -> None:
    """Check the credentials of a WebSocket handshake. Raises Refusal."""
    (_check_azure if azure else _check_key)(headers, settings)


def _check_key(headers: Mapping[str, str], settings: OpenAISpeechSettings) -> None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or not key:
        raise Refusal(401, None, "You didn't provide an API key.")
    if not _right(key, settings):
        raise Refusal(401, "invalid_api_key", f"Incorrect API key provided: {key[:3]}***.")


def _check_azure(headers: Mapping[str, str], settings: OpenAISpeechSettings) -> None:
    key = headers.get("api-key")
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if key is not None and _right(key, settings):
        return
    if key is None and scheme == "Bearer" and (token == settings.accepted_token or _right(token, settings)):
        return
    raise Refusal(401, "401", "Access denied due to invalid subscription key or wrong API endpoint.")


def _right(key: str, settings: OpenAISpeechSettings) -> bool:
    return key.startswith("sk-") if settings.accepted_key is None else key == settings.accepted_key
