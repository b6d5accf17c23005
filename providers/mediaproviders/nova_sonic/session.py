"""The state of a conversation: commands and wire events in, wire events and events out. No sockets, no clock."""

import base64
import binascii
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from mediaproviders.contract import Brief, Event, Fault, ProviderError, Said, Told, ToolCall
from mediaproviders.nova_sonic import commands, events, memory
from mediaproviders.nova_sonic.answers import Answers
from mediaproviders.nova_sonic.caller import Caller
from mediaproviders.nova_sonic.configuration import Setup
from mediaproviders.nova_sonic.events import MalformedError

MOST_NONSENSE: Final = 20
"""Senseless events in a row after which the peer is given up."""
MOST_BLOCKS: Final = 64
"""Content blocks that may be open at once; a service that never closes any is not followed for ever."""
GREET: Final = "Open the conversation now by saying: {greeting}"
INSTRUCT: Final = "(Not said by the caller. Act on this now: {text})"
GO_ON: Final = "(Not said by the caller. It is your turn: go on, or answer what was said last.)"
UNSPOKEN: Final = "this model answers only what it hears"


@dataclass(slots=True)
class _Block:
    kind: str
    role: str
    stage: str
    void: bool = False
    """Of a turn that was interrupted."""


class Session:
    """One conversation. `send` takes a command as the bytes of an event; audio goes its own way."""

    def __init__(self, brief: Brief, setup: Setup, generation: int, send: Callable[[bytes], None]) -> None:
        self._brief, self._setup, self._generation, self._send = brief, setup, generation, send
        self.prompt = commands.Prompt()
        self._told: list[Told] = list(brief.history)
        self._audio_begun = False
        self._blocks: dict[str, _Block] = {}
        self._uses: set[str] = set()
        numbers = count(1)

        def new_id() -> str:
            return f"nv-{next(numbers)}"

        self.events: deque[Event] = deque()
        """What the server has not yet taken."""
        self.caller = Caller(self.events.append, new_id)
        self.answers = Answers(self.events.append, new_id)
        self.ignored = 0
        """Events we have no use for."""
        self.failure: ProviderError | None = None
        """Why the session cannot go on."""
        self._nonsense_in_a_row = 0

    # --- commands ---

    def opening(self) -> list[bytes]:
        """The first events of a stream."""
        start = commands.event("promptStart", promptName=self.prompt.name, **self._setup.prompt_start)
        system = self.prompt.text("SYSTEM", [self._setup.system or "You are on the telephone."])
        return [self._setup.session_start, start, *system]

    def begin_audio(self) -> None:
        """Audio follows. The history has to be told before, so this waits for the first command that needs audio."""
        if not self._audio_begun:
            self._audio_begun = True
            for block in memory.blocks(self._told):
                self._say(self.prompt.text(block.role, block.parts))
            self._told.clear()
            self._send(self.prompt.begin_audio(self._setup.heard))

    def remember(self, told: Iterable[Told]) -> None:
        """What was said before this session."""
        if self._audio_begun:
            self._fault("too_late", "the history has to be told before anything else")
        else:
            self._told += told

    def greet(self) -> None:
        """Have the greeting spoken, if the brief has one."""
        if self._brief.greeting:
            self._ask(GREET.format(greeting=self._brief.greeting), "greeting")

    def create_response(self) -> None:
        """Have the model answer what was said last."""
        last = self._told[-1] if self._told and not self._audio_begun else None
        if self._generation > 1 and isinstance(last, Said) and last.speaker == "caller":
            # The only texts that are answered are new ones.
            self._told.pop()
            self._ask(last.text, "create_response")
        else:
            self._ask(GO_ON, "create_response")

    def send_text(self, text: str) -> None:
        """The caller wrote something that is to be answered."""
        self._ask(text, "send_text")

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._ask(INSTRUCT.format(text=text), "instruct")

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        if call not in self._uses:
            self._fault("unknown_call", f"no tool call {call} waits for a result")
            return
        self._uses.discard(call)
        self._say(self.prompt.tool_result(call, commands.as_object(output)))

    def closing(self) -> list[bytes]:
        """The last events of a stream."""
        return self.prompt.end(audio_begun=self._audio_begun)

    def _ask(self, text: str, command: str) -> None:
        if self._generation == 1:
            self._fault("unsupported", f"{command}: {UNSPOKEN}")
            return
        self.begin_audio()
        self._say(self.prompt.text("USER", list(memory.parts(text)) or [" "], interactive=True))

    def _say(self, content: Sequence[bytes]) -> None:
        for each in content:
            self._send(each)

    def _fault(self, code: str, message: str) -> None:
        self.events.append(Fault(code, message))

    # --- events ---

    def receive(self, raw: bytes) -> None:
        """One event of the service."""
        try:
            kind, fields = events.read(raw)
            handler = _HANDLERS.get(kind)
            if handler is None:
                self.ignored += 1
            else:
                handler(self, fields)
        except MalformedError as fault:
            self._nonsense(fault)
        else:
            self._nonsense_in_a_row = 0

    def ended(self) -> None:
        """The stream is over: what was left open is told."""
        self.caller.answered()
        self._settle()

    def _settle(self) -> None:
        if (usage := self.answers.bill.settle()) is not None:
            self.events.append(usage)

    def _nonsense(self, fault: MalformedError) -> None:
        self._nonsense_in_a_row += 1
        self._fault("malformed", str(fault)[:200])
        if self._nonsense_in_a_row >= MOST_NONSENSE:
            self.failure = ProviderError("the provider sends nothing that makes sense", code="protocol", retryable=True)

    def _on_content_start(self, fields: dict[str, Any]) -> None:
        block = _Block(events.text(fields, "type"), events.text(fields, "role"), events.stage(fields))
        self._blocks[events.text(fields, "contentId")] = block
        if len(self._blocks) > MOST_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        if block.kind == "AUDIO":
            self.caller.answered()
            self.answers.sounds()

    def _on_text(self, fields: dict[str, Any]) -> None:
        content = events.text(fields, "content")
        block = self._blocks.get(events.text(fields, "contentId"))
        if events.is_marker(content):
            self._interrupted()
        elif block is None:
            self.ignored += 1
        elif block.role == "USER":
            self.caller.words(content)
        elif block.stage == "SPECULATIVE" and not block.void:
            self.caller.answered()
            self.answers.words(content)

    def _on_audio(self, fields: dict[str, Any]) -> None:
        block = self._blocks.get(events.text(fields, "contentId"))
        if block is None or block.kind != "AUDIO" or block.void:
            self.ignored += 1
            return
        try:
            data = base64.b64decode(events.text(fields, "content"))
        except (binascii.Error, ValueError):
            raise MalformedError("audio that is not base64") from None
        self.answers.audio(data)

    def _on_tool(self, fields: dict[str, Any]) -> None:
        use, name = events.text(fields, "toolUseId"), events.text(fields, "toolName")
        self.caller.answered()
        if self.answers.uses_a_tool():
            self._uses.add(use)
            self.events.append(ToolCall(use, name, commands.decoded_arguments(fields.get("content", "{}"))))
        else:
            # The turn was stopped by us, of which the model does not know: it would wait for the result.
            self._say(self.prompt.tool_result(use, commands.as_object("cancelled")))

    def _on_content_end(self, fields: dict[str, Any]) -> None:
        block = self._blocks.pop(events.text(fields, "contentId"), None)
        stop = fields.get("stopReason")
        if stop == "INTERRUPTED":
            self._interrupted()
        elif block is None or block.void or stop != "END_TURN":
            return
        elif block.kind == "AUDIO" or (block.stage == "FINAL" and block.role == "ASSISTANT" and not self._sounding):
            self.answers.completed()

    def _on_completion_end(self, fields: dict[str, Any]) -> None:
        self.answers.completed()

    def _on_usage(self, fields: dict[str, Any]) -> None:
        self.answers.bill.add(events.tokens(fields))
        if not self.answers.active:
            # It may come after the turn it is about.
            self._settle()

    def _on_completion_start(self, fields: dict[str, Any]) -> None:
        self.ignored += 1

    @property
    def _sounding(self) -> bool:
        return any(block.kind == "AUDIO" for block in self._blocks.values())

    def _interrupted(self) -> None:
        for block in self._blocks.values():
            block.void = block.role != "USER"
        self.answers.interrupted()


_HANDLERS: Final[dict[str, Callable[[Session, dict[str, Any]], None]]] = {
    "completionStart": Session._on_completion_start,
    "contentStart": Session._on_content_start,
    "textOutput": Session._on_text,
    "audioOutput": Session._on_audio,
    "toolUse": Session._on_tool,
    "contentEnd": Session._on_content_end,
    "completionEnd": Session._on_completion_end,
    "usageEvent": Session._on_usage,
}
