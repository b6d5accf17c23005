"""Whether a connection may become a session: path, key, model, and the refusals of the script."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import orjson

from mediaproviders.emulators.openai.settings import EmulatorSettings

PATH = "/v1/realtime"
HEALTH_PATH = "/health"
MODEL_PREFIXES = ("gpt-realtime", "gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer instead of a session; `body` is JSON."""

    status: int
    body: bytes
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """The session that a request opens."""

    model: str
    call: str | None
    """The client's own name for it: the query's `call`, or the header `X-Call`."""


def admit(
    target: str, authorization: str | None, call: str | None, beta: str | None, settings: EmulatorSettings
) -> Admission | HttpAnswer:
    """Judge a request by its target and its headers Authorization, X-Call and OpenAI-Beta."""
    url = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if url.path == HEALTH_PATH:
        return HttpAnswer(200, b'{"status":"ok"}')
    if url.path != PATH:
        return error(404, "not_found", f"Invalid URL (GET {url.path})", kind="invalid_request_error")
    refused = _key(authorization, settings)
    if refused is not None:
        return refused
    if beta is not None:
        return error(400, "beta_api_shape_disabled", "The Realtime Beta API is no longer supported; use the GA API.")
    model = query.get("model")
    if model is None:
        return error(400, "missing_required_parameter", "Missing required parameter: 'model'.", param="model")
    known = model in settings.models if settings.models is not None else model.startswith(MODEL_PREFIXES)
    if not known:
        return error(404, "model_not_found", f"The model `{model}` does not exist or you do not have access to it.")
    return Admission(model, query.get("call", call))


def refusal(connection: int, settings: EmulatorSettings) -> HttpAnswer | None:
    """What the script answers the nth connection with, counted from 0; None: nothing, it may try."""
    for each in settings.refusals:
        if connection in each.connections:
            code = {429: "rate_limit_exceeded", 401: "invalid_api_key", 403: "insufficient_quota"}.get(each.status)
            message = "The emulator was told to refuse this connection."
            answer = error(each.status, code or "server_error", message, kind="server_error")
            return HttpAnswer(answer.status, answer.body, each.retry_after_s)
    return None


def error(
    status: int, code: str, message: str, *, kind: str = "invalid_request_error", param: str | None = None
) -> HttpAnswer:
    """An answer with the service's JSON error body."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return HttpAnswer(status, orjson.dumps(body))


def _key(authorization: str | None, settings: EmulatorSettings) -> HttpAnswer | None:
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        return error(401, "missing_api_key", "Missing bearer authentication in header")
    right = key == settings.accepted_key if settings.accepted_key is not None else key.startswith("sk-")
    shown = f"{key[:4]}***{key[-4:]}" if len(key) > 8 else "***"
    return None if right else error(401, "invalid_api_key", f"Incorrect API key provided: {shown}.")
