"""Whether a connection may become a session: path, key, model, and the refusals of the script."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import orjson

from mediaproviders.emulators.openai.settings import EmulatorSettings

HEALTH_PATH = "/health"


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


def admit(target: str, headers: Mapping[str, str], settings: EmulatorSettings) -> Admission | HttpAnswer:
    """Judge a request by its target and its headers."""
    url, service = urlsplit(target), settings.service
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if url.path == HEALTH_PATH:
        return HttpAnswer(200, b'{"status":"ok"}')
    if url.path != service.path:
        return _nothing_there(url.path, settings)
    if service.api_version == "refused" and "api-version" in query:
        return error(401, "401", "Access denied: this endpoint takes no api-version.", settings)
    if service.api_version == "needed" and "api-version" not in query:
        return error(404, "404", "Resource not found", settings)
    refused = _credentials(headers, settings)
    if refused is not None:
        return refused
    if settings.dialect == "openai" and headers.get("OpenAI-Beta") is not None:
        told = "The Realtime Beta API is no longer supported; use the GA API."
        return error(400, "beta_api_shape_disabled", told, settings)
    name = service.model_parameter
    model = query.get(name, service.default_model)
    if model is None:
        return error(400, "missing_required_parameter", f"Missing required parameter: '{name}'.", settings, param=name)
    known = model in settings.models if settings.models is not None else model.startswith(service.models)
    if not known:
        return _no_model(model, settings)
    return Admission(model, query.get("call", headers.get("X-Call")))


def refusal(connection: int, settings: EmulatorSettings) -> HttpAnswer | None:
    """What the script answers the nth connection with, counted from 0; None: nothing, it may try."""
    for each in settings.refusals:
        if connection in each.connections:
            code = {429: "rate_limit_exceeded", 401: "invalid_api_key", 403: "insufficient_quota"}.get(each.status)
            if settings.dialect.startswith("azure"):
                code = str(each.status)
            message = "The emulator was told to refuse this connection."
            answer = error(each.status, code or "server_error", message, settings, kind="server_error")
            return HttpAnswer(answer.status, answer.body, each.retry_after_s)
    return None


def error(
    status: int,
    code: str,
    message: str,
    settings: EmulatorSettings,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
) -> HttpAnswer:
    """An answer with the service's JSON error body."""
    match settings.dialect:
        case "openai":
            body: dict[str, object] = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        case "xai":
            body = {"code": "The request was refused", "error": message}
        case _:
            body = {"error": {"code": code, "message": message}}
    return HttpAnswer(status, orjson.dumps(body))


def _nothing_there(path: str, settings: EmulatorSettings) -> HttpAnswer:
    if settings.dialect.startswith("azure"):
        return error(404, "404", "Resource not found", settings)
    return error(404, "not_found", f"Invalid URL (GET {path})", settings)


def _no_model(model: str, settings: EmulatorSettings) -> HttpAnswer:
    if settings.dialect.startswith("azure"):
        return error(404, "DeploymentNotFound", "The API deployment for this resource does not exist.", settings)
    told = f"The model `{model}` does not exist or you do not have access to it."
    return error(404, "model_not_found", told, settings)


def _credentials(headers: Mapping[str, str], settings: EmulatorSettings) -> HttpAnswer | None:
    scheme, _, bearer = (headers.get("Authorization") or "").partition(" ")
    bearer = bearer if scheme.lower() == "bearer" else ""
    if settings.service.takes_key_header:
        return _azure_credentials(headers.get("api-key"), bearer, settings)
    if not bearer:
        return error(401, "missing_api_key", "Missing bearer authentication in header", settings)
    if _is_right(bearer, settings):
        return None
    shown = f"{bearer[:4]}***{bearer[-4:]}" if len(bearer) > 8 else "***"
    return error(401, "invalid_api_key", f"Incorrect API key provided: {shown}.", settings)


def _azure_credentials(key: str | None, bearer: str, settings: EmulatorSettings) -> HttpAnswer | None:
    """A key in its own header, or as a bearer as well as a token of Entra ID."""
    right_token = bool(bearer) and (settings.accepted_token is None or bearer == settings.accepted_token)
    right = _is_right(key, settings) if key else right_token or (bool(bearer) and bearer == settings.accepted_key)
    if right:
        return None
    return error(401, "401", "Access denied due to invalid subscription key, token, or wrong API endpoint.", settings)


def _is_right(key: str, settings: EmulatorSettings) -> bool:
    accepted = settings.accepted_key
    return key == accepted if accepted is not None else key.startswith(settings.service.key_prefix)
