"""The session of each call once it has begun: offers and answers of either side, its refreshes, and its end."""

from collections.abc import Callable, Mapping

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.changes import Changes
from mediaserver.sip.core import Core
from mediaserver.sip.core_uac import Uac
from mediaserver.sip.in_dialog import DialogRequests
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegAlarm, LegState
from mediaserver.sip.reliable import Provisionals
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.updates import Updates

_STANDING = (LegState.CONFIRMED, LegState.ANSWERED, LegState.RINGING, LegState.CALLING)
"""Where a change of the peer's can have come up, or have been withdrawn since."""


class Sessions:
    """Knows whose turn it is on a leg, and wakes whoever waits for something there."""

    def __init__(
        self, core: Core, uac: Uac, requests: DialogRequests, invitations: Invitations, timers: SessionTimers
    ) -> None:
        self._core = core
        self._uac = uac
        self._requests = requests
        self._invitations = invitations
        self.updates = Updates(core, invitations, timers)
        self.provisionals = Provisionals(core, invitations, self.updates)
        self._changes = Changes(core, uac.transmit, uac.transactions, requests, timers)
        invitations.rested = uac.rested = self._changes.go_on

    # Offers of the peer

    def answer(self, handle: int, sdp: bytes, now: float) -> None:
        """Accept what the peer wants to change, by whatever method it asked; nothing if it has withdrawn that."""
        if (party := self._asked(handle)) is not None:
            self.updates.answer(party, sdp, now)
            self._go_on(party, now)
        elif (party := self._reinvited(handle)) is not None:
            self._invitations.accept(party, sdp, now)

    def refuse(self, handle: int, status: int, now: float) -> None:
        """Refuse what the peer wants to change."""
        if (party := self._asked(handle)) is not None:
            self.updates.refuse(party, status, now)
            self._go_on(party, now)
        elif (party := self._reinvited(handle)) is not None:
            self._invitations.refuse(party, status, now)

    def acknowledge(self, handle: int, sdp: bytes, now: float) -> None:
        """Answer the offer a response of the peer brought; LocalProtocolError if none did."""
        caller = self._core.leg(handle, LegState.CONFIRMED, LegState.CALLING)
        if caller is None:
            return
        fork = next((fork for fork in caller.forks.values() if fork.prack_due is not None), None)
        if fork is not None:
            self._uac.forks.acknowledge(fork, sdp, now)
        elif caller.attempt is not None and caller.attempt.answer_due:
            self._uac.acknowledge(caller, sdp, now)
        elif caller.change is not None and caller.change.answer_due:
            self._changes.acknowledge(caller, sdp, now)
        else:
            raise LocalProtocolError(f"no offer to answer on leg {handle}")

    def _asked(self, handle: int) -> Leg | None:
        """Who waits for our answer to an UPDATE or PRACK: the call itself, or a branch of it that rings."""
        call = self._core.leg(handle)
        if call is None:
            return None
        return next((leg for leg in (call, *call.forks.values()) if leg.asked is not None), None)

    def _reinvited(self, handle: int) -> Leg | None:
        party = self._core.leg(handle, *_STANDING)
        return None if party is None or party.pending is None or party.state is LegState.RINGING else party

    # Ours

    def change(self, handle: int, sdp: bytes | None, now: float) -> None:
        """Offer `sdp`, or ask for the peer's offer, as soon as nothing is in the way."""
        party = self._core.leg(handle)
        if party is None or party.state is LegState.ENDING:
            return
        early = next((fork for fork in party.forks.values() if fork.settled), None)
        self._changes.want(early or party, sdp, now)

    def hang_up(self, party: Leg, now: float) -> None:
        """Send the BYE, after the refusal of whatever waits for an answer of ours."""
        party.changes.clear()
        if party.attempt is not None and party.attempt.answer_due:
            self._uac.acknowledge(party, None, now)
        if party.change is not None and party.change.answer_due:
            self._changes.acknowledge(party, None, now)
        if party.asked is not None:
            self.updates.refuse(party, 487, now)
        if party.pending is not None:
            self._invitations.refuse(party, 487, now)
        self._requests.bye(party, now)

    # What is waited for

    def wakes(self) -> Mapping[LegAlarm, Callable[[Leg, LegAlarm, float], None]]:
        """Who is woken by what."""
        invitations, provisionals = self._invitations.alarm, self.provisionals.alarm
        caller, changes, terminate = self._uac.alarm, self._changes.alarm, self._requests.terminate
        return {
            LegAlarm.REPEAT_2XX: invitations,
            LegAlarm.NO_ACK: invitations,
            LegAlarm.EXPIRED: invitations,
            LegAlarm.REPEAT_RINGING: provisionals,
            LegAlarm.REPEAT_1XX: provisionals,
            LegAlarm.NO_PRACK: provisionals,
            LegAlarm.UNANSWERED: self._unanswered,
            LegAlarm.NO_FINAL: caller,
            LegAlarm.RUNG_OUT: caller,
            LegAlarm.CHANGE_AGAIN: changes,
            LegAlarm.CHANGE_STUCK: changes,
            LegAlarm.REFRESH: lambda leg, _, now: self._changes.refresh(leg, now),
            LegAlarm.SESSION_ENDS: lambda leg, _, now: terminate(leg, 408, "session timer", now),
        }

    def _unanswered(self, party: Leg, alarm: LegAlarm, now: float) -> None:
        self.updates.refuse(party, 500, now)
        self._go_on(party, now)

    def _go_on(self, party: Leg, now: float) -> None:
        self.provisionals.go_on(party, now)
        self._changes.go_on(party, now)
