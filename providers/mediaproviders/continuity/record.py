"""A conversation over all its sessions: what was said, what is owed, who has the floor. No sockets, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from mediaproviders.continuity.debts import ANSWER, Ask, Debts
from mediaproviders.continuity.names import Names
from mediaproviders.continuity.recent import Recent
from mediaproviders.continuity.settings import ContinuitySettings
from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Event,
    Fault,
    Interrupted,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    RolledOver,
    Said,
    SpeechStarted,
    SpeechStopped,
    Told,
    TookOver,
    ToolCall,
    TurnCommitted,
    Usage,
    Used,
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
        self.recent = Recent(brief.input_format, int(settings.replay_s * 1000))
        self._settings = settings
        self._emit = emit
        self._bytes_per_s = brief.output_format.bytes_per_ms * 1000
        self._items, self._responses, self._calls = Names(), Names(), Names()
        self._used: dict[str, ToolCall] = {}
        self._late_results: list[str] = []
        self._session = 0
        self._hears_speech_start = True
        self._mid_turn = False
        """The caller has said something that is in no closed turn."""
        self._untranscribed: dict[str, float] = {}
        """Closed turns whose words are missing, and since when."""
        self._turn_audio: dict[str, list[bytes]] = {}
        """Of closed turns that have been neither transcribed nor answered."""
        self._again: list[bytes] = []
        """Of such turns, what the current session was given and has not closed as a turn of its own."""
        self._only_again = False
        """That is all it can have heard: nobody is speaking now."""
        self._lost_words: list[str] = []
        """Turns whose words the last session has taken with it."""
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
        self._lost_words = [] if lingers else self._words_awaited(now)
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
        again = self._again = self._again + self._heard_in_vain()
        self._only_again = bool(again) and not (self.debts.speaking or unheeded_ms is not None)
        self.debts.speaking = self.debts.speaking or unheeded_ms is not None or bool(again)
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
            for names in (self._items, self._responses, self._calls):
                names.begin()
        self._session = session
        self._spoke = self._served = False
        for item in self._lost_words:
            if item in self._untranscribed:
                self._caller_words(CallerTranscript(item, INAUDIBLE, final=True))
        return Beginning(self._for_others(self.history.told()), audio, due)

    def _heard_in_vain(self) -> list[bytes]:
        """Audio of the turns that are to be answered yet, and whose words the lost session has taken with it."""
        turns = self.history.wordless_turns() if self.debts.due else []
        audio = [chunk for item in turns for chunk in self._turn_audio.get(item, ())]
        if audio:
            self.history.forget_unfinished()
            for item in turns:
                self.history.forget(item)
                self._untranscribed.pop(item, None)
        self._turn_audio.clear()
        return audio

    def settled_history(self, now: float | None) -> tuple[Told, ...]:
        """What a session that is opened `now` can be told already: what is not likely to change.

        None: as it will be if the agent is not interrupted.
        """
        settled = self._for_others(self.history.settled())
        if now is not None and now < self._plays_until:
            while settled and isinstance(last := settled[-1], Said) and last.speaker == "agent":
                settled.pop()  # it may yet be interrupted
        return tuple(settled)

    def goes_on_from(self, told: Sequence[Told]) -> bool:
        """What was told is still how it was."""
        return self._for_others(self.history.told())[: len(told)] == list(told)

    def _for_others(self, history: list[Told]) -> list[Told]:
        """Calls get ids of their own: a session may count its own calls from 1 as the last one did.

        Not every session takes the result of another's call. So a tool that is still running is told in words, and
        its result will be.
        """
        told: list[Told] = []
        for each in history:
            if not isinstance(each, Used):
                told.append(each)
            elif each.call in self.debts.open_calls:
                running = f"The tool {each.name} was called with {each.arguments}. Its result will follow."
                told.append(Said("system", running))
            else:
                told.append(replace(each, call=f"told_{len(told) + 1}"))
        return told

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
        return bool(self._words_awaited(now))

    def _words_awaited(self, now: float) -> list[str]:
        patience_s = self._settings.transcript_s
        return [item for item, since in self._untranscribed.items() if now - since < patience_s]

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
        own = self._calls.own(call)
        if waits:
            self.history.answered(call, output)
            self.debts.answered(call, now)
        if own is not None or not waits:
            return own or call, None
        used = self._used[call]
        self._late_results.append(f"The tool {used.name}, called before with {used.arguments}, returned: {output}")
        if any(self._calls.own(other) is None for other in self.debts.open_calls):
            return None, None
        results, self._late_results = self._late_results, []
        return None, "\n".join(results)

    # --- events ---

    def happened(self, event: Event, now: float) -> None:
        """The current session's next event."""
        _HANDLERS[type(event)](self, event, now)

    def trickled(self, event: Event, session: int) -> None:
        """An event of an earlier session: only what was said is still of interest, and what it cost."""
        if isinstance(event, Usage):
            self._emit(event)
        elif isinstance(event, CallerTranscript) and event.final:
            item = self._items.earlier(session, event.item)
            if item in self._untranscribed:
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
        if not self._only_again:
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
        if not self._only_again:
            self._caller_has_the_floor(now)
        self.history.caller_turn(item)
        self.debts.turn(now)
        self._mid_turn = False
        self._turn_audio[item] = self._again + self.recent.newest()
        self._again, self._only_again = [], False
        self.recent.clear()
        self._untranscribed[item] = now
        self._emit(TurnCommitted(item))

    def _on_caller_words(self, words: CallerTranscript, now: float) -> None:
        self._caller_words(replace(words, item=self._items.unique(words.item)))

    def _caller_words(self, words: CallerTranscript) -> None:
        if words.final:
            self.history.caller_words(words.item, words.text)
            self._untranscribed.pop(words.item, None)
            self._turn_audio.pop(words.item, None)
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
            self._turn_audio.clear()
            self._again, self._only_again = [], False
        self.debts.done(response, answered=done.status != "cancelled", failed=done.status == "failed")
        self._emit(replace(done, response=response))

    def _on_tool_call(self, called: ToolCall, now: float) -> None:
        called = replace(called, call=self._calls.unique(called.call))
        if self.history.called(called):
            self._used[called.call] = called
            self.debts.called(called.call)
            self._spoke = True
            self._emit(called)

    def _on_other(self, event: Event, now: float) -> None:
        self._emit(event)


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
    Usage: Record._on_other,
    Fault: Record._on_other,
    Reconnected: Record._on_other,
    RolledOver: Record._on_other,
    TookOver: Record._on_other,
}
