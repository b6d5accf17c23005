"""Whether messages may follow one another as they do: every tool call has its result, and every result its call."""

from collections.abc import Mapping, Sequence
from typing import Any

from mediaproviders.emulators.openai.refusal import Refusal, missing

type Message = Mapping[str, Any]


def check(messages: Sequence[Message]) -> None:
    """Raise Refusal unless the service would take this sequence."""
    if not messages:
        raise Refusal(
            "empty_array", "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages"
        )
    open_calls: dict[str, None] = {}
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            _result(message, open_calls, index)
            continue
        if open_calls:
            raise _unanswered(open_calls, index)
        if message["role"] == "assistant":
            open_calls = _calls(message, index)
        elif message["role"] in ("system", "developer", "user") and message["content"] == []:
            where = f"messages[{index}].content"
            raise Refusal("empty_array", f"Invalid '{where}': empty array.", where)
    if open_calls:
        raise _unanswered(open_calls, len(messages))


def _calls(message: Message, index: int) -> dict[str, None]:
    calls = message.get("tool_calls")
    if calls is None and not message.get("content"):
        raise missing(f"messages[{index}].content")
    if calls == []:
        where = f"messages[{index}].tool_calls"
        raise Refusal("empty_array", f"Invalid '{where}': empty array.", where)
    ids = [call["id"] for call in calls or ()]
    if len(set(ids)) < len(ids):
        where = f"messages[{index}].tool_calls"
        raise Refusal("invalid_value", f"Duplicate value for 'tool_call_id' in {where}.", where)
    return dict.fromkeys(ids)


def _result(message: Message, open_calls: dict[str, None], index: int) -> None:
    if message["tool_call_id"] not in open_calls:
        text = "Invalid parameter: messages with role 'tool' must be a response to a preceding message with"
        raise Refusal(None, f"{text} 'tool_calls'.", f"messages.[{index}].role")
    del open_calls[message["tool_call_id"]]


def _unanswered(open_calls: Mapping[str, None], index: int) -> Refusal:
    text = "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
    named = f" The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
    return Refusal(None, text + named, f"messages.[{index}].role")
