"""Requests we send within a dialog besides INVITE, and what their responses mean (RFC 3261 12.2, 15)."""

from collections.abc import Callable, Sequence
from typing import Protocol

from mediaserver.sip.challenge import MOST_ANSWERS, answer_challenge
from mediaserver.sip.core import Core
from mediaserver.sip.dialog import Dialog
from mediaserver.sip.events import Ended, Flow
from mediaserver.sip.grammar import quote
from mediaserver.sip.leg import Leg, LegState
from mediaserver.sip.message import Request, Response
from mediaserver.sip.transaction import Cause, Transaction

STATUS_OF = {Cause.TIMEOUT: 408, Cause.TRANSPORT: 503}
"""A transaction that failed without a response counts as one with this status (8.1.3.1)."""
_DIALOG_IS_DEAD = (408, 481)


type Done = Callable[[Response | Cause, float], None]
"""Told the final response, or why there is none, and when."""


def outcome_of(outcome: Response | Cause, transaction: Transaction | None = None) -> tuple[int, str]:
    """Status and reason of how a request ended; its transaction may know more of why nothing came."""
    if isinstance(outcome, Cause):
        return STATUS_OF[outcome], (None if transaction is None else transaction.fault) or outcome.value
    return outcome.status, outcome.reason


class Transmit(Protocol):
    """Sends a request in a new client transaction."""

    def __call__(self, request: Request, flow: Flow, leg: Leg | None, now: float) -> Transaction:
        """Give the request its Via and begin the transaction."""


class DialogRequests:
    """BYE, INFO and the like of every leg."""

    def __init__(self, core: Core, transmit: Transmit) -> None:
        self._core = core
        self._transmit = transmit

    def bye(self, leg: Leg, now: float) -> None:
        """Send the BYE of a dialog that stands; `Ended` follows when it is answered or given up."""
        assert leg.dialog is not None
        leg.state = LegState.ENDING
        leg.accepted = None
        self._core.alarms.stop(leg)
        self._send_bye(leg.dialog, leg.flow, leg.bye_reason, leg, now)

    def terminate(self, leg: Leg, status: int | None, reason: str, now: float) -> None:
        """The dialog is dead: forget the leg, say so, and tell the peer by a BYE if it may still hear it (12.2.1.2)."""
        self._core.forget(leg, now)
        self._core.emit(Ended(leg.id, by_peer=False, status=status, reason=reason))
        if leg.dialog is not None:
            cause = f"SIP;cause={status};text={quote(reason)}" if status is not None else None
            self._send_bye(leg.dialog, leg.flow, cause, None, now)

    def discard(self, dialog: Dialog, flow: Flow, now: float) -> None:
        """End a dialog nobody wants: a fork's second answer, or one that crossed our CANCEL (13.2.2.4)."""
        self._send_bye(dialog, flow, None, None, now)

    def send(
        self,
        leg: Leg,
        method: str,
        now: float,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str | None = None,
        body: bytes = b"",
        done: Done | None = None,
    ) -> None:
        """Send a request of the dialog that has no ACK; `done` is told how it ended, unless the leg ends before."""
        request = self._compose(leg, method, headers, content_type, body)
        self._transmit(request, leg.flow, leg, now).done = done

    def send_apart(
        self,
        leg: Leg,
        method: str,
        now: float,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str | None = None,
        body: bytes = b"",
        done: Done,
    ) -> None:
        """Send a request of another usage of the dialog than its call (RFC 5057 4): REFER or NOTIFY.

        What becomes of it says nothing of the call, and the end of the call nothing of it: `done` is told always.
        """
        request = self._compose(leg, method, headers, content_type, body)
        self._await(self._transmit(request, leg.flow, None, now), leg, done)

    def _compose(
        self, leg: Leg, method: str, headers: Sequence[tuple[str, str]], content_type: str | None, body: bytes
    ) -> Request:
        assert leg.dialog is not None
        request = leg.dialog.request(method)
        request.headers.add("Contact", self._core.contact(leg))
        for name, value in headers:
            request.headers.add(name, value)
        if content_type is not None:
            request.headers.add("Content-Type", content_type)
        request.body = body
        return request

    def _await(self, transaction: Transaction, leg: Leg, done: Done) -> None:
        def ended(outcome: Response | Cause, now: float) -> None:
            again = self._authorized(transaction, outcome, leg) if isinstance(outcome, Response) else None
            if again is None:
                done(outcome, now)
                return
            retry = self._transmit(again, transaction.way, None, now)
            retry.answered = transaction.answered + 1
            self._await(retry, leg, done)

        transaction.done = ended

    def passed(self, transaction: Transaction, response: Response, now: float) -> None:
        """Take a response to a request other than INVITE; one of no leg concerns only who waits for it."""
        leg = transaction.leg
        if leg is None and transaction.done is not None and response.status >= 200:
            transaction.done(response, now)
        if leg is None or leg.state is LegState.ENDED or response.status < 200:
            return
        again = self._authorized(transaction, response, leg)
        if again is None:
            self._concluded(leg, transaction, response, now)
            return
        retry = self._transmit(again, transaction.way, leg, now)
        retry.done, retry.answered = transaction.done, transaction.answered + 1

    def failed(self, transaction: Transaction, cause: Cause, now: float) -> None:
        """Take note that nobody answered a request."""
        leg = transaction.leg
        if leg is None and transaction.done is not None:
            transaction.done(cause, now)
        if leg is not None and leg.state is not LegState.ENDED:
            self._concluded(leg, transaction, cause, now)

    def _authorized(self, transaction: Transaction, response: Response, leg: Leg) -> Request | None:
        """The request again with credentials, if that is what the response asks for and it may help."""
        if leg.dialog is None or transaction.answered >= MOST_ANSWERS:
            return None
        cseq = leg.dialog.local_cseq + 1
        again = answer_challenge(transaction.request, response, leg.credentials, cseq, self._core.token())
        if again is not None:
            leg.dialog.local_cseq = cseq
        return again

    def _concluded(self, leg: Leg, transaction: Transaction, outcome: Response | Cause, now: float) -> None:
        status, reason = outcome_of(outcome, transaction)
        if transaction.request.method == "BYE":
            self._core.forget(leg, now)
            self._core.emit(Ended(leg.id, by_peer=False, status=status, reason=reason))
            return
        if transaction.done is not None:
            transaction.done(outcome, now)
        if leg.state is LegState.CONFIRMED and status in _DIALOG_IS_DEAD:
            self.terminate(leg, status, reason, now)

    def _send_bye(self, dialog: Dialog, flow: Flow, reason: str | None, leg: Leg | None, now: float) -> None:
        request = dialog.request("BYE")
        if reason is not None:
            request.headers.add("Reason", reason)
        self._transmit(request, flow, leg, now)
