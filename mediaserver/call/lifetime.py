"""The life of a call: it begins, is answered or not, and ends exactly once, whatever is raised on the way."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum, auto
from functools import partial

import structlog

from mediaserver.call.desk import Desk
from mediaserver.call.end import RECOVERY_ON_TIMER, TEMPORARY_FAILURE, CallEnd, Result
from mediaserver.call.record import Record
from mediaserver.talk.orders import Close

INTERNAL_ERROR = CallEnd(Result.FAILED, "internal-error", cause=TEMPORARY_FAILURE)
"""A bug of ours ended it."""


class State(Enum):
    """How far a call has come."""

    BEGINNING = auto()
    """It rings, here or there."""
    ANSWERED = auto()
    """Our 200 is out, its ACK is not here yet."""
    TALKING = auto()
    OVER = auto()


class Lifetime(ABC):
    """What any call has, whatever happens in it: a name, a leg, timers, and an end, which is written down."""

    def __init__(self, name: str, desk: Desk) -> None:
        self.id = name
        self.desk = desk
        self.leg: int | None = None
        self.state = State.BEGINNING
        self.end: CallEnd | None = None
        self.log = structlog.get_logger().bind(call=name)
        self.record = Record(self.log)
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def way(self) -> str:
        """How it came: a transport of SIP, or "whip"; "out" if it is ours."""
        return "out"

    def take[**P](self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Take a step of this call. Whatever it raises ends the call, and only this one: nothing leaves here."""
        try:
            step(*args, **kwargs)
        except Exception as fault:
            self.log.error("call.failed", exc_info=fault)
            if self.state is not State.OVER:
                self._finish(replace(INTERNAL_ERROR, sip_status=self._break_off()))

    @property
    def established(self) -> bool:
        """It is answered, and not over."""
        return self.state in (State.ANSWERED, State.TALKING)

    def take_down(self) -> None:
        """The server stops: end it now."""
        end = CallEnd(Result.COMPLETED, "shutting-down", cause=TEMPORARY_FAILURE)
        self.take(self.hang_up, end, "the server stops")

    def hang_up(self, end: CallEnd, message: str) -> None:
        """End it from our side."""
        if self.state is State.OVER:
            return
        if not self.established:
            self._give_up(end, message)
            return
        self.log.info("call.hanging_up", reason=end.reason, message=message)
        if self.leg is not None:
            self.desk.signalling.bye(self.leg, end.reason_header)
        self.finish(end)

    def finish(self, end: CallEnd) -> None:
        """It is over, and SIP knows."""
        if self.state is not State.OVER:
            self._finish(end)

    # --- for what a call is made of -----------------------------------------------------------------------------------

    @abstractmethod
    def _give_up(self, end: CallEnd, message: str) -> None:
        """End it before it is answered."""

    @abstractmethod
    def _break_off(self) -> int | None:
        """Tell the peer that the call broke, whatever state it is in; our final answer, if it was one."""

    @abstractmethod
    def _let_go(self, end: CallEnd) -> None:
        """It has ended: release whatever it held, besides its media."""

    def _finish(self, end: CallEnd) -> None:
        self.state, self.end = State.OVER, end
        self._clear_timers()
        calls = self.desk.calls
        if self.leg is not None:
            calls.release(self.leg)
        calls.over(self.id)
        self.desk.feeds.over(self.id, end)
        try:
            self._let_go(end)
        except Exception as fault:
            self.log.error("call.failed", exc_info=fault)
        try:
            self.desk.media.order(Close(self.id))
        except Exception as fault:
            # The call must not be kept for a report that will not come.
            self.log.error("call.failed", exc_info=fault)
            self._closed({})

    def _closed(self, counters: Mapping[str, float]) -> None:
        """The media plane has let go: the end of the call is complete."""
        self.desk.calls.gone(self.id)
        if self.end is None:
            return
        spoken_s = self.record.write(self.end, counters, partial(self.desk.ladders.ended, self.id))
        if spoken_s is not None:
            self.desk.tally.ended(self.way, self.end, spoken_s, counters)

    def _established_now(self, state: State) -> None:
        self.state = state
        self._clear_timers()
        self._after(self.desk.settings.max_call_s, self._too_long)
        self.desk.tally.answered(self.way, self.record.answered())
        assert self.record.answered_at is not None
        self.desk.feeds.answered(self.id, self.record.answered_at)

    def _too_long(self) -> None:
        end = CallEnd(Result.COMPLETED, "max-duration", cause=RECOVERY_ON_TIMER)
        self.hang_up(end, f"longest call is {self.desk.settings.max_call_s:g} s")

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.take, then))

    def _clear_timers(self) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
