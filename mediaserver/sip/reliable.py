"""Provisional responses of ours that the caller acknowledges (RFC 3262 3), and the 2xx that waits for it."""

from zlib import crc32

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.events import EarlyAnswer, Ended
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Early, Leg, LegAlarm, LegState, Reliable
from mediaserver.sip.message import Request
from mediaserver.sip.transaction import Input, Transaction
from mediaserver.sip.updates import Updates


class Provisionals:
    """Every provisional response but 100, reliable or not."""

    def __init__(self, core: Core, invitations: Invitations, updates: Updates) -> None:
        self._core = core
        self._invitations = invitations
        self._updates = updates

    # The user's commands

    def send(self, leg: Leg, status: int, body: bytes | None, now: float) -> None:
        """Send 101 to 199; reliable ones go one after the other, each when the one before is acknowledged."""
        assert leg.pending is not None
        if leg.early is not None and leg.early.final is not None:
            raise LocalProtocolError(f"leg {leg.id} is answered already")
        if leg.settled:
            body = None  # said and answered: another description would be neither offer nor answer (RFC 6337 3.1)
        if not self._is_reliable(leg.pending.request, body):
            self._invitations.respond(leg.pending, status, now, leg=leg, body=body)
            self._core.alarms.start(leg, LegAlarm.REPEAT_RINGING, now + self._core.settings.ring_refresh)
            return
        if leg.early is None:
            # Anything from 1 to 2**31-1, and room above it for those that follow.
            first = crc32(self._core.token().encode()) % (2**31 - 2**16)
            leg.early = Early(leg.pending.request.cseq.number, first)
        if leg.early.unacknowledged is not None:
            leg.early.waiting.append((status, body))
        else:
            self._send(leg, leg.early, status, body, now)

    def answer(self, leg: Leg, sdp: bytes, now: float) -> None:
        """Send the 2xx; it waits while what described the session is not acknowledged."""
        early = leg.early
        if early is None:
            self._invitations.accept(leg, sdp, now)
            return
        if early.final is not None:
            raise LocalProtocolError(f"leg {leg.id} is answered already")
        early.waiting.clear()
        early.final = sdp
        self.go_on(leg, now)

    def go_on(self, leg: Leg, now: float) -> None:
        """Send what has waited for a PRACK, or for the answer to the offer in one."""
        early = leg.early
        if early is None or leg.state is not LegState.RINGING or leg.asked is not None:
            return
        unacknowledged = early.unacknowledged
        if early.final is not None and (unacknowledged is None or not unacknowledged.described):
            self._core.alarms.stop(leg, LegAlarm.REPEAT_1XX, LegAlarm.NO_PRACK)
            self._invitations.accept(leg, early.final, now)
        elif unacknowledged is None and early.waiting:
            self._send(leg, early, *early.waiting.pop(0), now)

    def _is_reliable(self, invite: Request, body: bytes | None) -> bool:
        if _names(invite, "Require"):
            return True
        return self._core.settings.reliable != "off" and body is not None and _names(invite, "Supported")

    def _send(self, leg: Leg, early: Early, status: int, body: bytes | None, now: float) -> None:
        assert leg.pending is not None
        if leg.settled:
            body = None
        early.rseq += 1
        early.status = status
        offered = body is not None and not leg.pending.request.body
        if body is not None:
            leg.said = body
            leg.settled = not offered
        fields = [("Require", "100rel"), ("RSeq", str(early.rseq))]
        self._invitations.respond(leg.pending, status, now, leg=leg, headers=fields, body=body)
        alarms, t1 = self._core.alarms, self._core.settings.timers.t1
        early.unacknowledged = Reliable(early.rseq, leg.pending.wire, t1, body is not None, offered)
        alarms.start(leg, LegAlarm.REPEAT_1XX, now + t1)
        alarms.start(leg, LegAlarm.NO_PRACK, now + self._core.settings.timers.timeout)
        alarms.stop(leg, LegAlarm.REPEAT_RINGING)

    # The peer's PRACK

    def acknowledged(self, leg: Leg, transaction: Transaction, now: float) -> None:
        """A PRACK: 200, or 481 when it is none of what we wait for; it may answer our offer, or bring one."""
        early, prack = leg.early, transaction.request
        reliable = None if early is None else early.unacknowledged
        if early is None or reliable is None or not _matches(early, reliable, prack):
            self._invitations.respond(transaction, 481, now, leg=leg)
            return
        early.unacknowledged = None
        self._core.alarms.stop(leg, LegAlarm.REPEAT_1XX, LegAlarm.NO_PRACK)
        if leg.state is LegState.RINGING:
            self._core.alarms.start(leg, LegAlarm.REPEAT_RINGING, now + self._core.settings.ring_refresh)
        if prack.body and not reliable.offered and leg.state is LegState.RINGING:
            self._updates.asked(leg, transaction, now)
            return
        self._invitations.respond(transaction, 200, now, leg=leg)
        if reliable.offered and leg.state is LegState.RINGING and not self._answered(leg, prack.body, now):
            return
        self.go_on(leg, now)

    def _answered(self, leg: Leg, body: bytes, now: float) -> bool:
        if not body:
            self._give_up(leg, 488, "no answer in the PRACK", now)
            return False
        leg.told = body
        leg.settled = True
        self._core.emit(EarlyAnswer(leg.id, body))
        return True

    # The alarms

    def alarm(self, leg: Leg, alarm: LegAlarm, now: float) -> None:
        """Repeat the response, or give the call up with 504 when nobody acknowledges it (3)."""
        early = leg.early
        if alarm is LegAlarm.REPEAT_RINGING and leg.pending is not None:
            self._ring_on(leg, leg.pending, now)
        elif early is None or early.unacknowledged is None or leg.pending is None:
            return
        elif alarm is LegAlarm.NO_PRACK:
            self._give_up(leg, 504, "no PRACK", now)
        else:
            self._core.send(leg.pending.flow, early.unacknowledged.wire)
            early.unacknowledged.interval *= 2
            self._core.alarms.start(leg, LegAlarm.REPEAT_1XX, now + early.unacknowledged.interval)

    def _ring_on(self, leg: Leg, invite: Transaction, now: float) -> None:
        """Tell proxies that we still ring (13.3.1.1): a reliable response is another one each time."""
        if leg.early is not None and leg.early.unacknowledged is None:
            self._send(leg, leg.early, leg.early.status, None, now)
            return
        self._invitations.transactions.feed(invite, Input.PROVISIONAL, now)
        self._core.alarms.start(leg, LegAlarm.REPEAT_RINGING, now + self._core.settings.ring_refresh)

    def _give_up(self, leg: Leg, status: int, reason: str, now: float) -> None:
        self._invitations.refuse(leg, status, now)
        self._core.emit(Ended(leg.id, by_peer=False, status=status, reason=reason))


def _matches(early: Early, reliable: Reliable, prack: Request) -> bool:
    """Whether RAck names the response and the INVITE (7.2)."""
    words = (prack.headers.get("RAck") or "").split()
    return words == [str(reliable.rseq), str(early.cseq), "INVITE"]


def _names(invite: Request, field: str) -> bool:
    return any(tag.lower() == "100rel" for tag in invite.headers.get_all(field))
