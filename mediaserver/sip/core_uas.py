"""The UAS core (RFC 3261 8.2, 9.2, 13.3): requests that came, and whether they belong to a call."""

from collections.abc import Callable, Hashable

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip import sips
from mediaserver.sip.core import Core
from mediaserver.sip.dialog import Dialog
from mediaserver.sip.door import Admission, Door, Verdict
from mediaserver.sip.events import Flow, IncomingCall
from mediaserver.sip.identity import SDP, OwnContact, received_via, reply_flow
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegState
from mediaserver.sip.message import MalformedRequest, Request
from mediaserver.sip.next_hop import way_of
from mediaserver.sip.registrar import SUPPORTED, Registrar
from mediaserver.sip.reliable import Provisionals
from mediaserver.sip.replaces import replaced_by
from mediaserver.sip.screening import (
    Refusal,
    refuse_content,
    refuse_extension,
    refuse_method,
    refuse_package,
    refuse_target,
    refuse_unreliable,
)
from mediaserver.sip.server_tx import request_key, server_transaction
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.stateless import Stateless
from mediaserver.sip.transaction import Engine, Input, Transaction
from mediaserver.sip.transfers import Transfers
from mediaserver.sip.updates import Updates

_WELCOME = Admission(Verdict.WELCOME)
_ENDS = ("ACK", "BYE", "CANCEL")
_OUTSIDE = ("INVITE", "OPTIONS", "REFER")
"""What begins something, or asks for nothing; of the rest, what is in no dialog we know is 481 (12.2.2)."""

type Within = Callable[[Leg, Transaction, float], None]
"""Takes a request within a dialog: whose it is, its transaction, and when it came."""


class Uas:
    """Takes every request; what it refuses by the request alone it refuses without state (8.2.7)."""

    def __init__(
        self,
        core: Core,
        transactions: Engine,
        invitations: Invitations,
        updates: Updates,
        provisionals: Provisionals,
        timers: SessionTimers,
        transfers: Transfers,
        door: Door | None,
        registrar: Registrar | None,
    ) -> None:
        self._core = core
        self._transactions = transactions
        self._invitations = invitations
        self._timers = timers
        self._transfers = transfers
        self._door = door
        self._registrar = registrar
        self._stateless = Stateless(core)
        self.within: dict[str, Within] = {
            "INVITE": invitations.reinvited,
            "BYE": invitations.hung_up,
            "INFO": invitations.informed,
            "UPDATE": updates.received,
            "PRACK": provisionals.acknowledged,
            "REFER": transfers.theirs.asked,
            "SUBSCRIBE": transfers.theirs.subscribed,
            "NOTIFY": transfers.ours.notified,
        }
        """Who takes the requests of a dialog, by method; any other allowed one is answered with 200."""
        self.draining = False
        """Tell those who ask by OPTIONS that no more calls are wanted."""

    @property
    def refused(self) -> int:
        """How many requests were refused or dropped so far without any state made for them."""
        return self._stateless.refused

    def malformed(self, fault: MalformedRequest, flow: Flow, now: float) -> None:
        """Answer a request that could not be read whole."""
        request = fault.partial
        if self._hears(self._judge(request, flow, now)):
            request.headers.replace_first("Via", str(received_via(request, flow)))
            self._stateless.respond(request, reply_flow(request, flow), Refusal(fault.status))

    def too_many(self, request: Request, flow: Flow, now: float) -> None:
        """Take a request of somebody who is over the limit: 503, unless it belongs to what has been let in."""
        dialog_id = (request.call_id, request.to.tag or "", request.from_.tag or "")
        known = self._transactions.find(request_key(request)) is not None or dialog_id in self._core.dialogs
        if known or request.method in _ENDS:
            self.receive(request, flow, now)
        else:
            request.headers.replace_first("Via", str(received_via(request, flow)))
            self._stateless.overloaded(request, reply_flow(request, flow))

    def receive(self, request: Request, flow: Flow, now: float) -> None:
        """Match a request to its transaction, its dialog, or treat it as new (17.2.3, 12.2.2)."""
        request.headers.replace_first("Via", str(received_via(request, flow)))
        key = request_key(request)
        transaction = self._transactions.find(key)
        dialog_id = (request.call_id, request.to.tag or "", request.from_.tag or "")
        leg = self._core.dialogs.get(dialog_id) if request.to.tag else None
        if leg is not None:
            self._vouch(leg, flow, now)
        if request.method == "ACK":
            if transaction is not None:
                self._transactions.feed(transaction, Input.ACK, now, request)
            elif leg is not None:
                self._invitations.acknowledged(leg, request, now)
        elif transaction is not None:
            self._transactions.feed(transaction, Input.REQUEST, now)
        elif leg is not None:
            self._within_dialog(leg, request, key, flow, now)
        elif request.method == "NOTIFY" and self._transfers.ours.knows(dialog_id):
            transaction = server_transaction(request, key, reply_flow(request, flow))
            self._transactions.add(transaction, (), now)
            self._transfers.ours.notified_late(dialog_id, transaction, now)
        elif request.method == "CANCEL":
            self._cancel(request, flow, now)
        else:
            self._outside_dialog(request, key, flow, now)

    def flow_closed(self, flow: Flow) -> None:
        """Forget the connection; dialogs that used it open another when they have something to say."""
        self._stateless.flow_closed(flow)
        for call in self._core.legs.values():
            for leg in (call, *call.forks.values()):
                if leg.flow == flow:
                    self._core.reconnect(leg)

    def _within_dialog(self, leg: Leg, request: Request, key: Hashable, flow: Flow, now: float) -> None:
        assert leg.dialog is not None
        if request.method == "CANCEL":
            self._cancel(request, flow, now)
            return
        if len(self._transactions) >= self._core.settings.max_transactions and request.method != "BYE":
            self._stateless.overloaded(request, reply_flow(request, flow))
            return
        if flow.reliable:
            leg.flow = flow  # the connection the peer uses now
        transaction = server_transaction(request, key, reply_flow(request, flow), leg=leg)
        self._transactions.add(transaction, (), now)
        refusal = self._screen_within(request)
        if not leg.dialog.in_order(request.cseq.number):
            refusal = self._invitations.try_later()
        if refusal is not None:
            self._invitations.respond(transaction, refusal.status, now, leg=leg, headers=refusal.headers)
        elif (take := self.within.get(request.method)) is not None:
            take(leg, transaction, now)
        else:
            self._invitations.respond(transaction, 200, now, leg=leg, headers=[("Accept", SDP)])

    def _screen_within(self, request: Request) -> Refusal | None:
        settings = self._core.settings
        unknown = None if request.method in self.within else refuse_method(request, settings)
        return unknown or refuse_extension(request, settings) or refuse_package(request)

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        """200 and an end to the INVITE if it has no final response yet; 200 alone if it has; 481 if unknown (9.2)."""
        invite = self._transactions.find(request_key(request, "INVITE"))
        to = reply_flow(request, flow)
        if invite is None:
            admission = self._judge(request, flow, now)
            if self._hears(admission):
                self._stateless.refuse(request, to, Refusal(481))
            else:
                self._stateless.turn_away(request, flow, admission)
            return
        leg = invite.leg
        response = self._core.response(request, 200, leg)
        self._core.send(to, bytes(response))
        if leg is not None and leg.pending is invite:
            self._invitations.cancelled(leg, invite, now, ", ".join(request.headers.get_all("Reason")))

    def _outside_dialog(self, request: Request, key: Hashable, flow: Flow, now: float) -> None:
        to = reply_flow(request, flow)
        admission = self._judge(request, flow, now)
        if not self._hears(admission):
            self._stateless.turn_away(request, flow, admission)
            return
        refusal = self._screen(request, admission, flow)
        if refusal is not None:
            self._stateless.refuse(request, to, refusal)
        elif request.method == "OPTIONS":
            self._tell_capabilities(request, to)
        elif len(self._transactions) >= self._core.settings.max_transactions:
            self._stateless.overloaded(request, to)
        elif request.method == "REGISTER":
            self._register(request, key, flow, admission, now)
        else:
            self._begin(request, key, flow, admission, now)

    def _begin(self, invite: Request, key: Hashable, flow: Flow, admission: Admission, now: float) -> None:
        replaced = replaced_by(invite, self._core)
        if isinstance(replaced, Refusal):
            self._stateless.refuse(invite, reply_flow(invite, flow), replaced)
            return
        try:
            dialog = Dialog.of_callee(invite, self._core.token())
        except RemoteProtocolError as fault:
            self._stateless.refuse(invite, reply_flow(invite, flow), Refusal(400, reason=f"Bad Request ({fault})"))
            return
        replies = reply_flow(invite, flow)
        leg = self._core.new_leg(LegState.RINGING, replies, OwnContact(invite.uri.user, secure=sips.asked_for(invite)))
        leg.source = flow.remote[0]
        leg.flow = way_of(dialog, replies, (invite.via.host, invite.via.port or 5060))
        self._core.enter_dialog(leg, dialog)
        transaction = server_transaction(invite, key, replies, leg=leg)
        transaction.merge_key = _merge_key(invite)
        leg.pending = transaction
        leg.told = invite.body or None
        self._core.heard_allow(leg, invite)
        self._transactions.add(transaction, (), now)
        if self._core.guard is not None:
            self._core.guard.welcome(flow)
        self._invitations.respond(transaction, 100, now)
        self._invitations.expires(leg, invite, now)
        self._core.emit(
            IncomingCall(
                leg.id,
                invite,
                flow,
                invite.body or None,
                trunk=admission.trunk,
                user=admission.user,
                replaces=None if replaced is None else replaced.id,
                proven=self._is_proven(flow, admission, now),
            )
        )

    def _tell_capabilities(self, request: Request, to: Flow) -> None:
        """What an INVITE would meet (11.2): 503 lets whoever asks for our health send its calls elsewhere."""
        if self.draining:
            self._stateless.overloaded(request, to)
        else:
            self._stateless.respond(request, to, Refusal(200, [("Accept", SDP)]))

    def _register(self, request: Request, key: Hashable, flow: Flow, admission: Admission, now: float) -> None:
        """In a transaction: a REGISTER that comes again hears the same, for it was carried out once."""
        assert self._registrar is not None
        transaction = server_transaction(request, key, reply_flow(request, flow))
        self._transactions.add(transaction, (), now)
        reply = self._registrar.register(request, admission.user, flow, now)
        response = self._core.response(
            request, reply.status, to_tag=self._core.token(), reason=reply.reason, headers=reply.headers
        )
        transaction.wire = bytes(response)
        self._transactions.feed(transaction, Input.of(reply.status), now)

    def _screen(self, request: Request, admission: Admission, flow: Flow) -> Refusal | None:
        settings = self._core.settings
        refusal = refuse_method(request, settings)
        registers = request.method == "REGISTER" and self._registrar is not None
        if refusal is None and (request.to.tag or request.method not in _OUTSIDE) and not registers:
            return Refusal(481)
        refusal = refusal or refuse_target(request, flow)
        merged = request.method == "INVITE" and self._transactions.find_merged(_merge_key(request)) is not None
        if refusal is None and merged:
            return Refusal(482)  # the same request by another way (8.2.2.2)
        if refusal is None and admission.verdict is Verdict.REFUSE:
            return Refusal(admission.status, admission.headers, admission.reason)
        if refusal is None and request.method == "REFER":
            return Refusal(403, reason="Forbidden (REFER within a call only)")
        refusal = refusal or refuse_extension(request, settings, SUPPORTED if registers else ())
        if refusal is None and request.method == "INVITE":
            refusal = refuse_unreliable(request, settings) or self._timers.refuse(request) or refuse_content(request)
        return refusal

    def _vouch(self, leg: Leg, flow: Flow, now: float) -> None:
        """It has heard the tag we gave; but whoever has one call could write any other address on his datagrams."""
        if self._core.guard is not None and (flow.reliable or flow.remote[0] == leg.source):
            self._core.guard.vouch(flow, now)

    def _is_proven(self, flow: Flow, admission: Admission, now: float) -> bool:
        guard = self._core.guard
        return guard is None or admission.trunk is not None or admission.user is not None or guard.knows(flow, now)

    def _judge(self, request: Request, flow: Flow, now: float) -> Admission:
        admission = _WELCOME if self._door is None else self._door.admit(request, flow, now)
        if admission.user is not None and self._core.guard is not None:
            self._core.guard.vouch(flow, now)
        return admission

    @staticmethod
    def _hears(admission: Admission) -> bool:
        return admission.verdict in (Verdict.WELCOME, Verdict.REFUSE)


def _merge_key(request: Request) -> Hashable:
    return request.call_id, request.from_.tag, request.cseq.number
