"""The SIP endpoint: bytes and time in, bytes and events out; the face of this package (RFC 3261, 6026, 3581)."""

from collections.abc import Callable, Sequence

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.core_uac import Uac
from mediaserver.sip.core_uas import Uas
from mediaserver.sip.door import Door
from mediaserver.sip.events import Effect, Flow
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import Leg, LegAlarm, LegState
from mediaserver.sip.message import MalformedRequest, Response, parse
from mediaserver.sip.outside import OutsideRequests
from mediaserver.sip.uri import NameAddr, SipUri

_BLANK = b" \r\n\0"


class SipEndpoint:
    """One user agent for any number of calls.

    A call is known by its leg, an opaque handle. Commands for a leg that has ended meanwhile do nothing, for its end
    may cross them; those its state does not allow raise LocalProtocolError. Times are seconds on one monotonic clock.
    """

    def __init__(
        self,
        *,
        token: Callable[[], str],
        settings: EndpointSettings | None = None,
        door: Door | None = None,
    ) -> None:
        self._core = Core(token, settings or EndpointSettings())
        self._uac = Uac(self._core)
        self._requests = self._uac.requests
        self._outside = OutsideRequests(self._core, self._uac.transmit)
        self._invitations = Invitations(self._core, self._requests)
        self._uas = Uas(self._core, self._invitations.transactions, self._invitations, door)
        self._malformed = 0

    @property
    def legs(self) -> int:
        """How many calls are alive."""
        return len(self._core.legs)

    @property
    def transactions(self) -> int:
        """How many transactions are alive, client and server."""
        return len(self._uac.transactions) + len(self._invitations.transactions)

    @property
    def malformed(self) -> int:
        """How many messages could not be read so far; the blanks that keep a NAT open are none."""
        return self._malformed

    @property
    def refused(self) -> int:
        """How many requests were refused or dropped so far without any state made for them, challenges included."""
        return self._uas.refused

    # What the shell does

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one message from the wire: a datagram, or what `StreamParser` cut out of a stream; never raises."""
        try:
            message = parse(data)
            if isinstance(message, Response):
                self._uac.receive(message, now)
            else:
                self._uas.receive(message, flow, now)
        except MalformedRequest as fault:
            self._malformed += 1
            self._uas.malformed(fault, flow, now)
        except RemoteProtocolError:  # no SIP, or nobody to answer: garbage is never answered
            if data.strip(_BLANK):
                self._malformed += 1

    def flow_closed(self, flow: Flow, error: str | None, now: float) -> None:
        """A connection is gone, or could not be opened: what was under way on it fails (18.4)."""
        self._uas.flow_closed(flow)
        self._uac.transactions.flow_closed(flow, now)
        self._invitations.transactions.flow_closed(flow, now)

    def needs(self, flow: Flow) -> bool:
        """Whether a call is bound to this connection: it should not be closed for being silent."""
        return any(leg.flow == flow for leg in self._core.legs.values())

    def handle_timer(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self._uac.transactions.handle_timer(now)
        self._invitations.transactions.handle_timer(now)
        while (due := self._core.alarms.due(now)) is not None:
            leg, alarm = due
            if alarm is LegAlarm.NO_FINAL:
                self._uac.alarm(leg, now)
            else:
                self._invitations.alarm(leg, alarm, now)

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds; None: nothing is waited for."""
        deadlines = (
            self._core.alarms.next(),
            self._uac.transactions.next_deadline(),
            self._invitations.transactions.next_deadline(),
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def effects(self) -> list[Effect]:
        """Take what there is to send and to tell, in order."""
        effects, self._core.outbox = self._core.outbox, []
        return effects

    # As the one who is called

    def provisional(self, leg: int, status: int, now: float, body: bytes | None = None) -> None:
        """Send a provisional response (101-199), with early media's SDP if given."""
        if not 100 < status < 200:
            raise LocalProtocolError(f"{status} is not provisional")
        if (called := self._core.leg(leg, LegState.RINGING)) is not None:
            self._invitations.provisional(called, status, body, now)

    def answer(self, leg: int, sdp: bytes, now: float) -> None:
        """Send the 200 with our answer, or with our offer when `IncomingCall.offer` was None."""
        if (called := self._core.leg(leg, LegState.RINGING)) is not None:
            self._invitations.accept(called, sdp, now)

    def reject(
        self,
        leg: int,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Refuse the call with 300-699; the leg is gone."""
        if not 300 <= status < 700:
            raise LocalProtocolError(f"{status} does not refuse")
        if (called := self._core.leg(leg, LegState.RINGING)) is not None:
            self._invitations.refuse(called, status, now, reason, headers)

    def answer_reinvite(self, leg: int, sdp: bytes, now: float) -> None:
        """Accept a change of the session; nothing happens if the peer has withdrawn it."""
        if (party := self._core.leg(leg, LegState.CONFIRMED)) is not None and party.pending is not None:
            self._invitations.accept(party, sdp, now)

    def reject_reinvite(self, leg: int, status: int, now: float) -> None:
        """Refuse a change of the session (488, 500): the session stays as it was (14.2)."""
        if not 300 <= status < 700:
            raise LocalProtocolError(f"{status} does not refuse")
        if (party := self._core.leg(leg, LegState.CONFIRMED)) is not None:
            self._invitations.refuse(party, status, now)

    # As the one who calls

    def invite(
        self,
        *,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        now: float,
        sdp: bytes | None,
        credentials: tuple[str, str] | None = None,
        headers: Sequence[tuple[str, str]] = (),
        routes: Sequence[str] = (),
        to: NameAddr | None = None,
    ) -> int:
        """Call `target` through `flow`; `sdp` None asks the peer for the offer. The handle of the new leg.

        `routes` are Route values to go by, such as `<sip:proxy.example.com;lr>`, the first of them being what `flow`
        leads to; within the dialog the way is what the answer's Record-Route says. `to` is `target` unless given.
        """
        return self._uac.invite(target, flow, from_, now, sdp, credentials, headers, routes, to).id

    def heard(self, leg: int) -> bool:
        """Whether any response to our INVITE has come; True for a leg that is gone."""
        caller = self._core.leg(leg)
        return caller is None or caller.attempt is None or caller.attempt.heard

    def cancel(self, leg: int, now: float) -> None:
        """Give up a call that is not answered; `Refused` (487, or what the peer says) follows."""
        if (caller := self._core.leg(leg)) is not None and caller.state is LegState.CALLING:
            self._uac.cancel(caller, now)

    def acknowledge(self, leg: int, sdp: bytes, now: float) -> None:
        """Answer the offer that `Answered` brought after an INVITE without one; other 2xx are ACKed without asking."""
        caller = self._core.leg(leg, LegState.CONFIRMED)
        if caller is None:
            return
        if caller.attempt is None or not caller.attempt.answer_due:
            raise LocalProtocolError(f"no offer to answer on leg {leg}")
        self._uac.acknowledge(caller, sdp, now)

    # Outside of calls

    def contact(self, flow: Flow, user: str | None) -> str:
        """Our Contact value as a peer of `flow` reaches us, for a REGISTER."""
        return self._core.identity.contact(flow, user)

    def request(
        self,
        method: str,
        *,
        target: SipUri,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        now: float,
        call_id: str | None = None,
        cseq: int | None = None,
        contact: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        credentials: tuple[str, str] | None = None,
        routes: Sequence[str] = (),
    ) -> int:
        """Send a request outside of any dialog, other than INVITE; `Replied` with its number tells how it ended.

        Challenges are answered with `credentials`, by as many requests more as `MOST_ANSWERS` of `challenge` at most,
        each with the next CSeq number: who gives `cseq` leaves room for them. `routes` are Route values.
        """
        return self._outside.send(
            method,
            target,
            flow,
            from_,
            to,
            now,
            call_id=call_id,
            cseq=cseq,
            contact=contact,
            headers=headers,
            body=body,
            credentials=credentials,
            routes=routes,
        )

    # As either

    def bye(self, leg: int, now: float, *, reason: str | None = None) -> None:
        """Hang up; `Ended` follows, or `Refused` if our call was not answered yet.

        `reason` is a Reason value (RFC 3326) such as `Q.850;cause=16;text="Terminated"`. Before the ACK to our 2xx
        the BYE waits (15). A call that rings here is refused with `reject` instead.
        """
        party = self._core.leg(leg)
        if party is None or party.state is LegState.ENDING:
            return
        if party.state is LegState.RINGING:
            raise LocalProtocolError(f"leg {leg} is not answered yet: reject it")
        party.bye_reason = reason
        if party.state is LegState.CALLING:
            self._uac.cancel(party, now)
        elif party.state is LegState.ANSWERED:
            party.bye_wanted = True
        else:
            self._hang_up(party, now)

    def info(self, leg: int, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO request in the dialog (RFC 6086)."""
        if (party := self._core.leg(leg, LegState.CONFIRMED)) is not None:
            self._requests.send(party, "INFO", now, content_type=content_type, body=body)

    def _hang_up(self, party: Leg, now: float) -> None:
        if party.attempt is not None and party.attempt.answer_due:
            self._uac.acknowledge(party, None, now)
        if party.pending is not None:
            self._invitations.refuse(party, 487, now)
        self._requests.bye(party, now)
