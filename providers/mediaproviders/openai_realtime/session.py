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
    Reconnected,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Told,
    ToolCall,
    TurnCommitted,
)
from mediaproviders.history import History
from mediaproviders.openai_realtime import commands, errors
from mediaproviders.openai_realtime.answers import Answers
from mediaproviders.openai_realtime.events import (
    MalformedError,
    ResponseEnded,
    ServerError,
    SessionCreated,
    SessionUpdated,
    read,
)

MOST_NONSENSE: Final = 20
"""Senseless messages in a row after which the peer is given up."""


class Session:
    """One conversation, over however many connections. `send` takes a command as the bytes of a message."""

    def __init__(self, brief: Brief, send: Callable[[bytes], None]) -> None:
        self._brief = brief
        self._send = send
        self._provider_decides = brief.interruption == "provider"
        self.history = History(brief.history, brief.output_format)
        self.answers = Answers(send, provider_decides=self._provider_decides)
        self.events: deque[Event] = deque()
        """What the server has not yet taken."""
        self.ignored = 0
        """Events of the provider we have no use for."""
        self.malformed = 0
        """Messages that made no sense."""
        self.failure: ProviderError | None = None
        """Why the session cannot go on."""
        self.expired = False
        """The provider ended the session because of its age."""
        self._nonsense_in_a_row = 0
        self._audible = False
        self._items: dict[str, str] = {}
        """Which response an item of the agent belongs to."""

    # --- commands ---

    def remember(self, told: Iterable[Told]) -> None:
        """Tell the service what was said before this session."""
        told = tuple(told)
        self.history.remember(told)
        for message in commands.tell(told):
            self._send(message)

    def greet(self) -> None:
        """Have the greeting spoken, if the brief has one."""
        brief = self._brief
        if brief.greeting:
            self.answers.ask(commands.create_greeting(brief.instructions, brief.greeting, has_tools=bool(brief.tools)))

    def truncate(self, item: str, heard_ms: int) -> None:
        """Cut `item` to what was heard, here and at the provider; unknown items are left alone."""
        told_ms = self.history.truncate(item, heard_ms)
        if told_ms is not None:
            self._send(commands.truncate_item(item, told_ms))

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call."""
        if not self.answers.waits_for(call):
            self.events.append(Fault("unknown_call", f"no tool call {call} waits for a result"))
            return
        self.history.answered(call, output)
        self._send(commands.add_call_output(call, output))
        self.answers.answered(call)

    def send_text(self, text: str) -> None:
        """The caller wrote something that is to be answered."""
        self.history.typed(text)
        self._send(commands.add_message("user", text))
        self.answers.ask()

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._send(commands.add_message("system", text))
        self.answers.ask()

    # --- messages ---

    def receive(self, raw: bytes | str) -> None:
        """One message of the provider."""
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

    def restart(self, reason: str) -> None:
        """A new connection stands in for the lost one: tell it what was said, and ask again for what was due."""
        due = self.answers.restart()
        if due is not None:
            self.history.forget_unfinished()
        self._items.clear()
        self._audible = self.expired = False
        self._nonsense_in_a_row = 0
        self.replay()
        self.events.append(Reconnected(reason))
        if due is not None:
            self.answers.ask(due)

    def replay(self) -> None:
        """Tell a new connection what was said so far."""
        for message in commands.tell(self.history.told()):
            self._send(message)

    def _nonsense(self, fault: MalformedError) -> None:
        self.malformed += 1
        self._nonsense_in_a_row += 1
        self.events.append(Fault("malformed", str(fault)[:200]))
        if self._nonsense_in_a_row > MOST_NONSENSE:
            self.failure = ProviderError("the provider sends nothing that makes sense", code="protocol", retryable=True)

    # --- happenings ---

    def _on_audio(self, audio: Audio) -> None:
        if audio.response in self.answers.void or not self.history.agent_audio(audio.item, len(audio.data)):
            return
        self._items[audio.item] = audio.response
        self._audible = True
        self.events.append(audio)

    def _on_audio_done(self, done: AudioDone) -> None:
        if done.response not in self.answers.void:
            self.events.append(done)

    def _on_agent_words(self, words: AgentTranscript) -> None:
        if self._items.get(words.item, self.answers.active) in self.answers.void:
            return
        if self.history.agent_words(words.item, words.text, final=words.final):
            self.events.append(words)

    def _on_caller_words(self, words: CallerTranscript) -> None:
        if words.final:
            self.history.caller_words(words.item, words.text)
        self.events.append(words)

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
        self.history.caller_turn(turn.item)
        self.answers.turn_committed()
        self.events.append(turn)

    def _on_response_started(self, started: ResponseStarted) -> None:
        self.answers.created(started.response)
        self.events.append(started)

    def _on_response_ended(self, ended: ResponseEnded) -> None:
        done = ended.done
        if done.reason == "turn_detected" and done.response not in self.answers.void:
            self.answers.void.add(done.response)
            self.events.append(Interrupted())
        self.history.agent_finished()
        if ended.usage is not None:
            self.events.append(ended.usage)
        self.events.append(done)
        self.answers.done(done.response, answered=done.status != "cancelled")
        if done.status == "failed" and done.reason in errors.FATAL:
            self.failure = errors.from_code(done.reason, "the response failed")

    def _on_tool_call(self, call: ToolCall) -> None:
        if self.history.called(call):
            self.answers.called(call.call)
            self.events.append(call)

    def _on_error(self, error: ServerError) -> None:
        if error.code in errors.FATAL:
            self.failure = errors.from_code(error.code, error.message)
        if error.code == errors.EXPIRED:
            self.expired = True
        ours = error.about in (commands.ANSWER, commands.GREETING)
        busy = error.code == errors.ACTIVE_RESPONSE
        if (ours and busy) or (self.answers.asking and (ours or (busy and error.about is None))):
            self.answers.refused(busy=busy)
        self.events.append(Fault(error.code, error.message))

    def _on_fault(self, fault: Fault) -> None:
        self.events.append(fault)

    def _on_session(self, _: SessionCreated | SessionUpdated) -> None:
        self.ignored += 1


_HANDLERS: Final[dict[type[Any], Callable[[Session, Any], None]]] = {
    Audio: Session._on_audio,
    AudioDone: Session._on_audio_done,
    AgentTranscript: Session._on_agent_words,
    CallerTranscript: Session._on_caller_words,
    SpeechStarted: Session._on_speech_started,
    SpeechStopped: Session._on_speech_stopped,
    TurnCommitted: Session._on_turn,
    ResponseStarted: Session._on_response_started,
    ResponseEnded: Session._on_response_ended,
    ToolCall: Session._on_tool_call,
    ServerError: Session._on_error,
    Fault: Session._on_fault,
    SessionCreated: Session._on_session,
    SessionUpdated: Session._on_session,
}
