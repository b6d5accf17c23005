"""A call that came to us."""

from collections.abc import Callable

from mediaproviders.contract import ProviderError
from mediaserver.call.call import Call
from mediaserver.call.desk import Desk
from mediaserver.call.end import CallEnd, Result, by_cancel
from mediaserver.call.lifetime import INTERNAL_ERROR, State
from mediaserver.errors import MediaServerError, RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sip.events import Cancelled, Event, Flow
from mediaserver.talk.orders import Agent, Connect, Greet


class Incoming(Call):
    """From its INVITE to the end. `address` finds our address as the caller sees it.

    A caller who is not `proven` hears nothing before the ACK: a small forged INVITE would send a stream to its victim.
    """

    def __init__(
        self,
        name: str,
        leg: int,
        agent: Agent,
        trunk: str | None,
        address: Callable[[], str],
        desk: Desk,
        flow: Flow,
        *,
        proven: bool = True,
    ) -> None:
        super().__init__(name, agent, trunk, desk)
        self.leg: int = leg
        self._address = address
        self._flow = flow
        self._proven = proven
        self._answer: bytes | None = None

    @property
    def way(self) -> str:
        """The transport it came by."""
        return self._flow.transport

    def incoming(self, sdp: bytes | None) -> None:
        """The INVITE: ring, and get the model ready."""
        desk, settings = self.desk, self.desk.settings
        capabilities = desk.routes.capabilities(self.trunk)
        try:
            path = desk.paths.path(self.trunk, self._flow)
            local = self.ports.towards(path, self._address, sdp)
            self.stream.begin(Negotiation(capabilities, local, self.session_id, path))
            if sdp is not None:
                self._answer = self._agree(sdp)
                desk.paths.check(self.stream.agreed, self.trunk, self._flow)
        except RemoteProtocolError as error:
            self._reject(error.status or 488, "unacceptable-media", str(error))
            return
        except (MediaServerError, ProviderError) as error:
            self._reject(503, "no-media", str(error))
            return
        early = settings.early_media and self._answer is not None and self._proven
        desk.signalling.provisional(self.leg, 183 if early else 180, self._answer if early else None)
        self.log.info("call.ringing")
        self._after(settings.answer_deadline_s, self._too_late)
        plan = self.stream.agreed
        if early and plan is not None:
            self.stream.preview(plan, heard=False)
        encoding = plan.receive[0].encoding if plan is not None else capabilities.codecs[0]
        desk.media.order(Connect(self.id, encoding))

    def _agree(self, offer: bytes) -> bytes:
        """Our answer to the first offer. Raises RemoteProtocolError for one that cannot be agreed to."""
        return self.stream.answer(offer)

    def _happened(self, event: Event) -> None:
        if isinstance(event, Cancelled):
            self.finish(by_cancel(event.reason))
        else:
            super()._happened(event)

    def _reinvited(self, sdp: bytes | None) -> None:
        answer = self.stream.reinvited(self.leg, sdp)
        if answer is not None and self.state is State.BEGINNING:
            self._answer = answer  # an UPDATE before the answer: it is what our 200 has to agree with

    def _ready(self) -> None:
        """The model is there: answer."""
        if self.state is not State.BEGINNING:
            return
        self._established_now(State.ANSWERED)
        if self._answer is None:
            self.desk.signalling.answer(self.leg, self.stream.offer())
            return
        self.desk.signalling.answer(self.leg, self._answer)
        if self._proven:
            self.stream.tell()

    def _spoken_to(self) -> None:
        if self.stream.plan is None:
            self.stream.tell()
        self.desk.media.order(Greet(self.id))

    @property
    def _peer_hung_up(self) -> str:
        return "caller-hung-up"

    def _too_late(self) -> None:
        self._reject(503, "answer-deadline", f"no model session within {self.desk.settings.answer_deadline_s:g} s")

    def _give_up(self, end: CallEnd, message: str) -> None:
        self._reject(503, end.reason, message)

    def _reject(self, status: int, reason: str, message: str) -> None:
        if self.state is not State.BEGINNING:
            return
        self.log.warning("call.rejected", reason=reason, message=message, sip_status=status)
        headers = [("Retry-After", str(self.desk.settings.retry_after_s))] if status == 503 else []
        self.desk.signalling.reject(self.leg, status, headers)
        self.finish(CallEnd(Result.REJECTED, reason, status))

    def _break_off(self) -> int | None:
        """By a 500 while it rings, else by a BYE."""
        signalling = self.desk.signalling
        try:
            if self.established:
                signalling.bye(self.leg, INTERNAL_ERROR.reason_header)
                return None
        except Exception as fault:  # the 200 may be what broke: then it still rings there
            self.log.error("call.failed", exc_info=fault)
        try:
            signalling.reject(self.leg, 500)
        except Exception as fault:
            self.log.error("call.failed", exc_info=fault)
            return None
        return 500
