"""One call, from INVITE to BYE: it answers SIP and orders the media plane, and touches neither sockets nor audio."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

import structlog

from mediaproviders.contract import ProviderError
from mediaserver.call.end import BEARER_LOST, NORMAL, RECOVERY_ON_TIMER, TEMPORARY_FAILURE, CallEnd, Result
from mediaserver.call.signalling import Media, Signalling
from mediaserver.errors import MediaServerError, RemoteProtocolError
from mediaserver.sdp.negotiate import Capabilities, accept, answer, offer
from mediaserver.sdp.plan import MediaPlan
from mediaserver.talk.orders import Agent, Close, Connect, Describe, Greet, Open

_INTERNAL_ERROR = CallEnd(Result.FAILED, "internal-error", cause=TEMPORARY_FAILURE)


@dataclass(frozen=True, slots=True)
class CallSettings:
    """A call's part of the configuration. Times in seconds."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    answer_deadline_s: float = 8.0
    max_call_s: float = 3600.0
    retry_after_s: int = 5


class State(Enum):
    """How far a call has come."""

    RINGING = auto()
    ANSWERED = auto()
    """The 200 is out, its ACK is not here yet."""
    TALKING = auto()
    OVER = auto()


class Call:
    """One call. It takes its steps on the event loop: at SIP's events, the media plane's reports, and timers.

    `address` finds our address as the caller sees it. `over` is told when the call ends, `gone` when the media plane
    has let go as well.
    """

    def __init__(
        self,
        call: str,
        leg: int,
        agent: Agent,
        address: Callable[[], str],
        settings: CallSettings,
        signalling: Signalling,
        media: Media,
        over: Callable[["Call"], None],
        gone: Callable[["Call"], None],
    ) -> None:
        self.id = call
        self.leg = leg
        self.agent = agent
        self.state = State.RINGING
        self.end: CallEnd | None = None
        self._address = address
        self._settings = settings
        self._signalling = signalling
        self._media = media
        self._over = over
        self._gone = gone
        self._local = ("", 0)
        self._session_id = random.SystemRandom().getrandbits(62)
        self._version = 0
        self._answer: bytes | None = None
        self._plan: MediaPlan | None = None
        self._our_offer: bytes | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._began = time.monotonic()
        self._answered_at: float | None = None
        self._released = False
        self._log = structlog.get_logger().bind(call=call)

    def take[**P](self, step: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Take a step of this call. Whatever it raises ends the call, and only this one: nothing leaves here."""
        try:
            step(*args, **kwargs)
        except Exception as fault:
            self._log.error("call.failed", exc_info=fault)
            if self.state is not State.OVER:
                self._finish(replace(_INTERNAL_ERROR, sip_status=self._break_off()))

    # --- from SIP -----------------------------------------------------------------------------------------------------

    def incoming(self, sdp: bytes | None) -> None:
        """The INVITE: ring, and get the model ready."""
        settings = self._settings
        try:
            self._local = (self._address(), self._media.open(Open(self.id, self.agent)))
            if sdp is not None:
                agreed = answer(sdp, settings.capabilities, self._local, self._session_id, self._version)
                self._answer, self._plan = agreed.sdp, agreed.plan
        except RemoteProtocolError as error:
            self._reject(error.status or 488, "unacceptable-media", str(error))
            return
        except (MediaServerError, ProviderError) as error:
            self._reject(503, "no-media", str(error))
            return
        self._signalling.provisional(self.leg, 180)
        self._log.info("call.ringing")
        self._after(settings.answer_deadline_s, self._too_late)
        encoding = self._plan.receive[0].encoding if self._plan is not None else settings.capabilities.codecs[0]
        self._media.order(Connect(self.id, "PCMA" if encoding == "PCMA" else "PCMU"))

    def acknowledged(self, sdp: bytes | None) -> None:
        """The ACK, of the INVITE or of a re-INVITE; it carries the answer to an offer of ours."""
        if self._our_offer is not None and not self._answered_offer(sdp):
            return
        if self.state is State.ANSWERED:
            self.state = State.TALKING
            self._media.order(Greet(self.id))

    def _answered_offer(self, sdp: bytes | None) -> bool:
        assert self._our_offer is not None
        try:
            if sdp is None:
                raise RemoteProtocolError("the ACK carries no answer to our offer", status=488)
            plan = accept(self._our_offer, sdp, self._settings.capabilities)
        except RemoteProtocolError as error:
            self._hang_up(CallEnd(Result.FAILED, "unacceptable-media", cause=NORMAL), str(error))
            return False
        self._our_offer = None
        self._media.order(Describe(self.id, plan))
        return True

    def reinvited(self, sdp: bytes | None) -> None:
        """A new offer within the call, or a request for one."""
        self._version += 1
        if sdp is None:
            self._our_offer = self._make_offer()
            self._signalling.answer_reinvite(self.leg, self._our_offer)
            return
        try:
            agreed = answer(sdp, self._settings.capabilities, self._local, self._session_id, self._version)
        except RemoteProtocolError as error:
            self._version -= 1
            self._log.info("call.reinvite_refused", why=str(error))
            self._signalling.reject_reinvite(self.leg, error.status or 488)
            return
        self._log.info("call.media_changed", direction=agreed.plan.direction.value, codec=agreed.plan.send.encoding)
        self._signalling.answer_reinvite(self.leg, agreed.sdp)
        self._media.order(Describe(self.id, agreed.plan))

    def cancelled(self) -> None:
        """The caller gave up."""
        self._finish(CallEnd(Result.CANCELLED, "cancelled", 487))

    def ended(self, by_peer: bool, reason: str) -> None:
        """The dialog is gone: a BYE, or SIP could not go on."""
        result = Result.COMPLETED if by_peer else Result.FAILED
        self._finish(CallEnd(result, "caller-hung-up" if by_peer else reason))

    # --- from the media plane -----------------------------------------------------------------------------------------

    def ready(self) -> None:
        """The model is there: answer."""
        if self.state is not State.RINGING:
            return
        self.state = State.ANSWERED
        self._clear_timers()
        self._after(self._settings.max_call_s, self._too_long)
        self._answered_at = time.monotonic()
        self._log.info("call.answered", after_ms=round((self._answered_at - self._began) * 1000, 1))
        if self._plan is None or self._answer is None:
            self._our_offer = self._make_offer()
            self._signalling.answer(self.leg, self._our_offer)
            return
        self._signalling.answer(self.leg, self._answer)
        self._media.order(Describe(self.id, self._plan))

    def lost(self, code: str, message: str) -> None:
        """The model cannot be reached, or is gone for good."""
        if self.state is State.RINGING:
            self._reject(503, f"model-{code}", message)
        else:
            self._hang_up(CallEnd(Result.FAILED, f"model-{code}", cause=TEMPORARY_FAILURE), message)

    def hang_up(self, reason: str, message: str) -> None:
        """The agent ends the call."""
        cause = NORMAL if reason == "agent-hung-up" else RECOVERY_ON_TIMER
        self._hang_up(CallEnd(Result.COMPLETED, reason, cause=cause), message)

    def silent(self, seconds: float) -> None:
        """The caller has vanished."""
        self._hang_up(CallEnd(Result.FAILED, "media-timeout", cause=BEARER_LOST), f"no packet for {seconds:.0f} s")

    def closed(self, counters: Mapping[str, float]) -> None:
        """The media plane has let go: the end of the call is complete."""
        self._gone(self)
        end, released, self._released = self.end, self._released, True
        if end is None or released:
            return
        now = time.monotonic()
        self._log.info(
            "call.ended",
            result=end.result.value,
            reason=end.reason,
            sip_status=end.sip_status,
            duration_s=round(now - self._answered_at, 3) if self._answered_at is not None else 0.0,
            **{name: round(value, 1 if name.endswith("_ms") else 6) for name, value in counters.items()},
        )

    def drop(self) -> None:
        """The server stops: end it now."""
        if self.state is State.RINGING:
            self._reject(503, "shutting-down", "the server stops")
        else:
            self._hang_up(CallEnd(Result.COMPLETED, "shutting-down", cause=TEMPORARY_FAILURE), "the server stops")

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _too_late(self) -> None:
        self._reject(503, "answer-deadline", f"no model session within {self._settings.answer_deadline_s:g} s")

    def _too_long(self) -> None:
        end = CallEnd(Result.COMPLETED, "max-duration", cause=RECOVERY_ON_TIMER)
        self._hang_up(end, f"longest call is {self._settings.max_call_s:g} s")

    def _reject(self, status: int, reason: str, message: str) -> None:
        if self.state is not State.RINGING:
            return
        self._log.warning("call.rejected", reason=reason, message=message, sip_status=status)
        headers = [("Retry-After", str(self._settings.retry_after_s))] if status == 503 else []
        self._signalling.reject(self.leg, status, headers)
        self._finish(CallEnd(Result.REJECTED, reason, status))

    def _hang_up(self, end: CallEnd, message: str) -> None:
        if self.state is State.RINGING:  # there is no dialog to end yet
            self._reject(503, end.reason, message)
            return
        if self.state is State.OVER:
            return
        self._log.info("call.hanging_up", reason=end.reason, message=message)
        self._signalling.bye(self.leg, end.reason_header)
        self._finish(end)

    def _finish(self, end: CallEnd) -> None:
        if self.state is State.OVER:
            return
        self.state, self.end = State.OVER, end
        self._clear_timers()
        self._over(self)
        try:
            self._media.order(Close(self.id))
        except Exception as fault:
            # The call must not be kept for a report that will not come.
            self._log.error("call.failed", exc_info=fault)
            self.closed({})

    def _break_off(self) -> int | None:
        """Tell the caller that the call broke: by a 500 while it rings, else by a BYE. The status, if it was one."""
        try:
            if self.state is not State.RINGING:
                self._signalling.bye(self.leg, _INTERNAL_ERROR.reason_header)
                return None
        except Exception as fault:  # the 200 may be what broke: then it still rings there
            self._log.error("call.failed", exc_info=fault)
        try:
            self._signalling.reject(self.leg, 500)
        except Exception as fault:
            self._log.error("call.failed", exc_info=fault)
            return None
        return 500

    # --- small ------------------------------------------------------------------------------------------------------

    def _make_offer(self) -> bytes:
        return offer(self._settings.capabilities, self._local, self._session_id, self._version)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, self.take, then))

    def _clear_timers(self) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
