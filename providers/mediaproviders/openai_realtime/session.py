"""The state of a conversation: commands and wire messages in, wire messages and events out. No sockets, no clock."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Told,
    ToolCall,
    TurnCommitted,
    Used,
)
from mediaproviders.openai_realtime import commands, errors
from mediaproviders.openai_realtime.answers import Answers
from mediaproviders.openai_realtime.dialects import ACTIVE_RESPONSE, EXPIRED, NO_ACTIVE_RESPONSE, OPENAI, Dialect
from mediaproviders.openai_realtime.events import (
    AgentWords,
    CallerSoFar,
    ItemAdded,
    ItemDeleted,
    MalformedError,
    Opened,
    ResponseEnded,
    ServerError,
    SessionUpdated,
    read,
)
from mediaproviders.openai_realtime.items import AgentItems
from mediaproviders.openai_realtime.memory import Memory

MOST_NONSENSE: Final = 20
"""Senseless messages in a row after which the peer is given up."""


class Session:
    """One conversation over one connection. `send` takes a command as the bytes of a message."""

    def __init__(self, brief: Brief, send: Callable[[bytes], None], dialect: Dialect = OPENAI) -> None:
        self._brief = brief
        self._send = send
        self._dialect = dialect
        self._provider_decides = brief.interruption == "provider"
        answer = commands.create_answer(brief, dialect)
        self.answers = Answers(send, answer=answer, provider_decides=self._provider_decides)
        self.events: deque[Event] = deque()
        """What the server has not yet taken."""
        self.ignored = 0
        """Events of the service we have no use for."""
        self.malformed = 0
        """Messages that made no sense."""
        self.failure: ProviderError | None = None
        """Why the session cannot go on."""
        self._items = AgentItems(brief.output_format.bytes_per_ms)
        self._memory = Memory(send, dialect.agent_text) if brief.modality == "text" else None
        self._response_of: dict[str, str] = {}
        self._calls: set[str] = set()
        self._turns: dict[str, str | None] = {}
        """The transcript of each turn of the caller so far; None: it is final."""
        self._disordered: set[str] = set()
        """Responses that did not keep to their beginning and end."""
        self._nonsense_in_a_row = 0
        self._audible = False

    # --- commands ---

    def remember(self, told: Iterable[Told]) -> None:
        """Tell the service what was said before this session."""
        told = tuple(told)
        for each in told:
            if isinstance(each, Used):
                self._calls.add(each.call)
                if each.output is None:
                    self.answers.called_before(each.call)
        for message in commands.tell(told, self._dialect.agent_text):
            self._send(message)

    def greet(self) -> None:
        """Have the greeting spoken, if the brief has one."""
        if self._brief.greeting:
            self.answers.ask(commands.create_greeting(self._brief, self._brief.greeting, self._dialect))

    def truncate(self, item: str, heard_ms: int) -> None:
        """Cut `item` to what was heard, here and at the service; unknown items are left alone."""
        told_ms = self._items.truncate(item, heard_ms)
        if told_ms is not None and self._memory is None:
            self._send(commands.truncate_item(item, told_ms))

    def amend(self, item: str, text: str) -> None:
        """Text modality: put what was heard in the place of `item`; unknown items are left alone."""
        if self._memory is not None and self._items.cut(item):
            response = self._response_of.get(item)
            active = response if response == self.answers.active else None
            self._memory.amend(item, text, being_written=active)

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        if not self.answers.waits_for(call):
            self.events.append(Fault("unknown_call", f"no tool call {call} waits for a result"))
            return
        self._send(commands.add_call_output(call, output))
        self.answers.answered(call)

    def send_text(self, text: str) -> None:
        """The caller wrote something that is to be answered."""
        self._send(commands.add_message("user", text))
        self.answers.ask()

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._send(commands.add_message("system", text))
        self.answers.ask()

    # --- messages ---

    def receive(self, raw: bytes | str) -> None:
        """One message of the service."""
        try:
            happening = read(raw)
        except MalformedError as fault:
            self._nonsense(fault)
            return
        self._nonsense_in_a_row = 0
        if happening is None:
            self.ignored += 1
        else:
            _HANDLERS[type(happening)](self, happening)

    def _nonsense(self, fault: MalformedError) -> None:
        self.malformed += 1
        self._nonsense_in_a_row += 1
        self.events.append(Fault("malformed", str(fault)[:200]))
        if self._nonsense_in_a_row > MOST_NONSENSE:
            self.failure = ProviderError("the provider sends nothing that makes sense", code="protocol", retryable=True)

    # --- what the agent says ---

    def _goes_on(self, response: str) -> bool:
        """`response` may be added to: it began, is not over, and was not stopped."""
        answers = self.answers
        if response == answers.active or response in answers.void:
            return response not in answers.void
        # Once for each: what else comes of it is dropped without a word.
        if response not in self._disordered:
            self._disordered.add(response)
            when = "after its end" if response in answers.over else "before its beginning"
            self.events.append(Fault("wrong_order", f"response {response} speaks {when}"))
        return False

    def _on_audio(self, audio: Audio) -> None:
        if self._goes_on(audio.response) and self._items.add_audio(audio.item, len(audio.data)):
            self._response_of[audio.item] = audio.response
            self._audible = True
            self.events.append(audio)

    def _on_audio_done(self, done: AudioDone) -> None:
        if self._goes_on(done.response):
            self.events.append(done)

    def _on_agent_words(self, words: AgentWords) -> None:
        response = words.response or self._response_of.get(words.item) or self.answers.active
        if (response is None or self._goes_on(response)) and self._items.add_words(words.item):
            if response is not None:
                self._response_of[words.item] = response
            self.events.append(AgentTranscript(words.item, words.text, words.final))

    def _on_tool_call(self, call: ToolCall) -> None:
        if call.call not in self._calls:
            self._calls.add(call.call)
            self.answers.called(call.call)
            self.events.append(call)

    # --- what the caller says ---

    def _on_caller_words(self, words: CallerTranscript) -> None:
        so_far = self._turns.get(words.item, "")
        if so_far is not None:
            self._turns[words.item] = None if words.final else so_far + words.text
            self.events.append(words)

    def _on_caller_so_far(self, words: CallerSoFar) -> None:
        so_far = self._turns.get(words.item, "")
        # What was revised cannot be taken back piece by piece: the whole puts it right.
        if so_far is not None and len(words.text) > len(so_far) and words.text.startswith(so_far):
            self._turns[words.item] = words.text
            self.events.append(CallerTranscript(words.item, words.text[len(so_far) :], final=False))

    def _on_speech_started(self, started: SpeechStarted) -> None:
        self.answers.speaking = True
        self.events.append(started)
        if self._provider_decides:
            # A finished answer may still be playing: it was generated faster than it is spoken.
            if self.answers.interrupted() or self._audible:
                self.events.append(Interrupted())
            self._audible = False

    def _on_speech_stopped(self, stopped: SpeechStopped) -> None:
        self.answers.speaking = False
        self.events.append(stopped)

    def _on_turn(self, turn: TurnCommitted) -> None:
        self.answers.turn_committed()
        self.events.append(turn)

    # --- responses ---

    def _on_response_started(self, started: ResponseStarted) -> None:
        answers = self.answers
        if started.response == answers.active or started.response in answers.over:
            return
        if answers.active is not None:
            # Some services say nothing more of a response that was stopped before its first word.
            self._end(ResponseDone(answers.active, "cancelled", "abandoned"))
        answers.created(started.response)
        self.events.append(started)

    def _on_response_ended(self, ended: ResponseEnded) -> None:
        done = ended.done
        if done.response in self.answers.over:
            # Told twice; yet what waited for the service to be free may go now.
            self.answers.done(done.response, answered=False)
            return
        if done.reason == "turn_detected" and done.response not in self.answers.void:
            self.answers.void.add(done.response)
            self.events.append(Interrupted())
        if ended.usage is not None:
            self.events.append(ended.usage)
        self._end(done)
        if done.status == "failed" and done.reason in errors.FATAL:
            self.failure = errors.from_code(done.reason, "the response failed")

    def _end(self, done: ResponseDone) -> None:
        self.events.append(done)
        if self._memory is not None:
            self._memory.response_over(done.response)
        self.answers.done(done.response, answered=done.status != "cancelled")

    # --- the rest ---

    def _on_item_added(self, added: ItemAdded) -> None:
        if self._memory is not None:
            self._memory.order.added(added.item, added.after)

    def _on_item_deleted(self, deleted: ItemDeleted) -> None:
        if self._memory is not None:
            self._memory.order.deleted(deleted.item)

    def _on_error(self, error: ServerError) -> None:
        code = self._dialect.code_of(error.code, error.message)
        if code in errors.FATAL or code == EXPIRED:
            self.failure = errors.from_code(code, error.message)
        self.events.append(Fault(code, error.message))
        answers = self.answers
        if code == NO_ACTIVE_RESPONSE and answers.active in answers.void:
            about = error.about or f"{commands.CANCEL}{answers.active}"
            if about == f"{commands.CANCEL}{answers.active}":
                self._end(ResponseDone(str(answers.active), "cancelled", "abandoned"))
            return
        ours = error.about in (commands.ANSWER, commands.GREETING)
        busy = code == ACTIVE_RESPONSE
        if (ours and busy) or (answers.asking and (ours or (busy and error.about is None))):
            answers.refused(busy=busy)

    def _on_fault(self, fault: Fault) -> None:
        self.events.append(fault)

    def _on_session(self, _: Opened | SessionUpdated) -> None:
        self.ignored += 1


_HANDLERS: Final[dict[type[Any], Callable[[Session, Any], None]]] = {
    Audio: Session._on_audio,
    AudioDone: Session._on_audio_done,
    AgentWords: Session._on_agent_words,
    CallerTranscript: Session._on_caller_words,
    CallerSoFar: Session._on_caller_so_far,
    SpeechStarted: Session._on_speech_started,
    SpeechStopped: Session._on_speech_stopped,
    TurnCommitted: Session._on_turn,
    ResponseStarted: Session._on_response_started,
    ResponseEnded: Session._on_response_ended,
    ToolCall: Session._on_tool_call,
    ItemAdded: Session._on_item_added,
    ItemDeleted: Session._on_item_deleted,
    ServerError: Session._on_error,
    Fault: Session._on_fault,
    Opened: Session._on_session,
    SessionUpdated: Session._on_session,
}
