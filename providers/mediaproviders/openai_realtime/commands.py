"""Client events as the bytes of one WebSocket message each."""

from binascii import b2a_base64
from collections.abc import Iterable
from typing import Final

import orjson

from mediaproviders.contract import Brief, Said, Told
from mediaproviders.openai_realtime.dialects import OPENAI, Dialect

ANSWER: Final = "answer"
GREETING: Final = "greeting"
"""The `event_id` of a response.create says what was asked; an error about it carries the id back."""
CANCEL: Final = "cancel "
"""Begins the `event_id` of a response.cancel; the response's id follows."""

_APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"'
_END: Final = b'"}'
_ROLES: Final = {"caller": "user", "agent": "assistant", "system": "system"}


def append_audio(chunk: bytes) -> bytes:
    """Caller audio. Put together by hand: this is sent many times a second."""
    return _APPEND + b2a_base64(chunk, newline=False) + _END


def update_session(session: dict[str, object]) -> bytes:
    """Configure the session."""
    return orjson.dumps({"type": "session.update", "session": session})


def create_answer(brief: Brief, dialect: Dialect = OPENAI) -> bytes:
    """Ask for a response to the conversation so far."""
    event: dict[str, object] = {"type": "response.create", "event_id": ANSWER}
    if dialect.modality_of_each_response and brief.modality == "text":
        event["response"] = {"modalities": dialect.modalities["text"]}
    return orjson.dumps(event)


def create_greeting(brief: Brief, greeting: str, dialect: Dialect = OPENAI) -> bytes:
    """Ask for a response that is the greeting, word for word.

    Instructions of a response replace the session's, so these are repeated for the voice and the manner they describe.
    """
    if dialect.verbatim and brief.modality == "audio":
        content = [{"type": dialect.agent_text, "text": greeting}]
        item = {"type": "force_message", "role": "assistant", "content": content, "interruptible": True}
        return orjson.dumps({"type": "conversation.item.create", "event_id": GREETING, "item": item})
    directive = (
        "The call has just been answered and you speak first. Say the following greeting word for word, then stop and "
        f"wait for the caller. Add nothing to it:\n{greeting}"
    )
    instructions = f"{brief.instructions}\n\n{directive}" if brief.instructions else directive
    response: dict[str, object] = {"instructions": instructions}
    if dialect.modality_of_each_response and brief.modality == "text":
        response["modalities"] = dialect.modalities["text"]
    if brief.tools and dialect.tool_choice_of_a_response:
        response["tool_choice"] = "none"
    return orjson.dumps({"type": "response.create", "event_id": GREETING, "response": response})


def cancel_response(response: str) -> bytes:
    """Stop a response in progress."""
    return orjson.dumps({"type": "response.cancel", "event_id": CANCEL + response, "response_id": response})


def truncate_item(item: str, heard_ms: int) -> bytes:
    """Cut an agent item to its first `heard_ms` milliseconds."""
    return orjson.dumps(
        {"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": heard_ms}
    )


def delete_item(item: str) -> bytes:
    """Take an item out of the conversation."""
    return orjson.dumps({"type": "conversation.item.delete", "item_id": item})


def tell(told: Iterable[Told], agent_text: str = "output_text") -> list[bytes]:
    """Put what was said before into the conversation."""
    messages: list[bytes] = []
    for each in told:
        if isinstance(each, Said):
            messages.append(add_message(_ROLES[each.speaker], each.text, agent_text))
            continue
        messages.append(add_call(each.call, each.name, each.arguments))
        if each.output is not None:
            messages.append(add_call_output(each.call, each.output))
    return messages


def add_message(role: str, text: str, agent_text: str = "output_text") -> bytes:
    """Put a text message into the conversation; `role` is user, assistant or system."""
    return _item({"type": "message", "role": role, "content": [_part(role, text, agent_text)]})


def put_agent_message(item: str, text: str, after: str, agent_text: str) -> bytes:
    """Put a message of the agent's with an id of ours behind another item; `root`: first of all."""
    content = [_part("assistant", text, agent_text)]
    return _item({"id": item, "type": "message", "role": "assistant", "content": content}, previous_item_id=after)


def add_call(call: str, name: str, arguments: str) -> bytes:
    """Put a tool call of an earlier connection into the conversation."""
    return _item({"type": "function_call", "call_id": call, "name": name, "arguments": arguments})


def add_call_output(call: str, output: str) -> bytes:
    """Put the result of a tool call into the conversation."""
    return _item({"type": "function_call_output", "call_id": call, "output": output})


def _part(role: str, text: str, agent_text: str) -> dict[str, object]:
    return {"type": agent_text if role == "assistant" else "input_text", "text": text}


def _item(item: dict[str, object], **place: str) -> bytes:
    return orjson.dumps({"type": "conversation.item.create", "item": item, **place})
