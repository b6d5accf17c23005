"""REFERs of the peer: we are asked to call somebody else, and tell how that goes (RFC 3515, 4488, 3892, 5057)."""

from dataclasses import dataclass
from typing import Literal

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.event import subscribed
from mediaserver.sip.events import TransferAsked
from mediaserver.sip.in_dialog import DialogRequests, outcome_of
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegState
from mediaserver.sip.message import Response
from mediaserver.sip.refer_to import parse_refer_to
from mediaserver.sip.seconds import seconds_of
from mediaserver.sip.sipfrag import SIPFRAG, fragment
from mediaserver.sip.timers import Alarms
from mediaserver.sip.transaction import Cause, Transaction

_LIFE_S = 300
"""How long we tell at most; a peer that wants more sends a SUBSCRIBE."""


@dataclass(slots=True, eq=False)
class Referral:
    """One REFER of the peer: first undecided, then a subscription that we notify."""

    leg: Leg
    request: Transaction
    named: bool
    """Its Event needs an id: it is not the dialog's first (RFC 3515 2.4.6)."""
    silent: bool
    """The peer wants to hear nothing of it (RFC 4488)."""
    accepted: bool = False
    ends_at: float = 0.0
    told: tuple[int, str] = (100, "Trying")
    under_way: bool = False
    """A NOTIFY has no response yet: the next one waits, lest they overtake each other."""
    waiting: bool = False
    over: bool = False


class Referrals:
    """The notifier's side: one REFER of a leg at a time."""

    def __init__(self, core: Core, requests: DialogRequests, invitations: Invitations) -> None:
        self._core = core
        self._requests = requests
        self._invitations = invitations
        self._referrals: dict[int, Referral] = {}
        self.alarms: Alarms[Referral, Literal["undecided", "ends"]] = Alarms()

    # What the peer sends

    def asked(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """Take a REFER within the dialog of a leg; our user has half of what the peer waits to decide."""
        request = transaction.request
        if (status := self._refusal(leg)) is not None:
            self._invitations.respond(transaction, status, now, leg=leg)
            return
        try:
            target, replaces = parse_refer_to(request)
        except RemoteProtocolError as fault:
            self._invitations.respond(transaction, fault.status or 400, now, leg=leg)
            return
        silent = (request.headers.get("Refer-Sub") or "").strip().lower() == "false"
        referral = Referral(leg, transaction, named=leg.refers > 0, silent=silent)
        leg.refers += 1
        self._referrals[leg.id] = referral
        self.alarms.start(referral, "undecided", now + self._core.settings.timers.timeout / 2)
        self._core.emit(TransferAsked(leg.id, target, replaces, request.headers.get("Referred-By")))

    def subscribed(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """Take a SUBSCRIBE that prolongs or ends the subscription (RFC 3515 2.4.4); others there are none."""
        said = subscribed(transaction.request)
        referral = self._referrals.get(leg.id)
        if said.package != "refer":
            self._invitations.respond(transaction, 489, now, leg=leg, headers=[("Allow-Events", "refer")])
        elif referral is None or not referral.accepted or referral.over:
            self._invitations.respond(transaction, 481, now, leg=leg)
        else:
            wanted = seconds_of(transaction.request.headers.get("Expires"))
            life = min(_LIFE_S if wanted is None else wanted, _LIFE_S)
            headers = [("Expires", str(life)), ("Contact", self._core.contact(leg))]
            self._invitations.respond(transaction, 200, now, leg=leg, headers=headers)
            referral.ends_at = now + life
            if life:
                self.alarms.start(referral, "ends", referral.ends_at)
                self._notify(referral, now)
            else:
                self._end(referral, now)

    # What our user says. Nothing happens when there is no REFER any more: its end may cross the command.

    def accept(self, handle: int, now: float) -> None:
        """202, and the first NOTIFY."""
        referral = self._referrals.get(handle)
        if referral is None or referral.accepted:
            return
        leg = referral.leg
        headers = [("Contact", self._core.contact(leg))]
        if referral.silent:
            headers.append(("Refer-Sub", "false"))
        self._invitations.respond(referral.request, 202, now, leg=leg, headers=headers)
        self.alarms.stop(referral)
        if referral.silent:
            self._close(referral)
            return
        referral.accepted = True
        referral.ends_at = now + _LIFE_S
        self.alarms.start(referral, "ends", referral.ends_at)
        self._notify(referral, now)

    def progress(self, handle: int, status: int, reason: str, now: float) -> None:
        """Tell the peer; a final status ends the subscription."""
        referral = self._referrals.get(handle)
        if referral is not None and referral.accepted and not referral.over:
            referral.told = status, reason
            referral.over = status >= 200
            self._notify(referral, now)

    def reject(self, handle: int, status: int, now: float) -> None:
        """Refuse the REFER."""
        referral = self._referrals.get(handle)
        if referral is not None and not referral.accepted:
            self._invitations.respond(referral.request, status, now, leg=referral.leg)
            self._close(referral)

    def handle_timer(self, now: float) -> None:
        """Refuse what nobody decides, and end what takes too long."""
        while (due := self.alarms.due(now)) is not None:
            referral, alarm = due
            if alarm == "undecided":
                gone = referral.leg.state in (LegState.ENDING, LegState.ENDED)
                self.reject(referral.leg.id, 481 if gone else 500, now)
            elif referral.over:
                self._close(referral)
            else:
                self._end(referral, now)

    def _refusal(self, leg: Leg) -> int | None:
        if leg.state is LegState.ENDING:
            return 481
        if leg.parent is not None:
            return 403  # one branch of a call of ours that nobody has answered: it has nothing to hand over
        return 491 if leg.state not in (LegState.CONFIRMED, LegState.ANSWERED) or leg.id in self._referrals else None

    def _end(self, referral: Referral, now: float) -> None:
        referral.over = True
        self._notify(referral, now)

    def _notify(self, referral: Referral, now: float) -> None:
        if referral.under_way:
            referral.waiting = True
            return
        referral.under_way, referral.waiting = True, False
        status, reason = referral.told
        if not referral.over:
            state = f"active;expires={max(0, int(referral.ends_at - now))}"
        else:
            state = f"terminated;reason={'noresource' if status >= 200 else 'timeout'}"
        event = f"refer;id={referral.request.request.cseq.number}" if referral.named else "refer"
        self._requests.send_apart(
            referral.leg,
            "NOTIFY",
            now,
            headers=[("Event", event), ("Subscription-State", state)],
            content_type=SIPFRAG,
            body=fragment(status, reason),
            done=lambda outcome, at: self._heard(referral, outcome, at),
        )

    def _heard(self, referral: Referral, outcome: Response | Cause, now: float) -> None:
        """The peer has a NOTIFY, or does not want any (RFC 6665 4.2.2)."""
        status, _ = outcome_of(outcome)
        referral.under_way = False
        if status >= 300:
            self._close(referral)
        elif referral.waiting:
            self._notify(referral, now)
        elif referral.over:
            self._close(referral)

    def _close(self, referral: Referral) -> None:
        self.alarms.stop(referral)
        referral.over = True
        if self._referrals.get(referral.leg.id) is referral:
            del self._referrals[referral.leg.id]
