"""Our changes of a session and its refreshes: re-INVITE (RFC 3261 14.1), UPDATE (RFC 3311 5.1), one at a time."""

from functools import partial
from zlib import crc32

from mediaserver.sip.challenge import MOST_ANSWERS, answer_challenge
from mediaserver.sip.client_tx import cancel_request, client_transaction, first_actions
from mediaserver.sip.core import Core, acknowledgement, body_of
from mediaserver.sip.events import ChangeRefused, SessionChanged
from mediaserver.sip.headers import Headers
from mediaserver.sip.identity import SDP
from mediaserver.sip.in_dialog import DialogRequests, Transmit, outcome_of
from mediaserver.sip.leg import Change, Leg, LegAlarm, LegState
from mediaserver.sip.message import Request, Response
from mediaserver.sip.next_hop import way_of
from mediaserver.sip.offers import at_rest
from mediaserver.sip.seconds import retry_after_of
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.transaction import Cause, Engine, Input

_TRIES = 8
"""How often a change is put to a peer that is busy with its own."""
_LONGEST_WAIT_S = 32
_BUSY_S = 5.0
"""How long a refresh waits for what is under way, or after it was refused."""
_DIALOG_IS_DEAD = (408, 481)


class Changes:
    """What we want to change on every leg; a refresh is a change that leaves the session as it is."""

    def __init__(
        self,
        core: Core,
        transmit: Transmit,
        transactions: Engine,
        requests: DialogRequests,
        timers: SessionTimers,
    ) -> None:
        self._core = core
        self._transmit = transmit
        self._transactions = transactions
        self._requests = requests
        self._timers = timers

    # What is wanted

    def want(self, leg: Leg, sdp: bytes | None, now: float) -> None:
        """Offer `sdp`, or ask for the peer's offer; it waits for what is under way."""
        leg.changes.append(Change(sdp))
        self.go_on(leg, now)

    def refresh(self, leg: Leg, now: float) -> None:
        """Refresh the session (RFC 4028 7.4): by UPDATE if the peer takes it, else by offering what holds again."""
        if leg.state is not LegState.CONFIRMED or leg.change is not None or not at_rest(leg):
            self._core.alarms.start(leg, LegAlarm.REFRESH, now + _BUSY_S)
            return
        by_update = "UPDATE" in leg.peer_allows
        leg.change = Change(None if by_update else leg.said, refresh=True, method="UPDATE" if by_update else "INVITE")
        self._send(leg, leg.change, now)

    def go_on(self, leg: Leg, now: float) -> None:
        """Send the next change, if there is one and its time has come."""
        if leg.change is not None or not leg.changes or not at_rest(leg):
            return
        confirmed = leg.state is LegState.CONFIRMED
        if confirmed or self._may_update(leg, leg.changes[0]):
            leg.change = leg.changes.pop(0)
            leg.change.method = "INVITE" if confirmed else "UPDATE"
            self._send(leg, leg.change, now)

    @staticmethod
    def _may_update(leg: Leg, change: Change) -> bool:
        """Whether the session can be changed before the call is answered (RFC 3311 5.1)."""
        early = leg.state in (LegState.RINGING, LegState.EARLY)
        return early and leg.settled and change.sdp is not None and "UPDATE" in leg.peer_allows

    # What goes out

    def _send(self, leg: Leg, change: Change, now: float) -> None:
        assert leg.dialog is not None
        change.tries += 1
        change.under_way = True
        headers = Headers()
        self._core.identity.capabilities(headers, reliable=False)
        self._timers.ask(leg, headers)
        if change.method == "UPDATE":
            self._requests.send(
                leg,
                "UPDATE",
                now,
                headers=list(headers.items()),
                content_type=None if change.sdp is None else SDP,
                body=change.sdp or b"",
                done=partial(self._updated, leg, change),
            )
            return
        request = leg.dialog.request("INVITE")
        request.headers.add("Contact", self._core.contact(leg))
        for name, value in headers.items():
            request.headers.add(name, value)
        request.headers.add("Accept", SDP)
        request.headers.add("User-Agent", self._core.settings.user_agent)
        if change.sdp is not None:
            request.headers.add("Content-Type", SDP)
            request.body = change.sdp
        self._transmit_invite(leg, change, request, now)

    def _transmit_invite(self, leg: Leg, change: Change, request: Request, now: float) -> None:
        change.transaction = self._transmit(request, leg.flow, leg, now)
        change.transaction.done = partial(self._replied, leg, change)

    def acknowledge(self, leg: Leg, sdp: bytes | None, now: float) -> None:
        """Answer the offer in the 2xx to a re-INVITE that had none; without `sdp` it is not answered."""
        change = leg.change
        assert change is not None
        change.answer_due = False
        self._ack(leg, change, sdp)
        if sdp is not None:
            leg.said = sdp
        self._over(leg, change, now)

    def _ack(self, leg: Leg, change: Change, sdp: bytes | None) -> None:
        assert leg.dialog is not None and change.transaction is not None
        wire = acknowledgement(self._core, leg.dialog, leg.flow, change.transaction.request, sdp)
        change.ack = (leg.flow, wire)
        self._core.send(leg.flow, wire)

    # What came back to a re-INVITE

    def _replied(self, leg: Leg, change: Change, outcome: Response | Cause, now: float) -> None:
        if isinstance(outcome, Cause) or outcome.status >= 300:
            self._refused(leg, change, outcome, now)
        elif outcome.status < 200:
            if leg.change is change:
                self._core.alarms.start(leg, LegAlarm.CHANGE_STUCK, now + self._core.settings.timer_c)
        elif change.ack is not None:
            self._core.send(*change.ack)  # the ACK was lost: the 2xx came again (13.2.2.4)
        elif not change.answer_due:
            self._accepted(leg, change, outcome, now)

    def _accepted(self, leg: Leg, change: Change, response: Response, now: float) -> None:
        if leg.change is not change or leg.state is not LegState.CONFIRMED:
            self._ack(leg, change, None)  # the dialog has ended meanwhile, its 2xx is ACKed all the same
            return
        self._taken(leg, change, response, now)
        if change.sdp is None and response.body:
            change.answer_due = True
            leg.told = response.body
            self._core.emit(SessionChanged(leg.id, response.body))
            return
        self._ack(leg, change, None)
        self._told(leg, change, response)
        self._over(leg, change, now)

    def _taken(self, leg: Leg, change: Change, response: Response, now: float) -> None:
        """What any 2xx to a re-INVITE or an UPDATE tells besides the session: where the peer is, and for how long."""
        assert leg.dialog is not None
        change.under_way = False
        self._core.alarms.stop(leg, LegAlarm.CHANGE_STUCK)
        before = leg.dialog.remote_target
        leg.dialog.refresh_target(response)
        if leg.dialog.remote_target != before:
            leg.flow = way_of(leg.dialog, leg.flow)
            self._core.locate(leg)
        self._core.heard_allow(leg, response)
        if leg.state is LegState.CONFIRMED:
            self._timers.agreed(leg, response, now)

    def _told(self, leg: Leg, change: Change, response: Response) -> None:
        """Tell the user what the peer answered, of a refresh only if it is anything new."""
        if change.sdp is not None:
            leg.said = change.sdp
        if not change.refresh or (response.body and response.body != leg.told):
            self._core.emit(SessionChanged(leg.id, body_of(response)))
        leg.told = response.body or leg.told

    # What came back to an UPDATE

    def _updated(self, leg: Leg, change: Change, outcome: Response | Cause, now: float) -> None:
        leg = _party(leg)
        if isinstance(outcome, Cause) or outcome.status >= 300:
            self._refused(leg, change, outcome, now)
        elif leg.change is change:
            self._taken(leg, change, outcome, now)
            self._told(leg, change, outcome)
            self._over(leg, change, now)

    # What was refused

    def _refused(self, leg: Leg, change: Change, outcome: Response | Cause, now: float) -> None:
        if leg.change is not change or leg.state in (LegState.ENDING, LegState.ENDED):
            return
        self._core.alarms.stop(leg, LegAlarm.CHANGE_STUCK)
        change.under_way = False
        status, reason = outcome_of(outcome)
        if status in _DIALOG_IS_DEAD and leg.state is LegState.CONFIRMED:
            if change.method == "INVITE":  # an UPDATE's end is seen to by who sent it
                self._requests.terminate(leg, status, reason, now)
            return
        if isinstance(outcome, Response) and change.tries < _TRIES and self._again(leg, change, outcome, now):
            return
        if change.refresh:
            # Until the session's time is over: then the BYE follows (RFC 4028 10).
            interval = 0 if leg.timer is None else leg.timer.interval
            self._core.alarms.start(leg, LegAlarm.REFRESH, now + max(_BUSY_S, interval / 8))
        else:
            self._core.emit(ChangeRefused(leg.id, status, reason))
        self._over(leg, change, now)

    def _again(self, leg: Leg, change: Change, response: Response, now: float) -> bool:
        """Whether the change is sent again, now or later."""
        status = response.status
        if status == 491 or (status == 500 and "Retry-After" in response.headers):
            wait = self._glare_wait(leg) if status == 491 else float(retry_after_of(response) or 0)
            if wait > _LONGEST_WAIT_S:
                return False
            self._core.alarms.start(leg, LegAlarm.CHANGE_AGAIN, now + wait)
            return True
        if status == 422 and self._timers.too_small(leg, response):
            self._send(leg, change, now)
            return True
        if change.method == "UPDATE" and status in (405, 501) and leg.state is LegState.CONFIRMED:
            leg.peer_allows -= {"UPDATE"}
            change.method, change.sdp = "INVITE", change.sdp or leg.said
            self._send(leg, change, now)
            return True
        return self._authorise(leg, change, response, now)

    def _authorise(self, leg: Leg, change: Change, response: Response, now: float) -> bool:
        if change.method == "UPDATE" or change.transaction is None or leg.dialog is None:
            return False  # an UPDATE's challenge is answered by who sent it
        asked, cseq = change.transaction.request, leg.dialog.local_cseq + 1
        again = answer_challenge(asked, response, leg.credentials, cseq, self._core.token())
        if again is None or change.tries > MOST_ANSWERS:
            return False
        leg.dialog.local_cseq = cseq
        change.tries += 1
        change.under_way = True
        self._transmit_invite(leg, change, again, now)
        return True

    def _glare_wait(self, leg: Leg) -> float:
        """Seconds to wait after a 491, in steps of 10 ms: 2.1 to 4 if the Call-ID is ours, else up to 2 (14.1)."""
        die = crc32(self._core.token().encode())
        return (210 + die % 191) / 100 if leg.attempt is not None else die % 201 / 100

    def _over(self, leg: Leg, change: Change, now: float) -> None:
        if leg.change is change:
            leg.change = None
        self.go_on(leg, now)

    # The alarms

    def alarm(self, leg: Leg, alarm: LegAlarm, now: float) -> None:
        """Try again, or give up a re-INVITE that only provisional responses come to."""
        change = leg.change
        if change is None:
            return
        if alarm is LegAlarm.CHANGE_AGAIN:
            if at_rest(leg):
                self._send(leg, change, now)
            else:
                self._core.alarms.start(leg, alarm, now + 1.0)
        elif change.transaction is not None and change.under_way:
            if not change.cancelled:
                change.cancelled = True
                self._cancel(change, now)
                self._core.alarms.start(leg, alarm, now + self._core.settings.timers.timeout)
            else:
                self._transactions.feed(change.transaction, Input.GIVE_UP, now)

    def _cancel(self, change: Change, now: float) -> None:
        assert change.transaction is not None
        cancel = cancel_request(change.transaction.request)
        self._transactions.add(client_transaction(cancel, change.transaction.flow), first_actions(cancel), now)


def _party(leg: Leg) -> Leg:
    """The call itself when the branch an UPDATE was sent on has answered meanwhile."""
    parent = leg.parent
    return parent if parent is not None and parent.dialog is leg.dialog else leg
