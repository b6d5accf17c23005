"""Server events: from the JSON of the wire to the events of the contract, and a few signals of our own.

The table goes by the `type` string and holds the names of the GA interface and of the beta before it. An event that is
not in it is none of our business; one that is and lacks what it must have raises :class:`MalformedError`.
"""

from binascii import a2b_base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import orjson

from mediaproviders.contract import (
    Audio,
    AudioDone,
    CallerTranscript,
    Event,
    Fault,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
    Usage,
)

type Message = dict[str, Any]


class MalformedError(ValueError):
    """A message that makes no sense."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The service is there, says the event of that name."""

    event: str


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """The configuration holds."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """An `error` event. `about` is the id of the command it answers, if it says."""

    code: str
    message: str
    about: str | None


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """A response.done, taken apart."""

    done: ResponseDone
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class AgentWords:
    """Words of an item the agent says: a piece, or (`final`) the whole. `response` is None if it does not say."""

    response: str | None
    item: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class CallerSoFar:
    """All that has been made out of the caller's turn yet; it replaces what came before."""

    item: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """An item joined the conversation, behind another or as the first."""

    item: str
    after: str | None


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    """An item left the conversation."""

    item: str


type Signal = Opened | SessionUpdated | ServerError | ResponseEnded | AgentWords | CallerSoFar | ItemAdded | ItemDeleted
type Happening = Event | Signal


def read(raw: bytes | str) -> Happening | None:
    """The event in one WebSocket message; None for an event we have no use for. Raises MalformedError."""
    try:
        message = orjson.loads(raw)
        reader = _READERS.get(message["type"])
        return reader(message) if reader is not None else None
    except MalformedError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"{type(error).__name__}: {error} in {raw[:80]!r}") from error


def _text(message: Message, field: str) -> str:
    value = message[field]
    if type(value) is not str:
        raise MalformedError(f"{field} of {message.get('type')} is {str(value)[:40]!r}, not a text")
    return value


def _optional_text(message: Message, field: str) -> str | None:
    value = message.get(field)
    return value if isinstance(value, str) else None


def _optional_object(message: Message, field: str) -> Message:
    value = message.get(field)
    return value if isinstance(value, dict) else {}


def _optional_ms(message: Message, field: str) -> int | None:
    value = message.get(field)
    return int(value) if isinstance(value, int | float) else None


def _audio(message: Message) -> Audio:
    return Audio(_text(message, "item_id"), _text(message, "response_id"), a2b_base64(message["delta"]))


def _audio_done(message: Message) -> AudioDone:
    return AudioDone(_text(message, "item_id"), _text(message, "response_id"))


def _speech_started(message: Message) -> SpeechStarted:
    return SpeechStarted(_text(message, "item_id"), _optional_ms(message, "audio_start_ms"))


def _speech_stopped(message: Message) -> SpeechStopped:
    return SpeechStopped(_text(message, "item_id"), _optional_ms(message, "audio_end_ms"))


def _committed(message: Message) -> TurnCommitted:
    return TurnCommitted(_text(message, "item_id"))


def _caller_piece(message: Message) -> CallerTranscript:
    return CallerTranscript(_text(message, "item_id"), _text(message, "delta"), final=False)


def _caller_whole(message: Message) -> CallerTranscript | CallerSoFar:
    # To xAI each guess is complete, also in the middle of the turn; only its status tells which is the last.
    if message.get("status") == "in_progress":
        return _caller_so_far(message)
    return CallerTranscript(_text(message, "item_id"), _text(message, "transcript"), final=True)


def _caller_failed(message: Message) -> Fault:
    error = message.get("error") or {}
    said = _optional_text(error, "message") or "no reason given"
    return Fault(_optional_text(error, "code") or "transcription_failed", f"{_text(message, 'item_id')}: {said}")


def _caller_so_far(message: Message) -> CallerSoFar:
    return CallerSoFar(_text(message, "item_id"), _text(message, "transcript"))


def _agent_piece(message: Message) -> AgentWords:
    return AgentWords(_optional_text(message, "response_id"), _text(message, "item_id"), _text(message, "delta"), False)


def _agent_whole(field: str) -> Callable[[Message], AgentWords]:
    def reader(message: Message) -> AgentWords:
        response = _optional_text(message, "response_id")
        return AgentWords(response, _text(message, "item_id"), _text(message, field), True)

    return reader


def _response_started(message: Message) -> ResponseStarted:
    return ResponseStarted(_text(message["response"], "id"))


def _response_ended(message: Message) -> ResponseEnded:
    response = message["response"]
    status = _text(response, "status")
    if status not in ("completed", "cancelled", "incomplete", "failed"):
        status = "incomplete"
    # xAI says "unimplemented" where OpenAI has an object or nothing.
    details = _optional_object(response, "status_details")
    error = _optional_object(details, "error")
    reason = _optional_text(error, "code") or _optional_text(error, "type") or _optional_text(details, "reason")
    ended = cast(Literal["completed", "cancelled", "incomplete", "failed"], status)
    # xAI puts the usage beside the response, or leaves it empty.
    usage = _usage(response.get("usage") or message.get("usage"))
    return ResponseEnded(ResponseDone(_text(response, "id"), ended, reason), usage)


def _usage(usage: Message | None) -> Usage | None:
    if not usage:
        return None
    heard, spoken = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        input_audio_tokens=_count(heard, "audio_tokens"),
        output_audio_tokens=_count(spoken, "audio_tokens"),
        cached_tokens=_count(heard, "cached_tokens"),
    )


def _count(message: Message, field: str) -> int:
    value = message.get(field)
    return value if isinstance(value, int) else 0


def _call_complete(message: Message) -> ToolCall | None:
    # The beta interface leaves the name out here; the finished item that follows has it.
    if "name" not in message:
        return None
    return ToolCall(_text(message, "call_id"), _text(message, "name"), _text(message, "arguments"))


def _item_done(message: Message) -> ToolCall | None:
    item = message["item"]
    if item.get("type") != "function_call" or item.get("status") == "incomplete":
        return None
    return ToolCall(_text(item, "call_id"), _text(item, "name"), _text(item, "arguments"))


def _item_added(message: Message) -> ItemAdded:
    return ItemAdded(_text(message["item"], "id"), _optional_text(message, "previous_item_id"))


def _item_deleted(message: Message) -> ItemDeleted:
    return ItemDeleted(_text(message, "item_id"))


def _opened(message: Message) -> Opened:
    return Opened(_text(message, "type"))


def _error(message: Message) -> ServerError:
    error = message["error"]
    code = _optional_text(error, "code") or _optional_text(error, "type") or "unknown"
    return ServerError(code, _optional_text(error, "message") or "", _optional_text(error, "event_id"))


_READERS: Final[Mapping[str, Callable[[Message], Happening | None]]] = {
    "response.output_audio.delta": _audio,
    "response.audio.delta": _audio,
    "response.output_audio.done": _audio_done,
    "response.audio.done": _audio_done,
    "response.output_audio_transcript.delta": _agent_piece,
    "response.audio_transcript.delta": _agent_piece,
    "response.output_audio_transcript.done": _agent_whole("transcript"),
    "response.audio_transcript.done": _agent_whole("transcript"),
    "response.output_text.delta": _agent_piece,
    "response.text.delta": _agent_piece,
    "response.output_text.done": _agent_whole("text"),
    "response.text.done": _agent_whole("text"),
    "response.created": _response_started,
    "response.done": _response_ended,
    "response.function_call_arguments.done": _call_complete,
    "response.output_item.done": _item_done,
    "input_audio_buffer.speech_started": _speech_started,
    "input_audio_buffer.speech_stopped": _speech_stopped,
    "input_audio_buffer.committed": _committed,
    "conversation.item.input_audio_transcription.delta": _caller_piece,
    "conversation.item.input_audio_transcription.completed": _caller_whole,
    "conversation.item.input_audio_transcription.failed": _caller_failed,
    "conversation.item.input_audio_transcription.updated": _caller_so_far,
    "conversation.item.added": _item_added,
    "conversation.item.created": _item_added,
    "conversation.item.deleted": _item_deleted,
    "session.created": _opened,
    "conversation.created": _opened,
    "session.updated": lambda _: SessionUpdated(),
    "error": _error,
}
