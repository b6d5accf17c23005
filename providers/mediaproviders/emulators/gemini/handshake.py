"""Whether a connection may become a session: path, key or token, and the refusals of the script."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import orjson

from mediaproviders.emulators.gemini.settings import GeminiSettings

HEALTH_PATH: Final = "/health"
_DEVELOPER: Final = re.compile(
    r"/ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)\.GenerativeService\.BidiGenerateContent"
)
_VERTEX: Final = re.compile(r"/ws/google\.cloud\.aiplatform\.(v1|v1beta1)\.LlmBidiService/BidiGenerateContent")
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer instead of a session; `body` is JSON."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Admission:
    """The session that a request opens."""

    vertex: bool
    version: str
    key_is_valid: bool
    """The Developer API looks at the key only after the connection stands."""
    call: str | None
    """The client's own name for it, the header `X-Call`."""


def admit(
    target: str, key: str | None, authorization: str | None, call: str | None, settings: GeminiSettings
) -> Admission | HttpAnswer:
    """Judge a request by its target and its headers x-goog-api-key, Authorization and X-Call."""
    url = urlsplit(target if not target.startswith("//") else "/" + target.lstrip("/"))
    path = re.sub(r"/+", "/", url.path)
    if path == HEALTH_PATH:
        return HttpAnswer(200, b'{"status":"ok"}')
    if found := _DEVELOPER.fullmatch(path):
        key = key or next(iter(parse_qs(url.query).get("key", [])), None)
        if not key:
            return error(403, "Method doesn't allow unregistered callers. Please use API Key or other credentials.")
        valid = key == settings.accepted_key if settings.accepted_key is not None else key.startswith("AIza")
        return Admission(False, found[1], valid, call)
    if found := _VERTEX.fullmatch(path):
        scheme, _, token = (authorization or "").partition(" ")
        right = token == settings.accepted_token if settings.accepted_token is not None else bool(token)
        if scheme.lower() != "bearer" or not right:
            return error(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")
        return Admission(True, found[1], True, call)
    return error(404, f"The requested URL {path} was not found on this server.")


def refusal(connection: int, settings: GeminiSettings) -> HttpAnswer | None:
    """What the script answers the nth connection with, counted from 0; None: nothing, it may try."""
    for each in settings.refusals:
        if connection in each.connections:
            return error(each.status, "The emulator was told to refuse this connection.")
    return None


def error(status: int, message: str) -> HttpAnswer:
    """An answer with the service's JSON error body."""
    body = {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}}
    return HttpAnswer(status, orjson.dumps(body))
