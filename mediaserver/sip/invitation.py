"""INVITEs we are to answer, from 100 to ACK, and the peer's requests within their dialogs (RFC 3261 13.3, 14.2, 15)."""

from collections.abc import Callable, Sequence
from zlib import crc32

from mediaserver.sip.core import Core, body_of
from mediaserver.sip.events import Acknowledged, Cancelled, Ended, InfoReceived, Reinvited
from mediaserver.sip.in_dialog import DialogRequests
from mediaserver.sip.leg import Accepted, Leg, LegAlarm, LegState
from mediaserver.sip.message import Request, Response
from mediaserver.sip.offers import ours_is_open, theirs_is_open
from mediaserver.sip.screening import Refusal, refuse_content
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.transaction import Cause, Engine, Input, Transaction

_RINGING = (
    LegAlarm.REPEAT_RINGING,
    LegAlarm.REPEAT_1XX,
    LegAlarm.NO_PRACK,
    LegAlarm.EXPIRED,
)
"""What ends with the final response."""


class Invitations:
    """The transaction user of the server transactions."""

    def __init__(self, core: Core, requests: DialogRequests, timers: SessionTimers) -> None:
        self._core = core
        self._requests = requests
        self._timers = timers
        self.transactions = Engine(core.settings.timers, core.send, self)
        core.abandon = lambda transaction, leg, now: self.respond(transaction, 487, now, leg=leg)
        self.rested: Callable[[Leg, float], None] = lambda leg, now: None
        """Told when nothing of the peer's is under way on a leg any more: what we want to change may go out."""

    def respond(
        self,
        transaction: Transaction,
        status: int,
        now: float,
        *,
        leg: Leg | None = None,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> None:
        """Send a response through its transaction."""
        response = self._core.response(transaction.request, status, leg, reason=reason, headers=headers, body=body)
        transaction.wire = bytes(response)
        self.transactions.feed(transaction, Input.of(status), now)

    def try_later(self) -> Refusal:
        """500 with a Retry-After of 0 to 10 s chosen at random (14.2)."""
        return Refusal(500, [("Retry-After", str(crc32(self._core.token().encode()) % 11))])

    # The user's commands

    def accept(self, leg: Leg, sdp: bytes, now: float) -> None:
        """Send the 200 to an INVITE or re-INVITE and see to it that it is ACKed."""
        transaction = leg.pending
        assert transaction is not None and leg.dialog is not None
        request, body = transaction.request, sdp or None
        leg.pending = None
        if leg.state is not LegState.RINGING:
            self._core.moved(leg, transaction)
        elif leg.settled:
            body = None  # what was said and answered before holds (RFC 6337 3.1)
        leg.state = LegState.ANSWERED if leg.state is LegState.RINGING else leg.state
        if body is not None:
            leg.said, leg.told = body, request.body or leg.told
        fields = self._timers.answer(leg, request, now)
        self.respond(transaction, 200, now, leg=leg, headers=fields, body=body)
        timers, alarms = self._core.settings.timers, self._core.alarms
        offered = body is not None and not request.body
        leg.accepted = Accepted(request.cseq.number, transaction.wire, transaction.flow, timers.t1, offered)
        alarms.stop(leg, *_RINGING)
        alarms.start(leg, LegAlarm.REPEAT_2XX, now + timers.t1)
        alarms.start(leg, LegAlarm.NO_ACK, now + timers.timeout)

    def refuse(
        self, leg: Leg, status: int, now: float, reason: str | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Send a final response other than 2xx; the leg of an initial INVITE is gone with it."""
        transaction, leg.pending = leg.pending, None
        if transaction is not None:
            self.respond(transaction, status, now, leg=leg, reason=reason, headers=headers)
        if leg.state is LegState.RINGING:
            self._core.forget(leg, now)
        else:
            self.rested(leg, now)

    # What the peer sends

    def expires(self, leg: Leg, invite: Request, now: float) -> None:
        """Give a new INVITE the time its Expires allows (13.3.1)."""
        value = (invite.headers.get("Expires") or "").strip()
        if value.isascii() and value.isdigit() and len(value) < 10:
            self._core.alarms.start(leg, LegAlarm.EXPIRED, now + int(value))

    def cancelled(self, leg: Leg, invite: Transaction, now: float, why: str = "") -> None:
        """The peer's CANCEL: 487, and the end of the call unless it was a re-INVITE."""
        ringing = leg.state is LegState.RINGING
        self.refuse(leg, 487, now)
        if ringing:
            self._core.emit(Cancelled(leg.id, why))

    def acknowledged(self, leg: Leg, ack: Request, now: float) -> None:
        """The ACK to our 2xx; one with another CSeq number, or again, says nothing new."""
        accepted = leg.accepted
        if accepted is None or ack.cseq.number != accepted.cseq:
            return
        leg.accepted = None
        self._core.alarms.stop(leg, LegAlarm.REPEAT_2XX, LegAlarm.NO_ACK)
        if leg.state is LegState.ANSWERED:
            leg.state = LegState.CONFIRMED
            self._core.locate(leg)
        if accepted.offered and not ack.body:
            self._requests.terminate(leg, 488, "no answer in the ACK", now)
            return
        if accepted.offered:
            leg.told = ack.body
        self._core.emit(Acknowledged(leg.id, body_of(ack) if accepted.offered else None))
        if leg.bye_wanted:
            self._requests.bye(leg, now)
        else:
            self.rested(leg, now)

    def reinvited(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """A re-INVITE; refused while another INVITE of this dialog is not done with (14.2)."""
        request = transaction.request
        refusal: Refusal | None = None
        if leg.state is LegState.ENDING or leg.bye_wanted:
            refusal = Refusal(481)
        elif leg.pending is not None or leg.asked is not None:
            refusal = self.try_later()
        elif leg.accepted is not None or leg.state is LegState.EARLY or ours_is_open(leg) or theirs_is_open(leg):
            refusal = Refusal(491)
        refusal = refusal or self._timers.refuse(request) or refuse_content(request)
        if refusal is not None:
            self.respond(transaction, refusal.status, now, leg=leg, headers=refusal.headers)
            return
        self._core.heard_allow(leg, request)
        leg.pending = transaction
        self.respond(transaction, 100, now)
        self._core.emit(Reinvited(leg.id, body_of(request)))

    def hung_up(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """The peer's BYE: 200, 487 to an INVITE that still waits (15.1.2), and the end."""
        self.respond(transaction, 200, now, leg=leg)
        if leg.state is LegState.ENDING:
            return  # both hung up at once: the response to our BYE ends the leg
        reason = ", ".join(transaction.request.headers.get_all("Reason"))
        self._core.forget(leg, now)
        if leg.parent is None:
            self._core.emit(Ended(leg.id, by_peer=True, status=None, reason=reason))
        else:
            leg.parent.forks.pop(leg.dialog.remote_tag if leg.dialog is not None else "", None)

    def informed(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """The peer's INFO: 200."""
        request = transaction.request
        self.respond(transaction, 200, now, leg=leg)
        if leg.state is not LegState.ENDING:
            content_type = request.headers.get("Content-Type") or ""
            self._core.emit(InfoReceived(leg.id, content_type, request.body))

    # What becomes of our responses

    def passed(self, transaction: Transaction, message: Request | Response | None, now: float) -> None:
        """An ACK in the INVITE's own branch after a 2xx: not of RFC 3261, but of some peers."""
        if transaction.leg is not None and isinstance(message, Request):
            self.acknowledged(transaction.leg, message, now)

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        """The connection of an INVITE we have not answered is gone; a refusal nobody ACKed concerns nobody."""
        leg = transaction.leg
        if leg is not None and leg.asked is transaction:
            leg.asked = None
        if leg is None or leg.pending is not transaction:
            return
        leg.pending = None
        if leg.state is LegState.RINGING:
            self._core.forget(leg, now)
            self._core.emit(Ended(leg.id, by_peer=True, status=None, reason="connection lost"))

    def alarm(self, leg: Leg, alarm: LegAlarm, now: float) -> None:
        """Repeat the 2xx and give it up when it is never ACKed (13.3.1.4); give up an INVITE that has expired."""
        if alarm is LegAlarm.EXPIRED and leg.state is LegState.RINGING:
            self.refuse(leg, 487, now)
            self._core.emit(Cancelled(leg.id, 'SIP;cause=487;text="the INVITE has expired"'))
        elif alarm is LegAlarm.REPEAT_2XX and leg.accepted is not None:
            accepted = leg.accepted
            self._core.send(accepted.flow, accepted.wire)
            accepted.interval = self._core.settings.timers.longer(accepted.interval)
            self._core.alarms.start(leg, alarm, now + accepted.interval)
        elif alarm is LegAlarm.NO_ACK and leg.accepted is not None:
            self._requests.terminate(leg, 408, "no ACK", now)
