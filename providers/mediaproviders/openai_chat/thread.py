"""The conversation as the list of messages that every request carries. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from mediaproviders.contract import Said, Told, ToolCall, Used

type Message = dict[str, object]

UNANSWERED: Final = '{"status":"no result yet"}'
"""Stands for the result of a tool that still runs: a call without one is refused by the services."""


@dataclass(slots=True)
class _Line:
    role: Literal["user", "assistant", "system"]
    text: str
    item: str | None = None


@dataclass(slots=True)
class _Calls:
    """Calls of one answer; None is a result that is not there yet."""

    calls: list[ToolCall]
    results: dict[str, str | None] = field(default_factory=dict)


class Thread:
    """What was said and done, in order, after the instructions."""

    def __init__(self, instructions: str) -> None:
        self._instructions = instructions
        self._entries: list[_Line | _Calls] = []

    def remember(self, told: Iterable[Told]) -> None:
        """What was said before."""
        for each in told:
            if isinstance(each, Said):
                self._entries.append(_Line(_role(each.speaker), each.text))
            else:
                self._used(each)

    def caller(self, text: str) -> None:
        """The caller said or typed something."""
        self._entries.append(_Line("user", text))

    def told(self, text: str) -> None:
        """An instruction in the course of the conversation."""
        self._entries.append(_Line("system", text))

    def begin(self, item: str) -> None:
        """The model begins an answer: what is said meanwhile comes after it."""
        self._entries.append(_Line("assistant", "", item))

    def called(self, item: str, calls: Iterable[ToolCall]) -> list[ToolCall]:
        """The model called tools in its answer `item`. Returns the calls, none by the id of an earlier one.

        Some services count their calls from 0 in every answer.
        """
        used = {call for entry in self._entries if isinstance(entry, _Calls) for call in entry.results}
        unique: list[ToolCall] = []
        for each in calls:
            call, number = each.call, 1
            while call in used:
                number += 1
                call = f"{each.call}~{number}"
            used.add(call)
            unique.append(replace(each, call=call))
        place = self._place(item)
        if unique and place is not None:
            self._entries.insert(place + 1, _Calls(unique, {each.call: None for each in unique}))
        return unique

    def amend(self, item: str, text: str) -> bool:
        """Put `text` in the place of what was said as `item`; empty: it was not said. False for an unknown item."""
        place = self._place(item)
        if place is None:
            return False
        self._entries[place] = _Line("assistant", text, item)
        return True

    def answered(self, call: str, output: str) -> bool:
        """A tool's result. False if the call is unknown, or answered already."""
        for entry in reversed(self._entries):
            if isinstance(entry, _Calls) and call in entry.results:
                known, entry.results[call] = entry.results[call], output
                if known is not None:
                    entry.results[call] = known
                return known is None
        return False

    @property
    def waiting(self) -> bool:
        """A tool has not answered yet."""
        return any(None in entry.results.values() for entry in self._entries if isinstance(entry, _Calls))

    def forget_half(self) -> bool:
        """Drop the older half, for a model whose memory is full. False if there is nothing left to drop."""
        keep = len(self._entries) // 2
        if not keep:
            return False
        del self._entries[: len(self._entries) - keep]
        return True

    def messages(self) -> list[Message]:
        """The messages of a request."""
        messages: list[Message] = []
        if self._instructions:
            messages.append({"role": "system", "content": self._instructions})
        for entry in self._entries:
            if isinstance(entry, _Line):
                if entry.text:
                    messages.append({"role": entry.role, "content": entry.text})
                continue
            messages.append({"role": "assistant", "tool_calls": [_call(call) for call in entry.calls]})
            messages += [
                {"role": "tool", "tool_call_id": call, "content": UNANSWERED if output is None else output}
                for call, output in entry.results.items()
            ]
        return messages

    def _place(self, item: str) -> int | None:
        for index, entry in enumerate(self._entries):
            if isinstance(entry, _Line) and entry.item == item:
                return index
        return None

    def _used(self, used: Used) -> None:
        output = used.output if used.output is not None else UNANSWERED
        self._entries.append(_Calls([ToolCall(used.call, used.name, used.arguments)], {used.call: output}))


def _role(speaker: str) -> Literal["user", "assistant", "system"]:
    return "user" if speaker == "caller" else "assistant" if speaker == "agent" else "system"


def _call(call: ToolCall) -> dict[str, object]:
    return {"id": call.call, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
