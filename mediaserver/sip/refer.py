"""REFERs of ours: the peer is asked to call somebody else, and tells how that goes (RFC 3515, 4488, 5057)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mediaserver.sip.core import Core
from mediaserver.sip.dialog import DialogId
from mediaserver.sip.event import Subscribed, subscribed
from mediaserver.sip.events import TransferProgress
from mediaserver.sip.in_dialog import DialogRequests, outcome_of
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegState
from mediaserver.sip.message import Response
from mediaserver.sip.sipfrag import status_of
from mediaserver.sip.timers import Alarms
from mediaserver.sip.transaction import Cause, Transaction

_USUAL_LIFE_S = 300
_LONGEST_LIFE_S = 3600
_MOST = 8
"""Subscriptions of one dialog that are listened to; the oldest gives way."""


@dataclass(slots=True, eq=False)
class Refer:
    """One REFER and the subscription it makes."""

    leg: Leg
    cseq: int
    """Names it in the Event of its NOTIFYs (RFC 3515 2.4.6)."""
    replied: bool = False
    notified: bool = False
    over: bool = False
    """The end was told; the NOTIFY that terminates it may still come."""


class Refers:
    """The subscriber's side. Only the last REFER of a leg is told of: whoever sends another has given the first up."""

    def __init__(self, core: Core, requests: DialogRequests, invitations: Invitations) -> None:
        self._core = core
        self._requests = requests
        self._invitations = invitations
        self._refers: dict[DialogId, list[Refer]] = {}
        self.alarms: Alarms[Refer, Literal["ends"]] = Alarms()

    def send(
        self, leg: Leg, refer_to: str, referred_by: str | None, headers: Sequence[tuple[str, str]], now: float
    ) -> None:
        """Send a REFER in the dialog of a leg."""
        assert leg.dialog is not None
        fields = [("Refer-To", refer_to)]
        if referred_by is not None:
            fields.append(("Referred-By", referred_by))
        refer = Refer(leg, leg.dialog.local_cseq + 1)
        refers = self._refers.setdefault(leg.dialog.id, [])
        refers.append(refer)
        if len(refers) > _MOST:
            self._close(refers[0])
        self._requests.send_apart(
            leg, "REFER", now, headers=[*fields, *headers], done=lambda outcome, at: self._replied(refer, outcome, at)
        )

    def knows(self, dialog: DialogId) -> bool:
        """Whether NOTIFYs in a dialog are to be expected, be its call over or not (RFC 5057 4.1)."""
        return dialog in self._refers

    def notified(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """Take a NOTIFY within the dialog of a leg."""
        assert leg.dialog is not None
        self._take(leg.dialog.id, leg, transaction, now)

    def notified_late(self, dialog: DialogId, transaction: Transaction, now: float) -> None:
        """Take a NOTIFY in a dialog whose call is over."""
        self._take(dialog, None, transaction, now)

    def handle_timer(self, now: float) -> None:
        """Give up the subscriptions that nothing more is heard of."""
        while (due := self.alarms.due(now)) is not None:
            refer, _ = due
            self._tell(refer, 408, "no NOTIFY", final=True)
            self._close(refer)

    def _replied(self, refer: Refer, outcome: Response | Cause, now: float) -> None:
        status, reason = outcome_of(outcome)
        if not isinstance(outcome, Response) or status >= 300:
            self._tell(refer, status, reason, final=True)
            self._close(refer)
            return
        refer.replied = True
        refer.cseq = outcome.cseq.number
        if (outcome.headers.get("Refer-Sub") or "").strip().lower() == "false":
            self._tell(refer, status, reason, final=True)  # nothing will be told (RFC 4488 4)
            self._close(refer)
        elif not refer.notified:
            # Some hang up now without a NOTIFY: whoever transfers has to know that this is the transfer.
            self._tell(refer, status, reason, final=False)
            self.alarms.start(refer, "ends", now + self._core.settings.timers.timeout)

    def _take(self, dialog: DialogId, leg: Leg | None, transaction: Transaction, now: float) -> None:
        said = subscribed(transaction.request)
        refer = self._of(dialog, said)
        if said.package != "refer":
            self._invitations.respond(transaction, 489, now, leg=leg, headers=[("Allow-Events", "refer")])
        elif refer is None:
            self._invitations.respond(transaction, 481, now, leg=leg)
        else:
            self._invitations.respond(transaction, 200, now, leg=leg)
            self._heard(refer, said, status_of(transaction.request.body), now)

    def _heard(self, refer: Refer, said: Subscribed, told: tuple[int, str] | None, now: float) -> None:
        refer.notified = True
        if told is not None:
            self._tell(refer, *told, final=said.terminated or told[0] >= 200)
        elif said.terminated:
            self._tell(refer, 500, f"subscription ended: {said.why or 'no reason given'}", final=True)
        if said.terminated and refer.replied:
            self._close(refer)
        else:
            life = _USUAL_LIFE_S if said.expires is None else min(said.expires, _LONGEST_LIFE_S)
            over = refer.over or said.terminated
            self.alarms.start(refer, "ends", now + (self._core.settings.timers.timeout if over else life))

    def _of(self, dialog: DialogId, said: Subscribed) -> Refer | None:
        """Whose NOTIFY it is. The first REFER's need no id; one that came before its 202 may bear a number unknown."""
        refers = self._refers.get(dialog, [])
        if said.id is None:
            return next((refer for refer in refers if not refer.over), refers[-1] if refers else None)
        named = next((refer for refer in refers if str(refer.cseq) == said.id), None)
        return named or next((refer for refer in refers if not refer.replied), None)

    def _tell(self, refer: Refer, status: int, reason: str, *, final: bool) -> None:
        if refer.over:
            return
        refer.over = final
        dialog = refer.leg.dialog
        refers = self._refers.get(dialog.id, []) if dialog is not None else []
        if refer.leg.state is not LegState.ENDED and refers and refers[-1] is refer:
            self._core.emit(TransferProgress(refer.leg.id, status, reason, final))

    def _close(self, refer: Refer) -> None:
        refer.over = True
        self.alarms.stop(refer)
        assert refer.leg.dialog is not None
        refers = self._refers.get(refer.leg.dialog.id, [])
        if refer in refers:
            refers.remove(refer)
            if not refers:
                del self._refers[refer.leg.dialog.id]
