"""What the emulated chat endpoint refuses: every rule has its rejection."""

import json
from typing import Any

import pytest

from mediaproviders.emulators.chat import validation
from mediaproviders.emulators.openai.refusal import Refusal

USER = {"role": "user", "content": "Hello."}
TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "noon"}


def request(**changes: Any) -> dict[str, Any]:
    wanted = {"model": "gpt-5", "messages": [USER], "stream": True} | changes
    return {name: value for name, value in wanted.items() if value is not ...}


def judged(**changes: Any) -> dict[str, Any]:
    return validation.parsed(json.dumps(request(**changes)).encode())


def refusal(**changes: Any) -> tuple[str | None, str | None]:
    with pytest.raises(Refusal) as caught:
        judged(**changes)
    assert caught.value.message
    return caught.value.code, caught.value.param


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stream": False},
        {"stream": ...},
        {"temperature": 0, "top_p": 1.0, "max_completion_tokens": 1, "stop": ["."], "user": "me", "seed": 1},
        {"temperature": None, "tools": None},
        {"stream_options": {"include_usage": True}},
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "get_time"}}},
        {"messages": [{"role": "system", "content": "Be brief."}, USER, {"role": "assistant", "content": "Hi."}]},
        {"messages": [USER, CALLING, RESULT, USER]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}]},
        {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL]}, RESULT]},
        {"messages": [{"role": "developer", "content": "Be brief."}]},
    ],
)
def test_what_is_taken(changes: dict[str, Any]) -> None:
    assert judged(**changes)["model"] == "gpt-5"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[1]", b'"text"'])
def test_a_body_that_is_no_json_object(body: bytes) -> None:
    with pytest.raises(Refusal):
        validation.parsed(body)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"model": ...}, "missing_required_parameter", "model"),
        ({"messages": ...}, "missing_required_parameter", "messages"),
        ({"messages": None}, "missing_required_parameter", "messages"),
        ({"dream": 1}, "unknown_parameter", "dream"),
        ({"model": 5}, "invalid_type", "model"),
        ({"messages": "Hello."}, "invalid_type", "messages"),
        ({"stream": "yes"}, "invalid_value", "stream"),
        ({"temperature": "hot"}, "invalid_type", "temperature"),
        ({"temperature": 2.1}, "invalid_value", "temperature"),
        ({"temperature": -0.1}, "invalid_value", "temperature"),
        ({"top_p": 1.5}, "invalid_value", "top_p"),
        ({"presence_penalty": 3}, "invalid_value", "presence_penalty"),
        ({"frequency_penalty": -3}, "invalid_value", "frequency_penalty"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_completion_tokens": 0}, "invalid_value", "max_completion_tokens"),
        ({"max_completion_tokens": 1.5}, "invalid_type", "max_completion_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "invalid_parameter_combination", "max_tokens"),
        ({"stream": False, "stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
        ({"stream_options": {"include_cost": True}}, "unknown_parameter", "stream_options.include_cost"),
        ({"n": 2}, "invalid_value", "n"),
        ({"modalities": ["text", "audio"]}, "invalid_value", "modalities"),
        ({"functions": [{"name": "f"}]}, "unknown_parameter", "functions"),
        ({"tool_choice": "auto"}, "invalid_value", "tool_choice"),
        ({"parallel_tool_calls": True}, "invalid_value", "parallel_tool_calls"),
        ({"tools": []}, "invalid_array_length", "tools"),
        ({"tools": [TOOL] * 129}, "invalid_array_length", "tools"),
        ({"tools": [TOOL, TOOL]}, "invalid_value", "tools[1].function.name"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "invalid_value", "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "missing_required_parameter", "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "get time"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
            "invalid_function_parameters",
            "tools[0].function.parameters",
        ),
    ],
)
def test_a_parameter_that_is_wrong(changes: dict[str, Any], code: str, param: str) -> None:
    assert refusal(**changes) == (code, param)


@pytest.mark.parametrize(
    ("messages", "code", "param"),
    [
        ([], "empty_array", "messages"),
        ([{"content": "Hello."}], "missing_required_parameter", "messages[0].role"),
        ([{"role": "caller", "content": "Hello."}], "invalid_value", "messages[0].role"),
        ([{"role": "user"}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "user", "content": None}], "invalid_type", "messages[0].content"),
        ([{"role": "user", "content": 5}], "invalid_type", "messages[0].content"),
        ([{"role": "user", "content": []}], "empty_array", "messages[0].content"),
        ([{"role": "user", "content": "x", "mood": "glad"}], "unknown_parameter", "messages[0].mood"),
        ([{"role": "user", "content": [{"type": "dream"}]}], "invalid_value", "messages[0].content[0].type"),
        (
            [{"role": "system", "content": [{"type": "image_url", "text": "x"}]}],
            "invalid_value",
            "messages[0].content[0].type",
        ),
        ([{"role": "assistant"}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "assistant", "content": ""}], "missing_required_parameter", "messages[0].content"),
        ([{"role": "assistant", "tool_calls": []}], "empty_array", "messages[0].tool_calls"),
        ([{"role": "assistant", "tool_calls": [CALL, CALL]}], "invalid_value", "messages[0].tool_calls"),
        ([{"role": "tool", "content": "noon"}], "missing_required_parameter", "messages[0].tool_call_id"),
        ([USER, RESULT], None, "messages.[1].role"),
        ([CALLING, RESULT, RESULT], None, "messages.[2].role"),
        ([CALLING, RESULT | {"tool_call_id": "call_2"}], None, "messages.[1].role"),
        ([CALLING, USER, RESULT], None, "messages.[1].role"),
        ([USER, CALLING], None, "messages.[2].role"),
    ],
)
def test_messages_that_are_wrong_or_out_of_order(messages: list[Any], code: str | None, param: str) -> None:
    assert refusal(messages=messages) == (code, param)
