"""A call of ours."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mediaproviders.contract import ProviderError
from mediaserver.call.attempt import Reached
from mediaserver.call.call import Call
from mediaserver.call.desk import Desk
from mediaserver.call.dialling import Dialling
from mediaserver.call.end import CallEnd, Result
from mediaserver.call.lifetime import INTERNAL_ERROR, State
from mediaserver.call.route import Route, Wanted
from mediaserver.errors import MediaServerError
from mediaserver.sdp.plan import MediaPlan
from mediaserver.talk.orders import Agent, Connect, Greet

type Watch = Callable[[str, Mapping[str, object]], None]
"""Told how a call of ours fares: `dialling`, `ringing`, `answered`, `ended`, with what there is to say of it."""


class Outgoing(Call):
    """From the wish to call somebody to the end. `agent` speaks once the callee has answered; None: nobody does."""

    def __init__(
        self,
        name: str,
        agent: Agent | None,
        wanted: Wanted,
        routes: Sequence[Route],
        desk: Desk,
        *,
        watch: Watch = lambda what, fields: None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(name, agent, routes[0].trunk, desk)
        self.wanted = wanted
        self.on_answer: Callable[[], None] = lambda: None
        """Told when somebody has answered and is described to the media plane."""
        self.on_end: Callable[[CallEnd], None] = lambda end: None
        """Told when nobody has answered, or the call is over."""
        self._capabilities = routes[0].capabilities
        self._watch = watch
        self._dialling: Dialling | None = Dialling(
            desk, wanted, routes, self.ports, self, self.take, self.log, headers=headers
        )
        self._greeted = False
        self._model_ready = agent is None

    def begin(self) -> None:
        """Take a port, have the model get ready, and dial: nobody's phone rings for a model that is not there."""
        if self.state is State.OVER:
            return
        desk = self.desk
        try:
            self.ports.pair()
        except (MediaServerError, ProviderError) as error:
            self._give_up(CallEnd(Result.FAILED, "no-media"), str(error))
            return
        if self.agent is None:
            self._dial()
            return
        self._after(desk.settings.answer_deadline_s, self._too_late)
        desk.media.order(Connect(self.id, self._capabilities.codecs[0]))

    def _dial(self) -> None:
        if self._dialling is not None:
            self._watch("dialling", {"to": self.wanted.number})
            self._dialling.start()

    # --- from the dialling --------------------------------------------------------------------------------------------

    def dialled(self, leg: int) -> None:
        """It belongs to the call."""
        self.desk.ladders.joined(self.id, leg)

    def rings(self, status: int, plan: MediaPlan | None) -> None:
        """Early media open the stream; the agent does not hear them: an announcement is nobody to talk to."""
        self._watch("ringing", {"status": status})
        if plan is not None:
            self.stream.preview(plan, heard=self.agent is None)

    def reached(self, reached: Reached) -> None:
        """Somebody has answered, and the ACK is out."""
        self._dialling = None
        self.leg, self.route, self.trunk = reached.leg, reached.route, reached.route.trunk
        self.stream.begin(reached.negotiation)
        self.desk.calls.bind(reached.leg, self)
        self._established_now(State.TALKING)
        self._watch("answered", {})
        self.stream.tell()
        self._spoken_to()
        self.on_answer()

    def nobody(self, end: CallEnd) -> None:
        """Nobody has answered."""
        self._dialling = None
        self.log.info("call.unanswered", reason=end.reason, sip_status=end.sip_status, message=end.detail)
        self.finish(end)

    # --- as a call ----------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        if self.state is State.BEGINNING and not self._model_ready:
            self._model_ready = True
            self._clear_timers()
            self._dial()

    def _spoken_to(self) -> None:
        if self.agent is not None and not self._greeted:
            self._greeted = True
            self.desk.media.order(Greet(self.id))

    @property
    def _peer_hung_up(self) -> str:
        return "callee-hung-up"

    def _too_late(self) -> None:
        end = CallEnd(Result.FAILED, "answer-deadline")
        self._give_up(end, f"no model session within {self.desk.settings.answer_deadline_s:g} s")

    def _give_up(self, end: CallEnd, message: str) -> None:
        self.log.info("call.hanging_up", reason=end.reason, message=message)
        if end.result is Result.COMPLETED:
            end = replace(end, result=Result.CANCELLED)
        self._stop_dialling(end)
        self.finish(end)

    def _break_off(self) -> int | None:
        """By a BYE, or a CANCEL while it rings."""
        try:
            if self.established and self.leg is not None:
                self.desk.signalling.bye(self.leg, INTERNAL_ERROR.reason_header)
            self._stop_dialling(INTERNAL_ERROR)
        except Exception as fault:
            self.log.error("call.failed", exc_info=fault)
        return None

    def _stop_dialling(self, end: CallEnd) -> None:
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.give_up(end.reason_header)

    def _finish(self, end: CallEnd) -> None:
        super()._finish(end)
        self._watch("ended", {"result": end.result.value, "reason": end.reason, "status": end.sip_status})
        self.on_end(end)


def place(
    desk: Desk,
    name: str,
    agent: Agent | None,
    wanted: Wanted,
    *,
    watch: Watch = lambda what, fields: None,
    headers: Sequence[tuple[str, str]] = (),
) -> Outgoing:
    """Begin a call by the ways out there are; without an agent it is to be bridged. Raises RouteRefusedError."""
    call = Outgoing(name, agent, wanted, desk.routes.out(wanted), desk, watch=watch, headers=headers)
    desk.calls.enter(call)
    asyncio.get_running_loop().call_soon(call.take, call.begin)
    return call
