"""What a request is answered with. Pure: the head and the body of a request go in, an answer comes out."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mediaproviders.emulators.chat import mishaps, validation
from mediaproviders.emulators.chat.completion import Completion, Plan
from mediaproviders.emulators.chat.faults import Refuse
from mediaproviders.emulators.chat.settings import ChatSettings
from mediaproviders.emulators.openai.refusal import Refusal

PATH: Final = "/v1/chat/completions"
HEALTH_PATH: Final = "/health"
MOST_BYTES: Final = 20 * 1024 * 1024
_NO_CHAT: Final = ("realtime", "embedding", "audio", "tts", "whisper", "transcribe")
_CODES: Final = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer that is sent at once; `refused` is why, if it is a refusal."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that comes bit by bit."""

    plan: Plan
    response: str
    request: Mapping[str, Any]
    turn: int
    faults: tuple[str, ...]


class Service:
    """All requests of an emulator's life. `ids` makes an id from a prefix."""

    def __init__(self, settings: ChatSettings, ids: Callable[[str], str]) -> None:
        self._settings = settings
        self._ids = ids
        self._requests = itertools.count()
        self._answers = itertools.count(1)

    def answer(self, head: Head, body: bytes, wall: int) -> Whole | Streamed:
        """The answer to one request at `wall` s since 1970."""
        path = head.target.partition("?")[0]
        if path == HEALTH_PATH:
            return Whole(200, b'{"status":"ok"}')
        if path != PATH:
            return error(404, None, f"Invalid URL ({head.method} {path})")
        if head.method != "POST":
            return error(405, "method_not_supported", f"Not allowed to {head.method} on {PATH}.")
        refused = self._key(head.headers.get("authorization")) or self._scripted(next(self._requests))
        if refused is not None:
            return refused
        if head.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            kind = head.headers.get("content-type", "none")
            return error(400, None, f"Invalid Content-Type: expected 'application/json', but got '{kind}'.")
        return self._judged(body, wall)

    def _judged(self, body: bytes, wall: int) -> Whole | Streamed:
        try:
            request = validation.parsed(body)
        except Refusal as refusal:
            return error(400, refusal.code, refusal.message, param=refusal.param)
        model = request["model"]
        models = self._settings.models
        if not (model in models if models is not None else not any(each in model for each in _NO_CHAT)):
            text = f"The model `{model}` does not exist or you do not have access to it."
            return error(404, "model_not_found", text)
        completion = Completion(request, self._settings, self._ids("chatcmpl"), wall)
        if not request.get("stream"):
            return Whole(200, completion.whole())
        number = next(self._answers)
        plan = completion.plan()
        faults = [each for each in self._settings.faults if each.concerns(number)]
        for fault in faults:
            mishaps.spoil(plan, fault, completion)
        response = self._ids("req")
        return Streamed(plan, response, request, completion.turn.number, tuple(each.kind for each in faults))

    def _key(self, authorization: str | None) -> Whole | None:
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return error(401, None, "You didn't provide an API key in an Authorization header (Bearer).")
        accepted = self._settings.accepted_key
        if key == accepted if accepted is not None else key.startswith("sk-"):
            return None
        shown = f"{key[:4]}***{key[-4:]}" if len(key) > 8 else "***"
        return error(401, "invalid_api_key", f"Incorrect API key provided: {shown}.")

    def _scripted(self, request: int) -> Whole | None:
        refuse: Refuse | None = next((each for each in self._settings.refusals if request in each.requests), None)
        if refuse is None:
            return None
        code = refuse.code or _CODES.get(refuse.status)
        kind = "server_error" if refuse.status >= 500 else "requests"
        headers = {} if refuse.retry_after_s is None else {"Retry-After": f"{refuse.retry_after_s:g}"}
        return error(refuse.status, code, "The emulator was told to refuse this request.", kind=kind, headers=headers)


def error(
    status: int,
    code: str | None,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Whole:
    """A refusal with the service's JSON error body."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return Whole(status, orjson.dumps(body), headers or {}, refused=code or message)
