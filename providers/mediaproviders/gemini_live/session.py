"""The state of a conversation: commands and wire messages in, wire messages and events out. No socket, no clock."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from mediaproviders.contract import (
    Brief,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    SpeechStarted,
    SpeechStopped,
    Told,
    TurnCommitted,
    Usage,
)
from mediaproviders.gemini_live import commands
from mediaproviders.gemini_live.answers import Answers
from mediaproviders.gemini_live.caller import Caller
from mediaproviders.gemini_live.events import (
    AgentWords,
    AudioPiece,
    CallerWords,
    Calls,
    CallsCancelled,
    GenerationComplete,
    GoAway,
    Handle,
    MalformedError,
    SetupComplete,
    Stopped,
    TurnComplete,
    read,
)
from mediaproviders.gemini_live.windows import Uplink, Windows
from mediaproviders.hearing import Listener, Pace

MOST_NONSENSE: Final = 20
"""Senseless messages in a row after which the peer is given up."""
_SILENT: Final = "NEED_MORE_INPUT"
_FINE: Final = frozenset({None, "TURN_COMPLETE_REASON_UNSPECIFIED", _SILENT})
"""Reasons for the end of a turn that are no trouble."""


type Ear = Callable[[Pace, Callable[[], str]], Listener]
"""Makes the listener of a session; what it is given last gives each turn an id."""


class Session:
    """One conversation over one connection. `clock` gives seconds, `stem` makes its ids different from any other's.

    `ear` hears the caller's turns, cut by `pace`; None: the service does it. `may_be_silent`: the model decides whether
    a turn wants an answer.
    """

    def __init__(
        self,
        brief: Brief,
        uplink: Uplink,
        clock: Callable[[], float],
        stem: str,
        *,
        ear: Ear | None = None,
        pace: Pace | None = None,
        may_be_silent: bool = False,
    ) -> None:
        self._brief = brief
        self._uplink = uplink
        self._clock = clock
        self._stem = stem
        self._may_be_silent = may_be_silent
        self._count = 0
        self._local = brief.interruption == "local"
        self.events: deque[Event] = deque()
        """What the server has not yet taken."""
        self.ignored = 0
        """Messages we have no use for."""
        self.malformed = 0
        """Messages that made no sense."""
        self.failure: ProviderError | None = None
        """Why the session cannot go on."""
        self.handle: str | None = None
        """With this the session can be gone on with over another connection."""
        self.ending_at: float | None = None
        """When the service ends the connection, if it has said so, by the clock."""
        self.going_away = False
        """It has said so."""
        self._answers = Answers(self.events.append, self._name)
        self._caller = Caller(self.events.append, self._name, ours=ear is not None)
        self._windows: Windows | None = None
        if ear is not None:
            pace = pace or Pace()
            listener = ear(pace, lambda: self._name("turn"))
            heard = brief.input_format
            self._windows = Windows(listener, heard, uplink, self._turn, self._floor, local=self._local, pace=pace)
        self._texts: deque[str] = deque()
        self._nudging = False
        self._nonsense_in_a_row = 0
        self._audible = False
        self._stop_expected = False
        self._stopped = False
        self._generated = False

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"gm-{kind}-{self._stem}-{self._count}"

    # --- commands ---

    def hear(self, audio: bytes) -> None:
        """Caller audio. Hot: once per packet."""
        if self._windows is None:
            self._uplink.add_audio(audio)
        else:
            self._windows.hear(audio)

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped in here, in ms."""
        return self._windows.dropped_ms if self._windows is not None else 0.0

    def remember(self, told: Iterable[Told]) -> None:
        """Tell the service what was said before this session."""
        turns = commands.turns(told)
        if turns:
            self._uplink.add_command(commands.content(turns, complete=False))

    def greet(self) -> None:
        """Have the greeting spoken, if the brief has one."""
        if self._brief.greeting:
            self._say(commands.greeting(self._brief.greeting))

    def create_response(self) -> None:
        """Ask for an answer to the caller's turn, or to what was said before."""
        now = self._clock()
        if self._windows is not None and self._windows.answer():
            self._answers.asked(now)
        elif not self._answers.calls and not self._answers.is_due(now):
            # Once its tools have answered it goes on by itself.
            self._nudging = True
            self._settle()

    def cancel(self) -> None:
        """Stop the response in progress, also one only asked for; forget one that waits its turn."""
        self._texts.clear()
        self._nudging = False
        now = self._clock()
        had_floor = self._answers.holds_floor(now)
        self._answers.cancel(now)
        if self._windows is not None and self._local:
            self._windows.cancel(had_floor=had_floor)

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call; nothing if the model has given it up."""
        name = self._answers.calls.pop(call, None)
        if name is None:
            return
        self._uplink.add_command(commands.tool_result(call, name, output))
        if not self._answers.calls:
            self._answers.asked(self._clock())

    def send_text(self, text: str) -> None:
        """The caller wrote something that is to be answered."""
        self._say(text)

    def instruct(self, text: str) -> None:
        """Have the model act on something the caller did not say."""
        self._say(commands.instruction(text))

    # --- time ---

    def next_deadline(self) -> float | None:
        """When :meth:`tick` wants to be called; None: not."""
        settles_at = self._caller.settles_at
        if not self._waits or settles_at is not None or self._is_taken():
            return settles_at
        return self._answers.floor_until()

    def tick(self) -> None:
        """Time has passed."""
        self._caller.tick(self._clock())
        self._settle()

    def _say(self, text: str) -> None:
        self._texts.append(text)
        self._settle()

    def _settle(self) -> None:
        """Give the service the texts that wait, once nobody speaks: in the middle of a turn they are an error."""
        now = self._clock()
        if self._waits and not self._is_taken() and not self._answers.holds_floor(now):
            turns: list[commands.Turn] = [("user", "\n".join(self._texts) or commands.GO_ON)]
            self._texts.clear()
            self._nudging = False
            if self._windows is not None:
                self._windows.give_way()
            self._uplink.add_command(commands.content(turns, complete=True))
            self._answers.asked(now)

    @property
    def _waits(self) -> bool:
        """Something is to be said to the service."""
        return bool(self._texts) or self._nudging

    def _is_taken(self) -> bool:
        """Somebody is in the middle of something whose end will be told."""
        return self._caller.is_open or self._answers.busy or (self._windows is not None and self._windows.speaking)

    def _floor(self) -> bool:
        return self._answers.holds_floor(self._clock())

    # --- messages ---

    def receive(self, raw: bytes | str) -> None:
        """One message of the service."""
        try:
            signals = read(raw)
        except MalformedError as fault:
            self._nonsense(fault)
            return
        self._nonsense_in_a_row = 0
        if not signals:
            self.ignored += 1
        for signal in signals:
            _HANDLERS[type(signal)](self, signal)
        if self._waits:
            self._settle()

    def lost(self) -> None:
        """The connection is gone: what the caller said so far is said."""
        self._caller.commit()
        self._caller.answered()

    def _nonsense(self, fault: MalformedError) -> None:
        self.malformed += 1
        self._nonsense_in_a_row += 1
        self.events.append(Fault("malformed", str(fault)[:200]))
        if self._nonsense_in_a_row >= MOST_NONSENSE:
            self.failure = ProviderError("the provider sends nothing that makes sense", code="protocol", retryable=True)

    # --- our own detector ---

    def _turn(self, event: SpeechStarted | SpeechStopped | TurnCommitted) -> None:
        if isinstance(event, SpeechStarted):
            self._caller.begins(event.item)
        self.events.append(event)
        if self._local:
            return
        now = self._clock()
        if isinstance(event, SpeechStarted):
            # The start of a turn stops the model; the service's own word for it comes later.
            self._stop_expected = True
            if self._answers.cancel(now) or self._audible:
                self.events.append(Interrupted())
            self._audible = False
        elif isinstance(event, TurnCommitted):
            self._answers.asked(now)

    # --- signals ---

    def _on_audio(self, piece: AudioPiece) -> None:
        answers = self._answers
        if answers.active is None:
            self._begin()
        if not answers.void:
            self._audible = True
            answers.audio(piece.data, self._clock())

    def _on_agent_words(self, words: AgentWords) -> None:
        if self._answers.is_late() and not self._caller.is_open:
            self._answers.late_words(words.text)
            return
        self._begin()
        self._answers.words(words.text)

    def _on_caller_words(self, words: CallerWords) -> None:
        self._caller.words(words.text, self._clock())

    def _on_calls(self, calls: Calls) -> None:
        self._begin()
        for call in calls.calls:
            self._answers.call(call)
        # Until its tools have answered it says no more. What it says then is a response of its own.
        self._answers.end()

    def _on_calls_cancelled(self, cancelled: CallsCancelled) -> None:
        for call in cancelled.calls:
            self._answers.calls.pop(call, None)

    def _on_stopped(self, _: Stopped) -> None:
        answers = self._answers
        was_active = answers.active is not None
        foreseen = answers.void or self._stop_expected or self._local
        answers.end("cancelled")
        answers.resolved()
        answers.silenced()
        if self._windows is None:
            # What was asked for and had not begun never will.
            answers.forget()
        self._stop_expected, self._stopped = False, True
        if was_active or not foreseen:
            self.events.append(Interrupted())
            self._audible = False
        if was_active:
            self._caller.answered()
        self._caller.interrupts()

    def _on_generation_complete(self, _: GenerationComplete) -> None:
        self._answers.end()
        self._answers.resolved()
        self._caller.answered()

    def _on_turn_complete(self, turn: TurnComplete) -> None:
        answers, trouble = self._answers, turn.reason not in _FINE
        if trouble and answers.active is None:
            self.events.append(Fault("turn_incomplete", str(turn.reason)))
        answers.end("incomplete" if trouble else "completed", turn.reason if trouble else None)
        empty = not (self._generated or self._stopped or answers.calls)
        if empty and (self._may_be_silent or turn.reason == _SILENT):
            self._caller.passed_over()
        elif empty:
            self._empty_answer()
        answers.played(empty=empty)
        self._caller.answered()
        self._generated = self._stopped = False

    def _empty_answer(self) -> None:
        """The model had nothing to say where something was due. It happens, and the server wants to know."""
        asked = self._answers.is_due(self._clock())
        if asked or self._windows is None:
            # A turn that is over without an answer: unless we asked for one, the service has heard the caller.
            self._caller.answer_begins(unasked=not asked)
            self._answers.begin()
            self._answers.end()

    def _on_usage(self, usage: Usage) -> None:
        self.events.append(usage)

    def _on_handle(self, handle: Handle) -> None:
        self.handle = handle.handle

    def _on_go_away(self, leaving: GoAway) -> None:
        self.going_away = True
        self.ending_at = self._clock() + (leaving.left_s or 0.0)

    def _on_setup_complete(self, _: SetupComplete) -> None:
        self.ignored += 1

    def _begin(self) -> None:
        """Something of an answer has come."""
        answers = self._answers
        if answers.active is None and not answers.void:
            self._caller.answer_begins(unasked=not answers.is_due(self._clock()))
            answers.begin()
            self._generated, self._stop_expected = True, False
            self._nudging = False


_HANDLERS: Final[dict[type[Any], Callable[[Session, Any], None]]] = {
    AudioPiece: Session._on_audio,
    AgentWords: Session._on_agent_words,
    CallerWords: Session._on_caller_words,
    Stopped: Session._on_stopped,
    GenerationComplete: Session._on_generation_complete,
    TurnComplete: Session._on_turn_complete,
    Calls: Session._on_calls,
    CallsCancelled: Session._on_calls_cancelled,
    Usage: Session._on_usage,
    Handle: Session._on_handle,
    GoAway: Session._on_go_away,
    SetupComplete: Session._on_setup_complete,
}
