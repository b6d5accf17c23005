"""A call, whoever began it: it answers SIP and orders the media plane, and touches neither sockets nor audio."""

import random
from abc import abstractmethod

from mediaserver.call.desk import Desk
from mediaserver.call.end import BEARER_LOST, NORMAL, RECOVERY_ON_TIMER, TEMPORARY_FAILURE, CallEnd, Result
from mediaserver.call.keypad import Keypad
from mediaserver.call.keys import pressed_by_info
from mediaserver.call.lifetime import Lifetime, State
from mediaserver.call.media_ports import MediaPorts
from mediaserver.call.route import Route
from mediaserver.call.stream import Stream
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sip.events import (
    Acknowledged,
    ChangeRefused,
    Ended,
    Event,
    InfoReceived,
    Reinvited,
    SessionChanged,
    TransferAsked,
    TransferProgress,
)
from mediaserver.talk.digits import Inband
from mediaserver.talk.orders import (
    Agent,
    Bridge,
    Closed,
    HangUp,
    KeysWanted,
    Left,
    Lost,
    Open,
    Pressed,
    Ready,
    Report,
    Silent,
    TransferWanted,
    Unprotected,
)


class Call(Lifetime):
    """One call. It takes its steps on the event loop: at SIP's events, the media plane's reports, and timers.

    `agent` None: a leg that is bridged with another.
    """

    refers = True
    """The peer can be asked to call somebody else (REFER); else it is put through from here."""

    def __init__(self, name: str, agent: Agent | None, trunk: str | None, desk: Desk) -> None:
        super().__init__(name, desk)
        self.agent = agent
        self.trunk = trunk
        self.route: Route | None = None
        """The way out it took, if it took one: its place is given back at the end."""
        self.partner: Call | None = None
        """The call it is bridged with."""
        self.stream = Stream(name, desk.signalling, desk.media, self.log)
        self.session_id = random.SystemRandom().getrandbits(62)
        self.ports = MediaPorts(desk.media, Open(name, agent, self._listening))
        self._keypad = Keypad(
            self.stream, desk.signalling, desk.media, lambda: self.leg, lambda: desk.routes.key_style(self.trunk)
        )
        self.handover = desk.handover(self)

    # --- from SIP -----------------------------------------------------------------------------------------------------

    def sip(self, event: Event) -> None:
        """An event of its leg."""
        self.take(self._happened, event)

    def _happened(self, event: Event) -> None:
        if self.state is State.OVER:
            return
        match event:
            case Acknowledged(answer=answer):
                self._acknowledged(answer)
            case Reinvited(offer=offer):
                self._reinvited(offer)
            case SessionChanged(body=body):
                self._changed(body)
            case ChangeRefused(status=status, reason=reason):
                self.stream.change_refused(status, reason)
            case InfoReceived(content_type=content_type, body=body):
                self._informed(content_type, body)
            case TransferAsked():
                self.handover.asked(event)
            case TransferProgress():
                self.handover.progress(event)
            case Ended():
                self._ended(event)

    def _acknowledged(self, sdp: bytes | None) -> None:
        try:
            self.stream.acknowledged(sdp)
        except RemoteProtocolError as error:
            self.hang_up(CallEnd(Result.FAILED, "unacceptable-media", cause=NORMAL), str(error))
            return
        if self.state is State.ANSWERED:
            self.state = State.TALKING
            self._spoken_to()

    def _reinvited(self, sdp: bytes | None) -> None:
        assert self.leg is not None
        self.stream.reinvited(self.leg, sdp)

    def _changed(self, sdp: bytes | None) -> None:
        try:
            self.stream.changed(sdp)
        except RemoteProtocolError as error:
            self.hang_up(CallEnd(Result.FAILED, "unacceptable-media", cause=NORMAL), str(error))

    def _informed(self, content_type: str, body: bytes) -> None:
        if (key := pressed_by_info(content_type, body)) is None:
            return
        if self.partner is not None:
            self.partner.take(self.partner.press, key.digit)
        else:
            self.desk.media.order(Pressed(self.id, key.digit, key.duration_ms))

    def _ended(self, event: Ended) -> None:
        """The dialog is gone: a BYE, or SIP could not go on."""
        if not event.by_peer:
            self.finish(CallEnd(Result.FAILED, event.reason))
            return
        if self.handover.carries_on():
            self.desk.calls.release(event.leg)
            self.leg = None
            self.log.info("call.deserted", peer_reason=event.reason)
            return
        if event.reason:
            self.log.info("call.peer_reason", reason=event.reason)
        reason = "transferred" if self.handover.under_way() else self._peer_hung_up
        self.finish(CallEnd(Result.COMPLETED, reason, detail=event.reason))

    # --- from the media plane -----------------------------------------------------------------------------------------

    def media(self, report: Report) -> None:
        """A report of the media plane."""
        self.take(self._reported, report)

    def _reported(self, report: Report) -> None:
        match report:
            case Closed(counters=counters):
                self._closed(counters)
            case _ if self.state is State.OVER:
                pass
            case Silent():
                self._silent(report)
            case Left():
                self._deserted()
            case Unprotected(why=why):
                self.hang_up(CallEnd(Result.FAILED, "media-security", cause=BEARER_LOST), why)
            case _ if self.partner is not None:
                pass  # of a conversation that ended with the bridge
            case Ready():
                self._ready()
            case Lost(code=code, message=message):
                self._lost(code, message)
            case HangUp(reason=reason, message=message):
                cause = NORMAL if reason == "agent-hung-up" else RECOVERY_ON_TIMER
                self.hang_up(CallEnd(Result.COMPLETED, reason, cause=cause), message)
            case TransferWanted():
                self.handover.wanted(report)
            case KeysWanted():
                self._keypad.wanted(report)

    def _lost(self, code: str, message: str) -> None:
        """The model cannot be reached, or is gone for good."""
        self.hang_up(CallEnd(Result.FAILED, f"model-{code}", cause=TEMPORARY_FAILURE), message)

    def _silent(self, silent: Silent) -> None:
        """The peer has vanished; on hold it need not send, and the session timer tells whether it is there.

        Nor need it while whom it is bridged with does not listen.
        """
        unheard = self.partner is not None and self.partner.stream.on_hold
        missed = silent.gone or not (self.stream.held or unheard)
        if missed and self.leg is not None:
            what = "sign of the peer" if silent.gone else "packet"
            end = CallEnd(Result.FAILED, "media-timeout", cause=BEARER_LOST)
            self.hang_up(end, f"no {what} for {silent.seconds:.0f} s")

    def _deserted(self) -> None:
        """The peer has closed its media and said nothing: a page that was closed, or a BYE that was lost."""
        if self.leg is not None:
            end = CallEnd(Result.COMPLETED, self._peer_hung_up, cause=NORMAL)
            self.hang_up(end, "the peer has closed its media")

    # --- what others do with it ---------------------------------------------------------------------------------------

    def bridge(self, other: "Call") -> None:
        """Have both peers hear each other: the agent of either is done, and when one call ends, so does the other."""
        self.partner, other.partner = other, self
        self.relate(other)
        self.log.info("call.bridged", **{"with": other.id})
        other.log.info("call.bridged", **{"with": self.id})
        self.desk.media.order(Bridge(self.id, other.id))

    def relate(self, other: "Call") -> None:
        """Have the end of either name the other."""
        self.record.related, other.record.related = other.id, self.id

    def move(self, leg: int, negotiation: Negotiation, trunk: str | None, route: Route | None = None) -> None:
        """Go on with another peer: `leg` takes the place of the one so far, which is nobody's from now on."""
        calls = self.desk.calls
        if self.leg is not None:
            calls.release(self.leg)
        self._give_back_route()
        self.leg, self.trunk, self.route = leg, trunk, route
        self.stream.begin(negotiation)
        calls.bind(leg, self)
        self.desk.ladders.joined(self.id, leg)
        self.log.info("call.moved", trunk=trunk)
        self.stream.tell()

    def hold(self, *, on: bool) -> None:
        """Have the peer wait, or talk again."""
        if self.state is State.TALKING and self.leg is not None:
            self.stream.hold(self.leg, on=on)

    def press(self, keys: str) -> None:
        """Press keys for the peer to hear."""
        if self.established:
            self._keypad.press(self.id, keys)

    def _give_back_route(self) -> None:
        """The place of its way out is free."""
        route, self.route = self.route, None
        if route is not None:
            self.desk.routes.over(route)

    # --- its end, and what differs between those that come and those of ours -----------------------------------------

    def _let_go(self, end: CallEnd) -> None:
        self._keypad.release()
        self.ports.close()
        self._give_back_route()
        self.handover.over()
        partner = self.partner
        if partner is not None:
            self.partner = partner.partner = None
            gone = CallEnd(Result.COMPLETED, "partner-hung-up", cause=end.cause)
            partner.take(partner.hang_up, gone, f"the call it was bridged with has ended: {end.reason}")

    @property
    @abstractmethod
    def _peer_hung_up(self) -> str:
        """The reason of an ordinary end by the peer."""

    @abstractmethod
    def _ready(self) -> None:
        """The model is there."""

    @abstractmethod
    def _spoken_to(self) -> None:
        """The peer can hear us from now on."""

    @property
    def _listening(self) -> Inband | None:
        """Whether keys are listened for in the audio; None: as the agent has it."""
        return "always" if self.desk.routes.key_style(self.trunk) == "inband" else None
