"""What was said in a conversation, and of the agent's words those that were heard: what a new session is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mediaproviders.contract import AudioFormat, Said, Told, ToolCall, Used

INAUDIBLE: Final = "(The caller's words were lost.)"
"""Stands for a turn that was lost before it was transcribed, so that the model can ask for it again."""


@dataclass(slots=True)
class _Spoken:
    speaker: Literal["caller", "agent", "system"]
    text: str = ""
    received: int = 0
    """Bytes of audio that came for it."""
    cut: bool = False
    """Cut to what was heard: nothing may be added."""
    finished: bool = False


@dataclass(slots=True)
class _Called:
    call: ToolCall
    output: str | None = None


class History:
    """The items of a conversation in the order they began."""

    def __init__(self, told: Iterable[Told], audio: AudioFormat) -> None:
        self._bytes_per_ms = audio.bytes_per_ms
        self._items: dict[str, _Spoken | _Called] = {}
        self._unnamed = 0
        self.remember(told)

    def remember(self, told: Iterable[Told]) -> None:
        """What was said before."""
        for each in told:
            if isinstance(each, Said):
                self._add(_Spoken(each.speaker, each.text, finished=True))
            else:
                self.called(ToolCall(each.call, each.name, each.arguments))
                if each.output is not None:
                    self.answered(each.call, each.output)

    def caller_turn(self, item: str) -> None:
        """A turn of the caller was closed; its words may come later."""
        self._items.setdefault(item, _Spoken("caller", finished=True))

    def caller_words(self, item: str, text: str) -> None:
        """The transcript of a turn."""
        self.caller_turn(item)
        spoken = self._items[item]
        if isinstance(spoken, _Spoken):
            spoken.text = text

    def typed(self, text: str) -> None:
        """The caller wrote something."""
        self._add(_Spoken("caller", text, finished=True))

    def agent_audio(self, item: str, size: int) -> bool:
        """`size` bytes came for `item`. False: it has been cut, and they are void."""
        spoken = self._agent(item)
        if spoken is None or spoken.cut:
            return False
        spoken.received += size
        return True

    def agent_words(self, item: str, text: str, *, final: bool) -> bool:
        """A piece of the transcript of `item`, or the whole. False: it has been cut, and they are void."""
        spoken = self._agent(item)
        if spoken is None or spoken.cut:
            return False
        spoken.text = text if final else spoken.text + text
        return True

    def agent_finished(self) -> None:
        """The response is over: what it said is said."""
        for spoken in reversed(self._items.values()):
            if isinstance(spoken, _Spoken):
                if spoken.finished and spoken.speaker == "agent":
                    return
                spoken.finished = True

    def truncate(self, item: str, heard_ms: int) -> int | None:
        """Cut `item` to what was heard. Returns the ms to tell the provider, or None if there is nothing to cut."""
        spoken = self._items.get(item)
        if not isinstance(spoken, _Spoken) or spoken.speaker != "agent":
            return None
        received_ms = spoken.received // self._bytes_per_ms
        if spoken.cut and heard_ms >= received_ms:
            return None
        heard_ms = max(0, min(heard_ms, received_ms))
        spoken.text = cut_text(spoken.text, heard_ms, received_ms)
        spoken.received = heard_ms * self._bytes_per_ms
        spoken.cut = True
        return heard_ms

    def amend(self, item: str, text: str) -> bool:
        """Replace what is known of the agent's `item` by `text`, what was heard of it. False: there is no such item."""
        spoken = self._items.get(item)
        if not isinstance(spoken, _Spoken) or spoken.speaker != "agent":
            return False
        spoken.text = text
        spoken.cut = True
        return True

    def called(self, call: ToolCall) -> bool:
        """The model called a tool. False: it is known already."""
        key = f"call {call.call}"
        if key in self._items:
            return False
        self._items[key] = _Called(call)
        return True

    def answered(self, call: str, output: str) -> None:
        """The result of a tool call."""
        called = self._items.get(f"call {call}")
        if isinstance(called, _Called):
            called.output = output

    def forget_unfinished(self) -> None:
        """Drop what the agent was in the middle of saying: it will be said anew."""
        unfinished = [
            item
            for item, spoken in self._items.items()
            if isinstance(spoken, _Spoken) and spoken.speaker == "agent" and not (spoken.finished or spoken.cut)
        ]
        for item in unfinished:
            del self._items[item]

    def wordless_turns(self) -> list[str]:
        """The caller's last turns, in order, if nobody knows what was said and the agent has not answered in full."""
        found: list[str] = []
        for item, spoken in reversed(self._items.items()):
            if not isinstance(spoken, _Spoken):
                break
            if spoken.speaker == "caller" and not spoken.text.strip():
                found.append(item)
            elif spoken.speaker != "agent" or spoken.finished or spoken.cut:
                break
        return found[::-1]

    def forget(self, items: Iterable[str]) -> None:
        """Drop what will be said anew."""
        for item in items:
            self._items.pop(item, None)

    @property
    def unanswered(self) -> bool:
        """The last word is not the agent's; nor is there none yet."""
        told = self.told()
        return bool(told) and not (isinstance(told[-1], Said) and told[-1].speaker == "agent")

    def told(self) -> list[Told]:
        """What a new session is to know, in order."""
        return self._tell(settled=False)

    def settled(self) -> list[Told]:
        """The beginning of it that will not change any more, unless the agent's last words are cut."""
        return self._tell(settled=True)

    def _tell(self, *, settled: bool) -> list[Told]:
        told: list[Told] = []
        lost = False
        for item in self._items.values():
            if settled and not _is_settled(item):
                return told
            if isinstance(item, _Called):
                told.append(Used(item.call.call, item.call.name, item.call.arguments, item.output))
                lost = False
            elif text := item.text.strip():
                told.append(Said(item.speaker, text))
                lost = False
            else:
                lost = lost or item.speaker == "caller"
        if lost:
            told.append(Said("caller", INAUDIBLE))
        return told

    def _agent(self, item: str) -> _Spoken | None:
        spoken = self._items.get(item)
        if spoken is None:
            spoken = self._items[item] = _Spoken("agent")
        return spoken if isinstance(spoken, _Spoken) and spoken.speaker == "agent" else None

    def _add(self, spoken: _Spoken) -> None:
        # A space never starts an id of the provider's. Counted, because items are also forgotten.
        self._unnamed += 1
        self._items[f" {self._unnamed}"] = spoken


def _is_settled(item: _Spoken | _Called) -> bool:
    if isinstance(item, _Called):
        return item.output is not None
    return (item.finished or item.cut) if item.speaker == "agent" else bool(item.text.strip())


def cut_text(text: str, heard_ms: int, received_ms: int) -> str:
    """The part of `text` that was spoken in the first `heard_ms` of `received_ms`, to whole words."""
    if heard_ms >= received_ms:
        return text if received_ms else ""
    end = len(text) * heard_ms // received_ms
    if end < len(text) and not text[end].isspace():
        end = max(text.rfind(" ", 0, end), 0)
    return text[:end].rstrip()
