"""Whether a request is one the service takes: its shape by the SDK's types, its values by the service's rules."""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)

from mediaproviders.emulators.chat import order
from mediaproviders.emulators.openai.refusal import Refusal, invalid_value, missing, unknown, wrong_type
from mediaproviders.emulators.openai.shapes import Check, check_of
from mediaproviders.emulators.openai.validation import TOOL_NAME

MOST_TOOLS: Final = 128
_BETWEEN: Final = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "max_completion_tokens": (1, 128_000),
    "max_tokens": (1, 128_000),
}
_STREAMED: Final[Check] = check_of(CompletionCreateParamsStreaming)
_WHOLE: Final[Check] = check_of(CompletionCreateParamsNonStreaming)


def parsed(body: bytes) -> dict[str, Any]:
    """The JSON object of a request, valid in every respect but its model. Raises Refusal."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(None, "We could not parse the JSON body of your request.") from None
    if not isinstance(request, dict):
        raise wrong_type("body", "an object", request)
    # Null says the same as leaving it out.
    request = {name: value for name, value in request.items() if value is not None}
    for name in ("model", "messages"):
        if name not in request:
            raise missing(name)
    if not isinstance(request["model"], str):
        raise wrong_type("model", "a string", request["model"])
    (_STREAMED if request.get("stream") is True else _WHOLE)(request, "")
    _values(request)
    _tools(request)
    order.check(request["messages"])
    return request


def _values(request: Mapping[str, Any]) -> None:
    for name, (low, high) in _BETWEEN.items():
        if name in request and not low <= request[name] <= high:
            raise invalid_value(
                name, f"Invalid '{name}': expected a value between {low} and {high}, but got {request[name]} instead."
            )
    if "max_tokens" in request and "max_completion_tokens" in request:
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Refusal("invalid_parameter_combination", text, "max_tokens")
    if "stream_options" in request and request.get("stream") is not True:
        raise invalid_value(
            "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        )
    if request.get("n", 1) != 1:
        raise invalid_value("n", "This endpoint gives one choice.")
    if request.get("modalities", ["text"]) != ["text"]:
        raise invalid_value("modalities", "This model answers in text.")
    for name in ("audio", "functions", "function_call", "web_search_options"):
        if name in request:
            raise unknown(name)


def _tools(request: Mapping[str, Any]) -> None:
    tools = request.get("tools")
    if tools is None:
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in request:
                raise invalid_value(name, f"'{name}' is only allowed when 'tools' are specified.")
        return
    if not 1 <= len(tools) <= MOST_TOOLS:
        raise Refusal("invalid_array_length", f"Invalid 'tools': expected 1 to {MOST_TOOLS} of them.", "tools")
    names: set[str] = set()
    for index, tool in enumerate(tools):
        path = f"tools[{index}].function"
        if tool["type"] != "function":
            raise invalid_value(f"tools[{index}].type", "This endpoint takes functions only.")
        name, parameters = tool["function"]["name"], tool["function"].get("parameters", {})
        if TOOL_NAME.fullmatch(name) is None:
            raise invalid_value(f"{path}.name", f"Invalid '{path}.name': expected 1 to 64 of a-z, A-Z, 0-9, '_', '-'.")
        if name in names:
            raise invalid_value(f"{path}.name", f"Duplicate function name: '{name}'.")
        names.add(name)
        if parameters and parameters.get("type") != "object":
            text = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            raise Refusal("invalid_function_parameters", text, f"{path}.parameters")
