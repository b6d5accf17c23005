"""The peer's UPDATE (RFC 3311 5.2), and our answers to offers that come by UPDATE or PRACK."""

from mediaserver.sip.core import Core, body_of
from mediaserver.sip.events import Reinvited
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegAlarm, LegState
from mediaserver.sip.message import Request
from mediaserver.sip.offers import ours_is_open, theirs_is_open
from mediaserver.sip.screening import Refusal, refuse_content
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.transaction import Transaction


class Updates:
    """Offers that need no ACK, before and after the call is answered."""

    def __init__(self, core: Core, invitations: Invitations, timers: SessionTimers) -> None:
        self._core = core
        self._invitations = invitations
        self._timers = timers

    def received(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """An UPDATE: 200 at once if it leaves the session as it is, else it is for the user to answer."""
        request = transaction.request
        refusal = self._collision(leg, request) or self._timers.refuse(request) or refuse_content(request)
        if refusal is not None:
            self._invitations.respond(transaction, refusal.status, now, leg=leg, headers=refusal.headers)
            return
        self._core.heard_allow(leg, request)
        if request.body:
            self.asked(leg, transaction, now)
        else:
            self._accept(leg, transaction, None, now)

    def asked(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """Hand the offer of an UPDATE or a PRACK to the user."""
        leg.asked = transaction
        self._core.alarms.start(leg, LegAlarm.UNANSWERED, now + self._core.settings.unanswered)
        self._core.emit(Reinvited(leg.id, body_of(transaction.request)))

    def answer(self, leg: Leg, sdp: bytes, now: float) -> None:
        """Accept the offer."""
        if (transaction := self._taken(leg)) is not None:
            leg.told, leg.said = transaction.request.body, sdp
            self._accept(leg, transaction, sdp, now)

    def refuse(self, leg: Leg, status: int, now: float) -> None:
        """Refuse the offer; the session stays as it was."""
        if (transaction := self._taken(leg)) is not None:
            self._invitations.respond(transaction, status, now, leg=leg)

    def _taken(self, leg: Leg) -> Transaction | None:
        transaction, leg.asked = leg.asked, None
        self._core.alarms.stop(leg, LegAlarm.UNANSWERED)
        return transaction

    def _accept(self, leg: Leg, transaction: Transaction, sdp: bytes | None, now: float) -> None:
        request = transaction.request
        fields: list[tuple[str, str]] = []
        if request.method == "UPDATE":
            self._core.moved(leg, transaction)
            fields = self._timers.answer(leg, request, now)
        self._invitations.respond(transaction, 200, now, leg=leg, headers=fields, body=sdp)

    def _collision(self, leg: Leg, request: Request) -> Refusal | None:
        """491 while our offer is open, 500 while the peer's own is (5.2)."""
        if leg.state is LegState.ENDING or leg.bye_wanted:
            return Refusal(481)
        if request.body and leg.asked is None and ours_is_open(leg):
            return Refusal(491)
        if leg.asked is not None or (request.body and theirs_is_open(leg)):
            return self._invitations.try_later()
        return None
