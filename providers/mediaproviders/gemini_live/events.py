"""Server messages: from the JSON of the wire to signals, in the order in which they are to be taken.

One message may carry several things at once. What is not known is none of our business; what is known and makes no
sense raises :class:`MalformedError`.
"""

import re
from binascii import a2b_base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mediaproviders.contract import ToolCall, Usage

type Message = dict[str, Any]


class MalformedError(ValueError):
    """A message that makes no sense."""


@dataclass(frozen=True, slots=True)
class SetupComplete:
    """The configuration holds."""


@dataclass(slots=True)
class AudioPiece:
    """A piece of the model's voice."""

    data: bytes


@dataclass(frozen=True, slots=True)
class AgentWords:
    """A piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True)
class CallerWords:
    """A piece of what the caller said."""

    text: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The caller interrupts: what was generated and not yet heard is void."""


@dataclass(frozen=True, slots=True)
class GenerationComplete:
    """The model has said everything; it may still be playing."""


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """The service assumes that everything was played. `reason`: why the model did not finish, if it says so."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Calls:
    """The model wants tools run, and waits for all of them."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class CallsCancelled:
    """These tool calls are not to be answered any more."""

    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoAway:
    """The connection will end in `left_s` seconds; None: it does not say when."""

    left_s: float | None


@dataclass(frozen=True, slots=True)
class Handle:
    """With this the session can be gone on with over another connection."""

    handle: str


type Signal = (
    SetupComplete
    | AudioPiece
    | AgentWords
    | CallerWords
    | Stopped
    | GenerationComplete
    | TurnComplete
    | Calls
    | CallsCancelled
    | Usage
    | GoAway
    | Handle
)


def read(raw: bytes | str) -> list[Signal]:
    """What one WebSocket message says; nothing if we have no use for it. Raises MalformedError."""
    try:
        message = orjson.loads(raw)
        found: list[Signal] = []
        for name, reader in _READERS:
            value = message.get(name)
            if value is not None:
                reader(value, found)
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MalformedError(f"{type(error).__name__}: {error} in {raw[:80]!r}") from error


def _setup_complete(_: Any, found: list[Signal]) -> None:
    found.append(SetupComplete())


def _content(content: Message, found: list[Signal]) -> None:
    stopped = content.get("interrupted") is True
    if stopped:
        found.append(Stopped())
    words = content.get("inputTranscription")
    if words is not None:
        _add_words(CallerWords, words, found)
    if not stopped:
        _model_turn(content, found)
    if content.get("generationComplete") is True:
        found.append(GenerationComplete())
    if content.get("turnComplete") is True:
        reason = content.get("turnCompleteReason")
        found.append(TurnComplete(reason if isinstance(reason, str) else None))


def _model_turn(content: Message, found: list[Signal]) -> None:
    words = content.get("outputTranscription")
    if words is not None:
        _add_words(AgentWords, words, found)
    turn = content.get("modelTurn")
    for part in (turn.get("parts") or ()) if turn is not None else ():
        inline = part.get("inlineData")
        # Texts are thoughts: a model that speaks writes nothing else.
        if inline is not None and inline.get("mimeType", "audio/pcm").startswith("audio/pcm"):
            found.append(AudioPiece(a2b_base64(inline["data"])))


def _add_words(kind: type[AgentWords] | type[CallerWords], words: Message, found: list[Signal]) -> None:
    text = words.get("text")
    if text is None or text == "":
        return
    if not isinstance(text, str):
        raise MalformedError(f"a transcription is {str(text)[:40]!r}, not a text")
    found.append(kind(text))


def _tool_call(value: Message, found: list[Signal]) -> None:
    calls = tuple(
        ToolCall(_text(call, "id"), _text(call, "name"), orjson.dumps(call.get("args") or {}).decode())
        for call in value.get("functionCalls") or ()
    )
    if calls:
        found.append(Calls(calls))


def _cancellation(value: Message, found: list[Signal]) -> None:
    found.append(CallsCancelled(tuple(str(each) for each in value.get("ids") or ())))


def _usage(value: Message, found: list[Signal]) -> None:
    # The two APIs name the output differently.
    spoken = value.get("responseTokensDetails") or value.get("candidatesTokensDetails")
    said = _count(value, "responseTokenCount") or _count(value, "candidatesTokenCount")
    found.append(
        Usage(
            input_tokens=_count(value, "promptTokenCount") + _count(value, "toolUsePromptTokenCount"),
            output_tokens=said + _count(value, "thoughtsTokenCount"),
            input_audio_tokens=_audio_count(value.get("promptTokensDetails")),
            output_audio_tokens=_audio_count(spoken),
            cached_tokens=_count(value, "cachedContentTokenCount"),
        )
    )


def _go_away(value: Message, found: list[Signal]) -> None:
    found.append(GoAway(_seconds(value.get("timeLeft"))))


def _resumption(value: Message, found: list[Signal]) -> None:
    # While it generates or waits for a tool it cannot be resumed: the last good handle stays.
    handle = value.get("newHandle")
    if value.get("resumable") is True and isinstance(handle, str) and handle:
        found.append(Handle(handle))


def _text(message: Message, field: str) -> str:
    value = message[field]
    if not isinstance(value, str):
        raise MalformedError(f"{field} is {str(value)[:40]!r}, not a text")
    return value


def _count(message: Message, field: str) -> int:
    value = message.get(field)
    return value if isinstance(value, int) else 0


def _audio_count(details: Any) -> int:
    return sum(_count(each, "tokenCount") for each in details or () if each.get("modality") == "AUDIO")


def _seconds(duration: object) -> float | None:
    """A protobuf duration, `50s` or `1.5s`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", duration) if isinstance(duration, str) else None
    return float(found[1]) if found else None


_READERS: Final[tuple[tuple[str, Callable[[Any, list[Signal]], None]], ...]] = (
    ("serverContent", _content),
    ("toolCall", _tool_call),
    ("toolCallCancellation", _cancellation),
    ("usageMetadata", _usage),
    ("sessionResumptionUpdate", _resumption),
    ("goAway", _go_away),
    ("setupComplete", _setup_complete),
)
