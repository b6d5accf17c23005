"""One answer, put together from the chunks of its stream. Pure.

The SDK takes any JSON for a chunk, so nothing about one is believed: what makes no sense is passed over and counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mediaproviders.contract import ToolCall, Usage

MOST_CHARACTERS: Final = 50_000
"""Of an answer's text, or of all its calls' arguments: an hour of speech. More is not an answer."""
MOST_SENSELESS: Final = 20
"""Chunks in a row that make no sense, after which the stream is none."""


class SenselessError(ValueError):
    """The stream is not that of a chat completion, or has no end."""


@dataclass(slots=True)
class _Fragments:
    index: int
    call: str
    name: str = ""
    arguments: str = ""


class Reply:
    """What has come so far. `name` makes an id for a call that the service left without one."""

    def __init__(self, name: Callable[[], str]) -> None:
        self._name = name
        self._calls: list[_Fragments] = []
        self._argued = 0
        self._senseless = 0
        self.text = ""
        self.finish: str | None = None
        """Why it ended; None while it has not."""
        self.usage: Usage | None = None

    def take(self, chunk: Any) -> str:
        """One chunk. Returns its piece of text, mostly a few letters, or none. Raises SenselessError."""
        choices = getattr(chunk, "choices", None)
        usage = _usage(getattr(chunk, "usage", None))
        self.usage = usage or self.usage
        if not isinstance(choices, list) or not (choices or usage is not None or _harmless(chunk)):
            self._pass_over()
            return ""
        self._senseless = 0
        return "".join(self._choice(choice) for choice in choices if getattr(choice, "index", 0) in (0, None))

    @property
    def calls(self) -> list[ToolCall]:
        """The tool calls, as far as they have come."""
        return [ToolCall(each.call, each.name, each.arguments or "{}") for each in self._calls if each.name]

    def _choice(self, choice: Any) -> str:
        finish = getattr(choice, "finish_reason", None)
        if isinstance(finish, str) and finish:
            self.finish = finish
        delta = getattr(choice, "delta", None)
        calls = getattr(delta, "tool_calls", None)
        for call in calls if isinstance(calls, list) else ():
            self._fragment(call)
        # A refusal is what the model says instead of an answer.
        pieces = (getattr(delta, "content", None), getattr(delta, "refusal", None))
        piece = "".join(each for each in pieces if isinstance(each, str))
        if len(self.text) + len(piece) > MOST_CHARACTERS:
            raise SenselessError("the answer has no end")
        self.text += piece
        return piece

    def _fragment(self, call: Any) -> None:
        function = getattr(call, "function", None)
        index, given = getattr(call, "index", None), getattr(call, "id", None)
        fragments = self._place(index if isinstance(index, int) else 0, given if isinstance(given, str) else "")
        name, arguments = getattr(function, "name", None), getattr(function, "arguments", None)
        if isinstance(name, str) and not fragments.name:
            fragments.name = name
        if isinstance(arguments, str):
            self._argued += len(arguments)
            if self._argued > MOST_CHARACTERS:
                raise SenselessError("the arguments have no end")
            fragments.arguments += arguments

    def _place(self, index: int, given: str) -> _Fragments:
        """The call a fragment belongs to. Some services number all calls 0 and tell them apart by id alone."""
        for each in reversed(self._calls):
            if each.index == index and given in ("", each.call):
                return each
        if len(self._calls) >= 128:
            raise SenselessError("the calls have no end")
        self._calls.append(_Fragments(index, given or self._name()))
        return self._calls[-1]

    def _pass_over(self) -> None:
        self._senseless += 1
        if self._senseless >= MOST_SENSELESS:
            raise SenselessError(f"{MOST_SENSELESS} chunks in a row were no chunks")


def _harmless(chunk: Any) -> bool:
    """A chunk without choices that is one all the same: Azure's verdict on the prompt, a bill of nothing."""
    return getattr(chunk, "object", None) in ("chat.completion.chunk", "")


def _usage(usage: Any) -> Usage | None:
    taken, given = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if not isinstance(taken, int) or not isinstance(given, int):
        return None
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    return Usage(taken, given, cached_tokens=cached if isinstance(cached, int) else 0)
