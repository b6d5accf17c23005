"""The conversation of one call: the model's events drive playout and floor; the floor drives the model.

One task per call runs :meth:`Talk.run`. Everything else is called on the same loop by the leg, the detector and the
engine, and returns at once.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from mediaproviders.contract import (
    Audio,
    AudioDone,
    Brief,
    Conversation,
    Event,
    Interrupted,
    Provider,
    ProviderError,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TookOver,
    ToolCall,
    TurnCommitted,
    Usage,
)
from mediaserver.rtp.playout import ItemEnded, ItemStarted, Playout
from mediaserver.talk.answering import Answering
from mediaserver.talk.budget import Budget
from mediaserver.talk.due import AnswerDue
from mediaserver.talk.ending import Ending
from mediaserver.talk.feed import Notes
from mediaserver.talk.keypad import MESSAGE, Keypad
from mediaserver.talk.last_words import LastWords
from mediaserver.talk.leg import Leg
from mediaserver.talk.minutes import Minutes
from mediaserver.talk.orders import Agent, Ready, Report
from mediaserver.talk.tools import Toolbox
from mediaserver.talk.transferring import Transferring
from mediaserver.talk.turn import Turn
from mediaserver.talk.voice import Voice
from mediaserver.talk.wishes import Wishes


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """What a conversation needs to know of the server's configuration."""

    receiver_buffer_ms: float = 40.0


class Talk:
    """One call's conversation."""

    def __init__(
        self,
        call: str,
        agent: Agent,
        provider: Provider,
        toolbox: Toolbox,
        leg: Leg,
        report: Callable[[Report], None],
        sorry: bytes,
        settings: TalkSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.call = call
        self.agent = agent
        self.turn = Turn(agent.turn)
        self.budget = Budget(agent.limits, agent.price)
        self._provider = provider
        self.toolbox = toolbox
        self._leg = leg
        self._report = report
        self._clock = clock
        self._log = structlog.get_logger().bind(call=call)
        self._session: Conversation | None = None
        self.notes = Notes(call, report, clock)
        """For who watches the call."""
        self._minutes = Minutes(self._log, self.notes)
        self._tasks: asyncio.TaskGroup | None = None
        self._last_words = LastWords(leg, settings.receiver_buffer_ms / 1000, clock)
        self._answering = Answering()
        self._ending = Ending(call, self._answering, self._last_words, report, sorry)
        self._transferring = Transferring(call, agent.transfer, self._answering, self._last_words, report)
        self._keypad = Keypad(agent.digits, self._entered, clock)
        self._held = self._retired = self._greeted = False
        self._due = AnswerDue(agent.stall_timeout_s)
        self._voice = Voice(
            self.turn,
            leg,
            self._minutes,
            self._due,
            self._last_words,
            settings.receiver_buffer_ms,
            lambda: self._session,
            self._log,
            self.notes,
            local=agent.interruption == "local",
        )
        self._wishes = Wishes(
            call,
            toolbox,
            agent.tool_timeout_s,
            self._due,
            self._ending,
            self._transferring,
            report,
            lambda: self._session,
            self._begin,
            clock,
            self._log,
            self.notes,
        )
        self._uplink_dropped_ms = 0.0  # by a session that is over

    @property
    def told_of_speech(self) -> bool:
        """The model tells when the caller begins and ends to speak."""
        return self._provider.traits.hears_speech_start

    # --- its life -----------------------------------------------------------------------------------------------------

    async def run(self, brief: Brief) -> None:
        """Open the session and converse until cancelled, or until the model is lost."""
        error: ProviderError | None = None
        try:
            async with self._provider.connect(brief) as session, asyncio.TaskGroup() as tasks:
                self._session, self._tasks = session, tasks
                try:
                    await self._converse(session)
                finally:
                    self._leave(session)
        except* ProviderError as group:
            error = _first(group)
        if error is not None:  # not within `except*`, which would wrap a cancellation in a group
            self._log.warning("provider.lost", code=error.code, message=str(error))
            if self._ending.begun:
                self._voice.finish_all()  # it has said goodbye, with what there is of it
            else:
                self._voice.break_off()
            # A transfer does not need the model: only if it fails is there a caller without anyone to talk to.
            await self._transferring.over.wait()
            await self._ending.lost(error, brief.output_format)

    async def _converse(self, session: Conversation) -> None:
        self._report(Ready(self.call))
        async for event in session:
            now = self._clock()
            self._due.heeded(now)
            self._happened(event, now)
        raise ProviderError("the model ended the session", code="session-ended", retryable=False)

    def _leave(self, session: Conversation) -> None:
        # Before the session and the tasks are wound up: the leg and the engine go on calling us meanwhile.
        if self._leg.uplink is not None:
            self._leg.uplink.sink = None
        self._keypad.close()
        self._session = self._tasks = None
        self._uplink_dropped_ms = session.dropped_ms

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        tasks = self._tasks
        if tasks is not None:
            try:
                tasks.create_task(work)
                return
            except RuntimeError:  # one of them has failed, and the group is about to end
                pass
        work.close()

    def media(self, playout: Playout) -> None:
        """The stream has begun: the caller can be heard and spoken to."""
        self._voice.playout = playout
        if self._leg.uplink is not None and self._session is not None:
            self._leg.uplink.sink = self._session.send_audio

    def greet(self) -> None:
        """The call is answered."""
        self.budget.begin(self._clock())
        if not self._greeted and self._session is not None:
            self._greeted = True
            if not self._answering.idle.is_set():
                return  # the caller spoke first and is being answered
            if self.agent.greeting and self._provider.traits.greeting != "none":
                self._due.expect(self._clock())
            self._session.greet()

    def hold(self, held: bool) -> None:
        """The caller puts us on hold, or comes back. Meanwhile nothing is played or waited for; then it goes on."""
        if held is self._held:
            return
        self._held = held
        now = self._clock()
        self._log.info("hold" if held else "resume.hold")
        self._due.heeded(now)
        if self._due.waiting:
            self._due.expect(now)

    def digit(self, digit: str) -> None:
        """The caller pressed a key."""
        settings, now = self.agent.digits, self._clock()
        if not settings.send or self._session is None or digit == "!":
            return
        if not self._provider.traits.text_input:
            self._log.warning("digits.unavailable", why="the model takes no text")
            return
        if settings.barge_in and not self._ending.begun and not self._transferring.under_way:
            self._voice.act(self.turn.provider_interrupts(), now, "key")
        self._keypad.press(digit, now)

    def _entered(self, digits: str) -> None:
        session = self._session
        if session is None or self._ending.begun:
            return
        self._log.info("digits", count=len(digits))  # they may be a secret of the caller's
        session.send_text(MESSAGE.format(digits=digits))
        self._due.expect(self._clock())

    def outcome(self, tool_call: str, text: str) -> None:
        """What became of something the model wanted of signalling."""
        self._wishes.outcome(tool_call, text)

    def retire(self) -> None:
        """The conversation is over, and the leg is not: what there is of its words is still played."""
        self._retired = True
        self.budget.end(self._clock())
        self._voice.finish_all()
        if self._leg.uplink is not None:
            self._leg.uplink.sink = None

    def counters(self) -> dict[str, float]:
        """What the conversation counted, by name."""
        dropped_ms = self._session.dropped_ms if self._session is not None else self._uplink_dropped_ms
        cost = self.budget.cost(self._clock())
        billed = {} if cost is None else {"cost_usd": round(cost, 6)}
        minutes = self._minutes
        counted = {**minutes.usage, **minutes.sessions, "provider_faults": minutes.faults.total()}
        return {**counted, **billed, "uplink_dropped_ms": dropped_ms}

    def watch(self, now: float) -> None:
        """Once a second: an answer that is due and does not come, or a voice not heeded, means the model is lost."""
        self._voice.act(self.turn.tick(now), now, "local")
        uplink = self._leg.uplink
        if self._voice.playout is None or uplink is None or self._tasks is None or self._retired:
            return
        leaving = self._ending.begun or self._transferring.tool_call is not None
        if self._session is not None and not leaving and (limit := self.budget.exceeded(now)) is not None:
            self._ending.begun = True
            self._log.info("limit", reason=limit)
            takes_text = self._provider.traits.text_input
            self._begin(self._ending.at_limit(limit, self._session, takes_text=takes_text))
        if self._held:
            return
        playing = self._voice.audible
        unheeded = self._due.unheeded(now, uplink.voice_began, uplink.last_voice, uplink.loud_s, playing)
        if (overdue := self._due.overdue(now, playing)) or unheeded:
            message = f"no answer within {self.agent.stall_timeout_s:g} s"
            self._begin(self._give_up("stalled", message, owed=overdue))

    async def _give_up(self, code: str, message: str, *, owed: bool) -> None:
        """The session is of no use: have it replaced, or end the conversation. `owed`: the next one is to answer."""
        if self._session is None or not self._session.renew(code):
            raise ProviderError(message, code=code, retryable=True)
        if owed:
            self._due.expect(self._clock())

    # --- what the model does ---------------------------------------------------------------------------------------

    def _happened(self, event: Event, now: float) -> None:
        match event:
            case Audio(item=item, data=audio):
                self._audio(item, audio, now)
            case AudioDone(item=item):
                self._voice.finish(item)
            case ResponseStarted():
                self._response_started(now)
            case ResponseDone(status=status, reason=reason):
                self._response_done(status, reason, now)
            case SpeechStarted():
                self._speech_started(now)
            case SpeechStopped():
                self._due.caller(speaks=False)
                self.notes.speaks("caller", False)
            case Interrupted():
                self._voice.act(self.turn.provider_interrupts(), now, "provider")
            case TurnCommitted():
                self._turn_committed(now)
            case ToolCall():
                if self._tasks is not None:
                    self._wishes.take(event, takes_text=self._provider.traits.text_input)
            case Reconnected():
                self._reconnected(now)
                self._minutes.take(event)
            case Usage():
                self.budget.used(event)
                self._minutes.take(event)
            case TookOver(model=model):
                self.budget.take_over(self.agent.prices.get(model), now)
                self._minutes.take(event)
            case _:
                self._minutes.take(event)

    def _audio(self, item: str, audio: bytes, now: float) -> None:
        if self._voice.playout is None:
            return
        if self._transferring.under_way:  # the caller is being put through, and hears somebody else
            self._voice.leave_unsaid(item)
            return
        self._voice.stopwatch.audio(now)
        self._due.said()
        self._answering.words.set()
        self._due.expect(now)
        self._voice.say(item, audio, now)

    def _reconnected(self, now: float) -> None:
        self._answering.idle.set()
        self._due.caller(speaks=False)
        self.notes.speaks("caller", False)
        if self._due.waiting:
            self._due.expect(now)
        self._voice.session_replaced(now)

    def _response_started(self, now: float) -> None:
        self._answering.idle.clear()
        self._due.begun(now)
        if self._transferring.under_way and self._session is not None:
            self._session.cancel()  # the caller is being put through, and hears somebody else
        self._voice.act(self.turn.answer(), now, "provider")

    def _response_done(self, status: str, reason: str | None, now: float) -> None:
        self._answering.idle.set()
        self._due.ended(now)
        self._voice.finish_all()  # one that failed does not say so of its items
        if status in ("failed", "incomplete"):
            self._log.warning("provider.response", status=status, reason=reason)
        leaving = self._ending.begun or self._transferring.under_way
        if status in ("completed", "failed") and self._voice.playout is not None and not leaving:
            self._ask_again_if_fruitless(reason if status == "failed" else None, now, failed=status == "failed")

    def _ask_again_if_fruitless(self, reason: str | None, now: float, *, failed: bool) -> None:
        """An answer that fails, or has nothing in it, is asked for once more, and then the model is given up."""
        count = self._due.fruitless(failed=failed)
        if count == 1 and self._session is not None:
            if not failed:
                self._log.warning("provider.empty_answer")
            self._session.create_response()
            self._due.expect(now)
        elif count > 1:
            code, message = "empty-answers", "two answers in a row had nothing in them"
            if failed:
                code, message = reason or "failed-answers", "an answer failed, and the one asked for in its place"
            self._begin(self._give_up(code, message, owed=True))

    def _speech_started(self, now: float) -> None:
        self._due.caller(speaks=True)
        self.notes.speaks("caller", True)
        if self.agent.interruption == "provider":
            self._voice.act(self.turn.provider_interrupts(), now, "provider")
            return
        self._voice.caller_speaks(now)

    def _turn_committed(self, now: float) -> None:
        uplink = self._leg.uplink
        last_voice = uplink.last_voice if uplink is not None else now
        self._due.caller(speaks=False)
        self.notes.speaks("caller", False)
        if self.agent.interruption == "local":
            if self._voice.ignorable(last_voice):
                self._log.info("turn.ignored", floor=self.turn.floor.name.lower())
                return
            if self._session is not None and not self._transferring.under_way:
                self._session.create_response()
        self._voice.stopwatch.committed(now, last_voice)
        self._due.expect(now)

    # --- what the caller does, and what is played --------------------------------------------------------------------

    def hint(self, now: float) -> None:
        """The gate heard an onset."""
        self._voice.act(self.turn.hint(now), now, "local")

    def judged(self, now: float, ms: float, speech: bool) -> None:
        """The detector judged `ms` of the caller's audio."""
        self._voice.act(self.turn.voice(now, ms, speech), now, "local")

    def played(self, events: list[ItemStarted | ItemEnded], now: float) -> None:
        """Playout has begun or ended items."""
        self._voice.played(events, now)


def _first(group: BaseExceptionGroup[ProviderError]) -> ProviderError:
    for error in group.exceptions:
        if isinstance(error, ProviderError):
            return error
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
    raise group
