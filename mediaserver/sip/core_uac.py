"""The UAC core (RFC 3261 8.1, 9.1, 13.2): our INVITEs, their CANCELs and ACKs."""

import re
from collections.abc import Callable, Sequence

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.amendment import Contacts, amended, contacts_of
from mediaserver.sip.client_tx import cancel_request, client_transaction, first_actions, response_key
from mediaserver.sip.core import Core, acknowledgement, body_of
from mediaserver.sip.dialog import Dialog, routed
from mediaserver.sip.events import Answered, Flow, Progress, Refused
from mediaserver.sip.forks import Forks
from mediaserver.sip.headers import Headers
from mediaserver.sip.identity import SDP, OwnContact
from mediaserver.sip.in_dialog import DialogRequests, outcome_of
from mediaserver.sip.large import LargeRequests
from mediaserver.sip.leg import Attempt, Credentials, Leg, LegAlarm, LegState
from mediaserver.sip.message import Request, Response
from mediaserver.sip.next_hop import way_of
from mediaserver.sip.seconds import retry_after_of
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.sips import promises
from mediaserver.sip.transaction import Cause, Engine, Input, Transaction
from mediaserver.sip.uri import NameAddr, SipUri

_CANCELLED = "Request Terminated"
_OUR_REQUEST = re.compile(rb"([A-Z]+) [^\r\n]+\r\nVia:[^\r\n]+;branch=(z9hG4bK[^;,\s]+)[;\r]")
"""As we write them, with our Via in front; what is cut short within the branch is not recognised."""
_MOST_ANSWERS = 32
"""Branches of one call whose 2xx is met with ACK and BYE: these go where it says, and could be aimed at anybody."""


class Uac:
    """The transaction user of the client transactions."""

    def __init__(self, core: Core, timers: SessionTimers) -> None:
        self._core = core
        self._timers = timers
        self.transactions = Engine(core.settings.timers, core.send, self)
        self._large = LargeRequests(core.settings, core.identity, self.transactions)
        self.requests = DialogRequests(core, self.transmit)
        self.forks = Forks(core, self.requests)
        self.rested: Callable[[Leg, float], None] = lambda leg, now: None
        """Told when a call is answered and done with: what we want to change may go out."""

    def receive(self, response: Response, flow: Flow, now: float) -> bool:
        """Match a response to its transaction; a stray one, or one with a second Via, is dropped (8.1.3.3).

        True if it answers a request of ours, from where that went.
        """
        if len(response.headers.get_all("Via")) != 1 or response.status < 100:
            return False
        transaction = self.transactions.find(response_key(response))
        if transaction is not None:
            self.transactions.feed(transaction, Input.of(response.status), now, response)
        return transaction is not None and (flow.reliable or flow.remote[0] == transaction.flow.remote[0])

    def undelivered(self, quoted: bytes, error: str, now: float) -> None:
        """A datagram came back. Only who has seen it knows its branch: an error that quotes none is nobody's.

        Nobody else can have us give up a call by a forged one (RFC 5927).
        """
        match = _OUR_REQUEST.match(quoted)
        if match is None:
            return
        method, branch = (each.decode(errors="replace") for each in match.groups())
        transaction = self.transactions.find((branch, method))
        if transaction is not None and not transaction.flow.reliable:
            self.transactions.broken(transaction, error, now)

    # The user's commands

    def invite(
        self,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        now: float,
        sdp: bytes | None,
        credentials: Credentials | None,
        extra: Sequence[tuple[str, str]],
        routes: Sequence[str] = (),
        to: NameAddr | None = None,
        outbound: bool = False,
    ) -> Leg:
        """Send an INVITE outside any dialog (8.1.1, 13.2.1); `routes` are its preloaded Route set (8.1.1.1)."""
        core = self._core
        route_set = [NameAddr.parse(route) for route in routes]
        secure = promises(target, route_set, flow)
        leg = core.new_leg(LegState.CALLING, flow, OwnContact(from_.uri.user, secure, outbound))
        leg.credentials = credentials
        uri, ways = routed(target, route_set)
        headers = Headers([("Route", way) for way in ways])
        headers.add("Max-Forwards", "70")
        headers.add("From", str(NameAddr(from_.display, from_.uri, {**from_.parameters, "tag": core.token()})))
        headers.add("To", str(NameAddr(None, target) if to is None else to))
        headers.add("Call-ID", core.token())
        headers.add("CSeq", "1 INVITE")
        headers.add("Contact", core.contact(leg))
        core.identity.capabilities(headers)
        if core.settings.reliable == "require":
            headers.add("Require", "100rel")
        self._timers.ask(leg, headers)
        headers.add("Accept", SDP)
        headers.add("User-Agent", core.settings.user_agent)
        for name, value in extra:
            headers.add(name, value)
        if sdp is not None:
            headers.add("Content-Type", SDP)
        transaction = self.transmit(Request("INVITE", uri, headers, sdp or b""), flow, leg, now)
        leg.attempt = Attempt(transaction.request, transaction, offered=sdp is not None)
        return leg

    def cancel(self, leg: Leg, now: float) -> None:
        """Give up our INVITE: CANCEL now if anything was heard of it, else as soon as something is (9.1)."""
        attempt = leg.attempt
        assert attempt is not None
        if not attempt.cancelled:
            attempt.cancelled = True
            if attempt.heard:
                self._send_cancel(leg, attempt, now)

    def acknowledge(self, leg: Leg, sdp: bytes | None, now: float) -> None:
        """Send the ACK of a 2xx that carried an offer; without `sdp` the offer is not answered."""
        attempt = leg.attempt
        assert attempt is not None and leg.dialog is not None
        attempt.answer_due = False
        leg.said = sdp
        self._ack(attempt, leg.dialog, leg.flow, sdp)
        self.rested(leg, now)

    # What came back

    def passed(self, transaction: Transaction, message: Request | Response | None, now: float) -> None:
        """Take a response that its transaction let through."""
        assert isinstance(message, Response)
        if transaction.request.method != "INVITE":
            self.requests.passed(transaction, message, now)
            return
        if transaction.done is not None:
            transaction.done(message, now)  # a re-INVITE
            return
        leg = transaction.leg
        if leg is None or leg.attempt is None or leg.attempt.transaction is not transaction:
            return
        if message.status < 200:
            self._provisional(leg, leg.attempt, message, now)
        elif message.status < 300:
            self._success(leg, leg.attempt, message, now)
        elif leg.state is LegState.CALLING:
            self._refused(leg, leg.attempt, message, now)

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        """Take note that no response will come."""
        leg = transaction.leg
        if transaction.request.method != "INVITE":
            self.requests.failed(transaction, cause, now)
        elif transaction.done is not None:
            transaction.done(cause, now)
        elif leg is not None and leg.state is LegState.CALLING:
            given_up = leg.attempt is not None and leg.attempt.cancelled and leg.attempt.heard
            status, reason = (487, _CANCELLED) if given_up else outcome_of(cause, transaction)
            self._give_up(leg, status, reason, now)

    def alarm(self, leg: Leg, alarm: LegAlarm, now: float) -> None:
        """Cancel what rings for too long; 64*T1 after a CANCEL without a final response there will be none (9.1)."""
        attempt = leg.attempt
        if attempt is None or leg.state is not LegState.CALLING:
            return
        if alarm is LegAlarm.NO_FINAL:
            self.transactions.feed(attempt.transaction, Input.GIVE_UP, now)
        elif not attempt.cancelled:
            attempt.rung_out = True
            leg.bye_reason = 'SIP;cause=408;text="no final response"'
            self.cancel(leg, now)

    def _give_up(
        self, leg: Leg, status: int, reason: str, now: float, retry: int | None = None, contacts: Contacts = ()
    ) -> None:
        if leg.attempt is not None and leg.attempt.rung_out and status == 487:
            status, reason = 408, "no final response"
        self._core.forget(leg, now)
        self._core.emit(Refused(leg.id, status, reason, retry, contacts))

    def _provisional(self, leg: Leg, attempt: Attempt, response: Response, now: float) -> None:
        if leg.state is not LegState.CALLING:
            return
        first, attempt.heard = not attempt.heard, True
        if attempt.cancelled:
            if first:
                self._send_cancel(leg, attempt, now)
            return
        if first or response.status > 100:
            self._core.alarms.start(leg, LegAlarm.RUNG_OUT, now + self._core.settings.timer_c)
        if response.status > 100 and self.forks.heard(leg, attempt, response, now):
            self._core.emit(Progress(leg.id, response.status, body_of(response), response.to.tag or ""))

    def _success(self, leg: Leg, attempt: Attempt, response: Response, now: float) -> None:
        tag = response.to.tag or ""
        if tag in attempt.acks:
            self._core.send(*attempt.acks[tag])  # the ACK was lost: the 2xx came again (13.2.2.4)
            return
        pondered = attempt.answer_due and leg.dialog is not None and tag == leg.dialog.remote_tag
        if pondered or len(attempt.acks) >= _MOST_ANSWERS:
            return  # not ACKed yet, for the user still ponders over the offer; or invented
        try:
            dialog = Dialog.of_caller(attempt.request, response)
        except RemoteProtocolError as fault:
            self._unusable(leg, str(fault), now)
            return
        fork = leg.forks.get(tag)
        rang = attempt.lost.get(tag) if fork is None else fork.dialog
        if rang is not None:
            # The 2xx alone says by what way and where to (13.2.2.4); the sequence numbers go on.
            rang.route_set, rang.remote_target = dialog.route_set, dialog.remote_target
            dialog = rang
        flow = way_of(dialog, attempt.transaction.way, asked_by=attempt.transaction.flow)
        if leg.state is not LegState.CALLING or attempt.cancelled:
            self._unwanted(leg, attempt, dialog, flow, now)
            return
        leg.flow = flow
        leg.state = LegState.CONFIRMED
        self._answered(leg, attempt, dialog, fork, response, now)

    def _answered(
        self, leg: Leg, attempt: Attempt, dialog: Dialog, fork: Leg | None, response: Response, now: float
    ) -> None:
        """The first 2xx: its branch is the call from now on, the others are none of ours."""
        core = self._core
        core.alarms.stop(leg)
        if fork is not None:
            self._adopt(leg, attempt, fork, now)
        core.enter_dialog(leg, dialog)
        core.heard_allow(leg, response)
        self._timers.agreed(leg, response, now)
        leg.told = body_of(response) or leg.told
        if attempt.offered or leg.settled:
            leg.said = leg.said or attempt.request.body or None
            self._ack(attempt, dialog, leg.flow, None)
        else:
            attempt.answer_due = True
        core.locate(leg)
        core.emit(Answered(leg.id, leg.told, response.to.tag or ""))
        self.rested(leg, now)

    def _adopt(self, leg: Leg, attempt: Attempt, fork: Leg, now: float) -> None:
        """What was said on the branch before it answered holds."""
        assert fork.dialog is not None
        del leg.forks[fork.dialog.remote_tag]
        self._core.alarms.stop(fork)
        leg.said, leg.told, leg.settled = fork.said, fork.told, fork.settled
        leg.peer_allows, leg.asked, leg.change = fork.peer_allows, fork.asked, fork.change
        leg.changes[:0] = fork.changes
        if leg.asked is not None:
            leg.asked.leg = leg
        attempt.lost = {tag: lost.dialog for tag, lost in leg.forks.items() if lost.dialog is not None}
        self._core.forget_forks(leg, now)

    def _unwanted(self, leg: Leg, attempt: Attempt, dialog: Dialog, flow: Flow, now: float) -> None:
        """A 2xx after our CANCEL, or of a second branch of a fork: ACK it, then BYE (13.2.2.4)."""
        self._ack(attempt, dialog, flow, None)
        self.requests.discard(dialog, flow, now)
        if leg.state is LegState.CALLING:
            self._give_up(leg, 487, _CANCELLED, now)

    def _unusable(self, leg: Leg, fault: str, now: float) -> None:
        if leg.state is LegState.CALLING:
            self._give_up(leg, 502, fault, now)

    def _refused(self, leg: Leg, attempt: Attempt, response: Response, now: float) -> None:
        again = None if attempt.cancelled else amended(self._core, self._timers, leg, attempt, response)
        if again is None:
            self._give_up(leg, response.status, response.reason, now, retry_after_of(response), contacts_of(response))
            return
        self._core.alarms.stop(leg)
        self._core.forget_forks(leg, now)
        attempt.heard = False
        attempt.transaction = self.transmit(again, attempt.transaction.way, leg, now)
        attempt.request = attempt.transaction.request

    # What goes out

    def transmit(self, request: Request, flow: Flow, leg: Leg | None, now: float) -> Transaction:
        """Give a request its Via and send it in a transaction of its own."""
        request.headers.remove("Via")
        request.headers.prepend("Via", self._core.identity.via(flow, f"z9hG4bK{self._core.token()}"))
        transaction = client_transaction(request, flow, leg=leg)
        self._large.consider(transaction, now)
        self.transactions.add(transaction, first_actions(request), now)
        return transaction

    def _send_cancel(self, leg: Leg, attempt: Attempt, now: float) -> None:
        # Not by `transmit`: a CANCEL keeps the branch of its INVITE.
        cancel = cancel_request(attempt.request)
        if leg.bye_reason is not None:
            cancel.headers.add("Reason", leg.bye_reason)
        transaction = client_transaction(cancel, attempt.transaction.flow)
        self.transactions.add(transaction, first_actions(cancel), now)
        self._core.alarms.start(leg, LegAlarm.NO_FINAL, now + self._core.settings.timers.timeout)

    def _ack(self, attempt: Attempt, dialog: Dialog, flow: Flow, sdp: bytes | None) -> None:
        wire = acknowledgement(self._core, dialog, flow, attempt.request, sdp)
        attempt.acks[dialog.remote_tag] = (flow, wire)
        self._core.send(flow, wire)
