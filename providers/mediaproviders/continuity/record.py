"""A conversation over all its sessions: what was said, what is owed, who has the floor. No sockets, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mediaproviders.continuity.calls import Calls
from mediaproviders.continuity.debts import ANSWER, Ask, Debts
from mediaproviders.continuity.names import Names
from mediaproviders.continuity.recent import Recent
from mediaproviders.continuity.retold import retold
from mediaproviders.continuity.settings import ContinuitySettings
from mediaproviders.continuity.turns import Turns
from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    Told,
    ToolCall,
    TurnCommitted,
    Usage,
)
from mediaproviders.history import INAUDIBLE, History

_PLAYOUT_S: Final = 0.25
"""Playout ends so much later than its audio lasts, at the caller's ear."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new session needs to go on where the last one stopped."""

    told: Sequence[Told]
    audio: Sequence[bytes]
    """Caller audio that it should have heard."""
    due: Ask | None


class Record:
    """One conversation. Takes the current session's events and gives them on to `emit`, with unique ids.

    Times are in seconds of any one clock.
    """

    def __init__(self, brief: Brief, settings: ContinuitySettings, emit: Callable[[Event], None]) -> None:
        self.history = History(brief.history, brief.output_format)
        self.debts = Debts(settings.answer_s)
        self._turns = Turns(settings.transcript_s)
        self.recent = Recent(brief.input_format, int(settings.replay_s * 1000))
        self._settings = settings
        self._emit = emit
        self._bytes_per_s = brief.output_format.bytes_per_ms * 1000
        self._items, self._responses, self._calls = Names(), Names(), Calls()
        self._session = 0
        self._hears_speech_start = True
        self._mid_turn = False
        """The caller has said something that is in no closed turn."""
        self._spoke = False
        self._served = False
        self._plays_until = 0.0
        self._audible = -1
        """Whose audio was last received."""

    # --- sessions ---

    def lose(self, now: float, *, in_vain: bool = False, lingers: bool = False) -> None:
        """The session is gone or about to go; `in_vain`: the server waited for it, and nothing came.

        `lingers`: it may yet have words to tell.
        """
        self._turns.session_lost(now, lingers=lingers)
        debts = self.debts
        debts.lose(now, in_vain=in_vain)
        if not in_vain or debts.due:
            return
        if self.history.unanswered or debts.failed:
            debts.ask(ANSWER, now)
        else:
            self._mid_turn = True  # what it was to heed is in no turn that we know of

    @property
    def spoke(self) -> bool:
        """The current session has said or done something for the caller."""
        return self._spoke

    @property
    def served(self) -> bool:
        """It has said all of something, and not been stopped in it."""
        return self._served

    def begin(self, session: int, *, provider_decides: bool, hears_speech_start: bool) -> Beginning:
        """Another session goes on, the nth, counted from 0."""
        unheeded_ms = self._unheeded_ms()
        speaking = self.debts.speaking or unheeded_ms is not None
        wordless = self._wordless_turns()
        again = self._turns.hear_again(wordless, speaking=speaking)
        if again:
            self.history.forget_unfinished()
            self.history.forget(item for item in wordless if item not in self._turns)
        self.debts.speaking = speaking or bool(again)
        due = self.debts.resume()
        if self.debts.cut_short:
            self.history.forget_unfinished()
        else:
            self.history.agent_finished()  # it stays as far as it came
        self.debts.provider_decides = provider_decides
        missed_ms = self._settings.preroll_ms
        if unheeded_ms is not None:
            missed_ms = max(missed_ms, unheeded_ms + self._settings.onset_ms)
        audio = again + self.recent.newest(None if self._mid_turn or again else missed_ms)
        self._hears_speech_start = hears_speech_start
        if session:
            for each in (self._items, self._responses, self._calls):
                each.begin()
        self._session = session
        self._spoke = self._served = False
        for item in self._turns.lost():
            self._caller_words(CallerTranscript(item, INAUDIBLE, final=True))
        return Beginning(self._retold(), audio, due)

    def _wordless_turns(self) -> list[str]:
        """Turns that are to be answered yet, and whose words the lost session has taken with it."""
        return self.history.wordless_turns() if self.debts.due else []

    def settled_history(self, now: float | None) -> tuple[Told, ...]:
        """What a session that is opened `now` can be told already: what is not likely to change.

        None: as it will be if the agent is not interrupted.
        """
        settled = retold(self.history.settled(), self.debts.open_calls)
        if now is not None and now < self._plays_until:
            while settled and isinstance(last := settled[-1], Said) and last.speaker == "agent":
                settled.pop()  # it may yet be interrupted
        return tuple(settled)

    def goes_on_from(self, told: Sequence[Told]) -> bool:
        """What was told is still how it was."""
        return self._retold()[: len(told)] == list(told)

    def _retold(self) -> list[Told]:
        return retold(self.history.told(), self.debts.open_calls)

    # --- the schedule's questions ---

    @property
    def generating(self) -> bool:
        """The agent's answer is being generated."""
        return self.debts.generating

    def owed(self, now: float) -> bool:
        """The agent's answer should begin any moment."""
        return self.debts.owed(now) or (self._unheeded_ms() is not None and not self.recent.loud)

    def quiet(self, now: float) -> bool:
        """It is between turns."""
        return self.debts.quiet(now) and self._unheeded_ms() is None

    def _unheeded_ms(self) -> int | None:
        """How many ms ago the caller began to say what the session, which does not tell, seems not to have heeded."""
        return None if self._hears_speech_start else self.recent.voice(int(self._settings.heed_s * 1000))

    def settled(self, now: float) -> bool:
        """Transcripts have come, and what is to be heard was heard."""
        return not self.untranscribed(now) and now >= self._plays_until + _PLAYOUT_S

    def untranscribed(self, now: float) -> bool:
        """The words of a closed turn may still come."""
        return bool(self._turns.awaited(now))

    # --- commands ---

    def own_item(self, item: str) -> str | None:
        """What the current session calls the item; None: it is none of its."""
        return self._items.own(item)

    def truncate(self, item: str, heard_ms: int, now: float) -> None:
        """The caller heard only so much of the agent's item."""
        self._plays_until = now
        self.history.truncate(item, heard_ms)

    def answered(self, call: str, output: str, now: float) -> tuple[str | None, str | None]:
        """A tool returned. The call as the current session knows it, or else an instruction that tells the result.

        Neither while other calls of earlier sessions are open: the model goes on once, with all results.
        """
        waits = call in self.debts.open_calls
        if waits:
            self.history.answered(call, output)
            self.debts.answered(call, now)
        return self._calls.returned(call, output, self.debts.open_calls, waits=waits)

    # --- events ---

    def happened(self, event: Event, now: float) -> None:
        """The current session's next event."""
        handler = _HANDLERS.get(type(event))
        if handler is None:
            self._emit(event)
        else:
            handler(self, event, now)

    def trickled(self, event: Event, session: int) -> None:
        """An event of an earlier session: only what was said is still of interest, and what it cost."""
        if isinstance(event, Usage):
            self._emit(event)
        elif isinstance(event, CallerTranscript) and event.final:
            item = self._items.earlier(session, event.item)
            if item is not None and item in self._turns:
                self._caller_words(replace(event, item=item))

    def _on_audio(self, audio: Audio, now: float) -> None:
        size = len(audio.data)
        item = self._items.unique(audio.item)
        if not self.history.agent_audio(item, size):
            return
        begins = self._plays_until if self._plays_until > now else now
        self._plays_until = begins + size / self._bytes_per_s
        self._audible = self._session
        self._spoke = True
        audio.item, audio.response = item, self._responses.unique(audio.response)
        self._emit(audio)

    def _on_audio_done(self, done: AudioDone, now: float) -> None:
        self._emit(AudioDone(self._items.unique(done.item), self._responses.unique(done.response)))

    def _on_agent_words(self, words: AgentTranscript, now: float) -> None:
        item = self._items.unique(words.item)
        if self.history.agent_words(item, words.text, final=words.final):
            self._spoke = True
            self._emit(words if item == words.item else replace(words, item=item))

    def _on_speech_started(self, started: SpeechStarted, now: float) -> None:
        self.debts.speaking = True
        if not self._mid_turn:
            self._mid_turn = True
            self.recent.trim(self._settings.onset_ms)
        if not self._turns.only_again:
            self._emit(replace(started, item=self._items.unique(started.item)))
            self._caller_has_the_floor(now)

    def _caller_has_the_floor(self, now: float) -> None:
        if self.debts.provider_decides and self._audible != self._session and now < self._plays_until:
            # It does not know of what an earlier session said, and that is still playing.
            self._plays_until = now
            self._emit(Interrupted())

    def _on_speech_stopped(self, stopped: SpeechStopped, now: float) -> None:
        self.debts.speaking = False
        self._emit(replace(stopped, item=self._items.unique(stopped.item)))

    def _on_turn(self, turn: TurnCommitted, now: float) -> None:
        item = self._items.unique(turn.item)
        if not self._turns.only_again:
            self._caller_has_the_floor(now)
        self.history.caller_turn(item)
        self.debts.turn(now)
        self._mid_turn = False
        self._turns.closed(item, self.recent.newest(), now)
        self.recent.clear()
        self._emit(TurnCommitted(item))

    def _on_caller_words(self, words: CallerTranscript, now: float) -> None:
        self._caller_words(replace(words, item=self._items.unique(words.item)))

    def _caller_words(self, words: CallerTranscript) -> None:
        if words.final:
            self.history.caller_words(words.item, words.text)
            self._turns.worded(words.item)
        self._emit(words)

    def _on_interrupted(self, interrupted: Interrupted, now: float) -> None:
        self.debts.interrupted()
        self._plays_until = now
        self._emit(interrupted)

    def _on_response_started(self, started: ResponseStarted, now: float) -> None:
        response = self._responses.unique(started.response)
        self.debts.started(response)
        if not self.debts.speaking and (self._mid_turn or not self._hears_speech_start):
            # It answers a turn it did not report as closed. The next one may have begun already.
            self._mid_turn = False
            if self.recent.loud:
                self.recent.trim(self._settings.onset_ms)
            else:
                self.recent.clear()
        self._emit(ResponseStarted(response))

    def _on_response_done(self, done: ResponseDone, now: float) -> None:
        response = self._responses.unique(done.response)
        self.history.agent_finished()
        if self._spoke and done.status == "completed":
            self._served = True
            self._turns.answered()
        self.debts.done(response, answered=done.status != "cancelled", failed=done.status == "failed")
        self._emit(replace(done, response=response))

    def _on_tool_call(self, called: ToolCall, now: float) -> None:
        called = self._calls.unique(called)
        if self.history.called(called):
            self.debts.called(called.call)
            self._spoke = True
            self._emit(called)


_HANDLERS: Final[dict[type[Any], Callable[[Record, Any, float], None]]] = {
    Audio: Record._on_audio,
    AudioDone: Record._on_audio_done,
    AgentTranscript: Record._on_agent_words,
    CallerTranscript: Record._on_caller_words,
    SpeechStarted: Record._on_speech_started,
    SpeechStopped: Record._on_speech_stopped,
    TurnCommitted: Record._on_turn,
    Interrupted: Record._on_interrupted,
    ResponseStarted: Record._on_response_started,
    ResponseDone: Record._on_response_done,
    ToolCall: Record._on_tool_call,
}
"""Of events that say something of the conversation; the others are only given on."""
