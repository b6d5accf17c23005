"""The shapes of a client's events: which fields each has, and what may be in them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from mediaproviders.models import NOVA_2_VOICES, NOVA_VOICES

VOICES: Final = {1: frozenset(NOVA_VOICES), 2: frozenset(NOVA_2_VOICES)}
RATES: Final = (8000, 16000, 24000)


class Violation(Exception):  # noqa: N818 - it is the service's answer, not a failure of ours
    """A client event is not accepted. The stream ends with a `validationException`."""


type Check = Callable[[object], bool]
type Shape = Mapping[str, Check | Mapping[str, Any]]


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _exactly(*allowed: object) -> Check:
    return lambda value: value in allowed and type(value) in {type(each) for each in allowed}


def _number(low: float, high: float) -> Check:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _tools(value: object) -> bool:
    return isinstance(value, list) and all(_is_tool(each) for each in value)


def _is_tool(value: object) -> bool:
    match value:
        case {"toolSpec": {"name": str(), "description": str(), "inputSchema": {"json": str(schema), **more}, **rest}}:
            return not more and set(rest) <= set() and is_json_object(schema)
        case _:
            return False


def _tool_choice(value: object) -> bool:
    match value:
        case {"auto": {}, **rest} | {"any": {}, **rest} | {"tool": {"name": str()}, **rest}:
            return not rest
        case _:
            return False


def is_json_object(text: str) -> bool:
    """`text` is JSON, and an object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


_PLAIN: Final = {"mediaType": _exactly("text/plain")}
_JSON: Final = {"mediaType": _exactly("application/json")}
_AUDIO: Final[dict[str, Check | Mapping[str, Any]]] = {
    "mediaType": _exactly("audio/lpcm"),
    "sampleRateHertz": _exactly(*RATES),
    "sampleSizeBits": _exactly(16),
    "channelCount": _exactly(1),
    "encoding": _exactly("base64"),
    "audioType": _exactly("SPEECH"),
}

# A "?" before a name: it may be left out.
SHAPES: Final[Mapping[str, Shape]] = {
    "sessionStart": {
        "inferenceConfiguration": {
            "maxTokens": _whole(1, 4096),
            "topP": _number(0, 1),
            "temperature": _number(0, 1),
        },
        "?turnDetectionConfiguration": {"endpointingSensitivity": _exactly("HIGH", "MEDIUM", "LOW")},
    },
    "promptStart": {
        "promptName": _text,
        "textOutputConfiguration": _PLAIN,
        "audioOutputConfiguration": {**_AUDIO, "voiceId": _text},
        "?toolUseOutputConfiguration": _JSON,
        "?toolConfiguration": {"tools": _tools, "?toolChoice": _tool_choice},
    },
    "contentStart": {
        "promptName": _text,
        "contentName": _text,
        "type": _exactly("TEXT", "AUDIO", "TOOL"),
        "interactive": _exactly(True, False),
        "role": _exactly("SYSTEM", "USER", "ASSISTANT", "TOOL"),
        "?textInputConfiguration": _PLAIN,
        "?audioInputConfiguration": _AUDIO,
        "?toolResultInputConfiguration": {
            "toolUseId": _text,
            "type": _exactly("TEXT"),
            "textInputConfiguration": {"mediaType": _exactly("text/plain", "application/json")},
        },
    },
    "textInput": {"promptName": _text, "contentName": _text, "content": _text},
    "audioInput": {"promptName": _text, "contentName": _text, "content": _text},
    "toolResult": {"promptName": _text, "contentName": _text, "content": _text},
    "contentEnd": {"promptName": _text, "contentName": _text},
    "promptEnd": {"promptName": _text},
    "sessionEnd": {},
}


def parsed(payload: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and fields of the event in `payload`. Raises Violation."""
    try:
        event = orjson.loads(payload)["event"]
        ((kind, fields),) = event.items()
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise Violation('Unable to parse input chunk. Please check that it is {"event": {name: {…}}}.') from None
    if kind not in SHAPES:
        raise Violation(f"Invalid input request: unknown event '{kind}'.")
    if not isinstance(fields, dict):
        raise Violation(f"Invalid input request: '{kind}' is no object.")
    return kind, fields


def check(kind: str, fields: Mapping[str, Any]) -> None:
    """Whether an event's fields are as they have to be. Raises Violation."""
    _check(kind, fields, SHAPES[kind])


def _check(path: str, fields: Mapping[str, Any], shape: Shape) -> None:
    for name, wanted in shape.items():
        key = name.removeprefix("?")
        if key not in fields:
            if not name.startswith("?"):
                raise Violation(f"Invalid input request: '{path}.{key}' is missing.")
            continue
        value = fields[key]
        if isinstance(wanted, Mapping):
            if not isinstance(value, dict):
                raise Violation(f"Invalid input request: '{path}.{key}' is no object.")
            _check(f"{path}.{key}", value, wanted)
        elif not wanted(value):
            raise Violation(f"Invalid input request: '{path}.{key}' must not be {str(value)[:80]!r}.")
    unknown = fields.keys() - {name.removeprefix("?") for name in shape}
    if unknown:
        raise Violation(f"Invalid input request: '{path}.{min(unknown)}' is unknown.")
