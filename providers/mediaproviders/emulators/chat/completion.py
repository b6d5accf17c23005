"""An answer as its chunks, and when each is due. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from mediaproviders.emulators.chat.settings import ChatSettings

type Ending = Literal["done", "reset", "mute"]

DONE: Final = b"data: [DONE]\n\n"
_WORDS: Final = re.compile(r"\S+\s*|\s+")
_ARGUMENT_LETTERS: Final = 7
"""Letters of a call's arguments in one chunk."""


@dataclass(slots=True)
class Step:
    """A piece of the answer's body, `due_s` after the request; `words` are those sent with it and before."""

    due_s: float
    payload: bytes
    words: int = 0
    note: str | None = None
    """What it is in the timeline."""


@dataclass(slots=True)
class Plan:
    """The whole answer. What ends it: the end of the body, a reset, or nothing ever."""

    steps: list[Step] = field(default_factory=list)
    ending: Ending = "done"
    status: str = "completed"


@dataclass(frozen=True, slots=True)
class Turn:
    """What the request says about the state of its conversation."""

    number: int
    """Of the caller, from 1; 0: the caller has said nothing yet."""
    said: str
    results: tuple[str, ...]
    """Outputs of tools that the answer is about; empty: it answers the caller."""

    @classmethod
    def of(cls, messages: list[Mapping[str, Any]]) -> "Turn":
        """Read from the messages of a request."""
        said = [_text(each["content"]) for each in messages if each["role"] == "user"]
        results: list[str] = []
        for message in reversed(messages):
            if message["role"] != "tool":
                break
            results.append(_text(message["content"]))
        return cls(len(said), said[-1] if said else "", tuple(reversed(results)))


def calls_of(turn: Turn, request: Mapping[str, Any], settings: ChatSettings) -> tuple[tuple[str, str], ...]:
    """The functions the turn is answered with: as scripted, or as the client's choice forces."""
    declared = [tool["function"]["name"] for tool in request.get("tools", ())]
    choice = request.get("tool_choice", "auto")
    if isinstance(choice, dict):
        return ((choice["function"]["name"], "{}"),)
    if choice == "none" or turn.results:
        return ()
    scripted = settings.calls_on_turn.get(turn.number, ())
    if turn.number in settings.tool_on_turn:
        scripted = (settings.tool_on_turn[turn.number], *scripted)
    return tuple(call for call in scripted if call[0] in declared)


def text_of(turn: Turn, settings: ChatSettings) -> str:
    """What is said when no function is called."""
    if turn.results:
        return f"The function returned {' and '.join(turn.results)[:200]}."
    text = settings.answer_texts[(max(turn.number, 1) - 1) % len(settings.answer_texts)]
    return text.replace("{n}", str(turn.number)).replace("{said}", turn.said)


class Completion:
    """The chunks of one answer to a valid request."""

    def __init__(self, request: Mapping[str, Any], settings: ChatSettings, identity: str, created: int) -> None:
        self._request = request
        self._settings = settings
        self._identity = identity
        self._created = created
        self.turn = Turn.of(request["messages"])
        self.calls = calls_of(self.turn, request, settings)
        self.words = [] if self.calls else _WORDS.findall(text_of(self.turn, settings))
        self.finish = "tool_calls" if self.calls else "stop"
        self._cut()

    def plan(self) -> Plan:
        """The chunks of a stream, undisturbed."""
        pace = self._settings.pace
        # The role comes at once, as the service's first sign of life; the first word takes its time.
        steps = [Step(0.0, self.chunk({"role": "assistant", "content": None if self.calls else ""}))]
        for index, word in enumerate(self.words):
            note = "first_delta" if index == 0 else None
            steps.append(Step(pace.due_s(index), self.chunk({"content": word}), index + 1, note))
        for index, delta in enumerate(self._call_deltas()):
            steps.append(Step(pace.due_s(index), self.chunk({"tool_calls": [delta]}), index + 1))
        end_s, words = steps[-1].due_s, steps[-1].words
        if self.words:
            steps[-1].note = "last_delta" if len(self.words) > 1 else "first_delta"
        steps.append(Step(end_s, self.chunk({}, finish=self.finish), words))
        if self._request.get("stream_options", {}).get("include_usage"):
            steps.append(Step(end_s, self.chunk(None, usage=self.usage()), words))
        steps.append(Step(end_s, DONE, words))
        return Plan(steps)

    def whole(self) -> bytes:
        """The answer to a request that does not want a stream."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self.words) or None, "refusal": None}
        if self.calls:
            message["tool_calls"] = [
                {"id": self.call_id(index), "type": "function", "function": {"name": name, "arguments": arguments}}
                for index, (name, arguments) in enumerate(self.calls)
            ]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish}
        return orjson.dumps(self._envelope("chat.completion") | {"choices": [choice], "usage": self.usage()})

    def chunk(
        self, delta: Mapping[str, Any] | None, *, finish: str | None = None, usage: Mapping[str, Any] | None = None
    ) -> bytes:
        """One event of the stream; without a delta it has no choice."""
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        body = self._envelope("chat.completion.chunk") | {"choices": choices}
        if self._request.get("stream_options", {}).get("include_usage"):
            body["usage"] = usage
        return event(body)

    def usage(self) -> dict[str, Any]:
        """What it costs: a token is a word."""
        read = sum(len(_text(each.get("content")).split()) + 3 for each in self._request["messages"])
        said = len(self.words) + sum(len(arguments) // 4 + 2 for _, arguments in self.calls)
        return {
            "prompt_tokens": read,
            "completion_tokens": said,
            "total_tokens": read + said,
            "prompt_tokens_details": {"cached_tokens": read // 2, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def call_id(self, index: int) -> str:
        """The id of the nth call."""
        return f"call_{self._identity[-8:]}_{index}"

    def _call_deltas(self) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = []
        for index, (name, arguments) in enumerate(self.calls):
            function = {"name": name, "arguments": ""}
            deltas.append({"index": index, "id": self.call_id(index), "type": "function", "function": function})
            deltas += [
                {"index": index, "function": {"arguments": arguments[begin : begin + _ARGUMENT_LETTERS]}}
                for begin in range(0, len(arguments), _ARGUMENT_LETTERS)
            ]
        return deltas

    def _cut(self) -> None:
        limit = self._request.get("max_completion_tokens", self._request.get("max_tokens"))
        scripted = self._settings.finish_on_turn.get(self.turn.number)
        if scripted is not None and not self.calls:
            self.words, self.finish = self.words[: len(self.words) // 2], scripted
        if limit is not None and len(self.words) > limit:
            self.words, self.finish = self.words[:limit], "length"

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._identity,
            "object": kind,
            "created": self._created,
            "model": self._request["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_emulated",
        }


def event(body: Mapping[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: " + orjson.dumps(body) + b"\n\n"


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(part.get("text", "")) for part in parts)
