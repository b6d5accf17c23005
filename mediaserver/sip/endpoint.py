"""The SIP endpoint: bytes and time in, bytes and events out; the face of this package (RFC 3261, 6026, 3581)."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mediaserver.errors import LocalProtocolError, RemoteProtocolError
from mediaserver.sip.core import Core
from mediaserver.sip.core_uac import Uac
from mediaserver.sip.core_uas import Uas
from mediaserver.sip.door import Door
from mediaserver.sip.events import Effect, Flow
from mediaserver.sip.guard import Guard, Pass
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.invitation import Invitations
from mediaserver.sip.leg import LegState
from mediaserver.sip.message import MalformedRequest, Response, parse
from mediaserver.sip.outside import OutsideRequests
from mediaserver.sip.registrar import Registrar
from mediaserver.sip.session_timer import SessionTimers
from mediaserver.sip.sessions import Sessions
from mediaserver.sip.transfers import Transfers
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
        registrar: Registrar | None = None,
        guard: Guard | None = None,
    ) -> None:
        settings = settings or EndpointSettings()
        if registrar is not None and "REGISTER" not in settings.allow:
            settings = replace(settings, allow=(*settings.allow, "REGISTER"))
        self._core = Core(token, settings)
        self._core.guard = self._guard = guard
        self._registrar = registrar
        timers = SessionTimers(self._core)
        self._uac = Uac(self._core, timers)
        self._requests = self._uac.requests
        self.outside = OutsideRequests(self._core, self._uac.transmit)
        """What we ask outside of calls."""
        self._invitations = Invitations(self._core, self._requests, timers)
        self._sessions = Sessions(self._core, self._uac, self._requests, self._invitations, timers)
        self.transfers = Transfers(self._core, self._requests, self._invitations)
        """REFERs both ways."""
        self._uas = Uas(
            self._core,
            self._invitations.transactions,
            self._invitations,
            self._sessions.updates,
            self._sessions.provisionals,
            timers,
            self.transfers,
            door,
            registrar,
        )
        self._wakes = self._sessions.wakes()
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

    @property
    def draining(self) -> bool:
        """Whether OPTIONS outside of calls is answered with 503, that balancers send their calls elsewhere."""
        return self._uas.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._uas.draining = draining

    # What the shell does

    def receive(self, data: bytes, flow: Flow, now: float) -> bool:
        """Take one message from the wire: a datagram, or what `StreamParser` cut out of a stream; never raises.

        False if the guard has dropped it unread.
        """
        entry = Pass.ADMIT if self._guard is None else self._guard.judge(data, flow, now)
        if entry is Pass.DROP:
            return False
        try:
            message = parse(data)
            if isinstance(message, Response):
                if self._uac.receive(message, flow, now) and self._guard is not None:
                    self._guard.vouch(flow, now)
            elif entry is Pass.REFUSE:
                self._uas.too_many(message, flow, now)
            else:
                self._uas.receive(message, flow, now)
        except MalformedRequest as fault:
            self._malformed += 1
            if entry is Pass.ADMIT:
                self._uas.malformed(fault, flow, now)
        except RemoteProtocolError:  # no SIP, or nobody to answer: garbage is never answered
            if data.strip(_BLANK):
                self._malformed += 1
        self._tell_bindings()
        return True

    def flow_closed(self, flow: Flow, error: str | None, now: float) -> None:
        """A connection is gone, or could not be opened: what was under way on it fails (18.4)."""
        self._uas.flow_closed(flow)
        self._uac.transactions.flow_closed(flow, error, now)
        self._invitations.transactions.flow_closed(flow, error, now)
        if self._registrar is not None:
            self._registrar.flow_closed(flow)
            self._tell_bindings()

    def undelivered(self, quoted: bytes, error: str, now: float) -> None:
        """A datagram came back (18.4); `quoted` is as much of it as the ICMP error repeats."""
        self._uac.undelivered(quoted, error, now)

    def resolved(self, leg: int, ways: Sequence[Flow], now: float) -> None:
        """What a `Resolve` has led to: where requests within the call may go, in the order to try."""
        self._core.located(leg, ways)

    def needs(self, flow: Flow) -> bool:
        """Whether a call or a phone is bound to this connection: it should not be closed for being silent."""
        if self._registrar is not None and self._registrar.uses(flow):
            return True
        return any(leg.flow == flow for leg in self._core.legs.values())

    def call_id(self, leg: int) -> str | None:
        """The Call-ID of a leg; None if it has ended."""
        party = self._core.legs.get(leg)
        if party is None:
            return None
        if party.dialog is not None:
            return party.dialog.call_id
        return None if party.attempt is None else party.attempt.request.call_id

    def handle_timer(self, now: float) -> None:
        """Do everything that is due at `now`."""
        self._uac.transactions.handle_timer(now)
        self._invitations.transactions.handle_timer(now)
        while (due := self._core.alarms.due(now)) is not None:
            leg, alarm = due
            self._wakes[alarm](leg, alarm, now)
        self.transfers.handle_timer(now)
        if self._registrar is not None:
            self._registrar.handle_timer(now)
            self._tell_bindings()

    def next_deadline(self) -> float | None:
        """When `handle_timer` wants to be called, in seconds; None: nothing is waited for."""
        deadlines = (
            self._core.alarms.next(),
            self._uac.transactions.next_deadline(),
            self._invitations.transactions.next_deadline(),
            self.transfers.next_deadline(),
            None if self._registrar is None else self._registrar.next_deadline(),
        )
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def effects(self) -> list[Effect]:
        """Take what there is to send and to tell, in order."""
        effects, self._core.outbox = self._core.outbox, []
        return effects

    def _tell_bindings(self) -> None:
        if self._registrar is not None:
            for change in self._registrar.changes():
                self._core.emit(change)

    # As the one who is called

    def provisional(self, leg: int, status: int, now: float, body: bytes | None = None) -> None:
        """Send a provisional response (101-199), with early media's SDP if given.

        The caller acknowledges it if it insists on that, or can do it and there is SDP (RFC 3262): then `EarlyAnswer`
        follows if our SDP was an offer, and `answer` has nothing to add to the session.
        """
        if not 100 < status < 200:
            raise LocalProtocolError(f"{status} is not provisional")
        if (called := self._core.leg(leg, LegState.RINGING)) is not None:
            self._sessions.provisionals.send(called, status, body, now)

    def answer(self, leg: int, sdp: bytes, now: float) -> None:
        """Send the 200 with our answer, or with our offer when `IncomingCall.offer` was None."""
        if (called := self._core.leg(leg, LegState.RINGING)) is not None:
            self._sessions.provisionals.answer(called, sdp, now)

    def redirect(self, leg: int, contacts: Sequence[str], now: float) -> None:
        """Send the caller elsewhere with a 302; `contacts` are Contact values, such as `<sip:a@example.com>;q=0.5`."""
        if not contacts:
            raise LocalProtocolError("nowhere to redirect to: name a contact")
        self.reject(leg, 302, now, headers=[("Contact", contact) for contact in contacts])

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
        self._sessions.answer(leg, sdp, now)

    def reject_reinvite(self, leg: int, status: int, now: float) -> None:
        """Refuse a change of the session (488, 500): the session stays as it was (14.2)."""
        if not 300 <= status < 700:
            raise LocalProtocolError(f"{status} does not refuse")
        self._sessions.refuse(leg, status, now)

    def reinvite(self, leg: int, sdp: bytes | None, now: float) -> None:
        """Change the session: offer `sdp`, or ask the peer for its offer; `SessionChanged` or `ChangeRefused` follows.

        It waits for what is under way, and is tried again when it meets a change of the peer's (14.1). Before the call
        is answered it goes out by UPDATE as soon as RFC 3311 allows that. After an offer of the peer's `acknowledge`
        is due.
        """
        self._sessions.change(leg, sdp, now)

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
        outbound: bool = False,
    ) -> int:
        """Call `target` through `flow`; `sdp` None asks the peer for the offer. The handle of the new leg.

        `routes` are Route values to go by, such as `<sip:proxy.example.com;lr>`, the first of them being what `flow`
        leads to; within the dialog the way is what the answer's Record-Route says. `to` is `target` unless given.
        `outbound`: `flow` is one we are registered by, and all of the call is to come by it (RFC 5626 4.3).
        """
        return self._uac.invite(target, flow, from_, now, sdp, credentials, headers, routes, to, outbound).id

    def heard(self, leg: int) -> bool:
        """Whether any response to our INVITE has come; True for a leg that is gone."""
        caller = self._core.leg(leg)
        return caller is None or caller.attempt is None or caller.attempt.heard

    def cancel(self, leg: int, now: float, *, reason: str | None = None) -> None:
        """Give up a call that is not answered; `Refused` (487, or what the peer says) follows.

        `reason` is a Reason value (RFC 3326) for the CANCEL, such as `SIP;cause=200;text="Call completed elsewhere"`.
        """
        if (caller := self._core.leg(leg)) is not None and caller.state is LegState.CALLING:
            caller.bye_reason = reason
            self._uac.cancel(caller, now)

    def acknowledge(self, leg: int, sdp: bytes, now: float) -> None:
        """Answer the offer that came with `Answered`, `SessionChanged` or `Progress`, for we had made none.

        What answers an offer of ours is acknowledged without asking.
        """
        self._sessions.acknowledge(leg, sdp, now)

    # As either

    def bye(self, leg: int, now: float, *, reason: str | None = None) -> None:
        """Hang up; `Ended` follows, or `Refused` if our call was not answered yet.

        `reason` is a Reason value (RFC 3326) such as `Q.850;cause=16;text="Terminated"`. Before the ACK to our 2xx
        the BYE waits (15). A call that rings here is refused with `reject` instead.
        """
        party = self._core.leg(leg)
        if party is None or party.state is LegState.ENDING:
            return
        answered = party.early is not None and party.early.final is not None
        if party.state is LegState.RINGING and not answered:
            raise LocalProtocolError(f"leg {leg} is not answered yet: reject it")
        party.bye_reason = reason
        if party.state is LegState.CALLING:
            self._uac.cancel(party, now)
        elif party.state in (LegState.ANSWERED, LegState.RINGING):
            party.bye_wanted = True
        else:
            self._sessions.hang_up(party, now)

    def info(self, leg: int, content_type: str, body: bytes, now: float) -> None:
        """Send an INFO request in the dialog (RFC 6086)."""
        if (party := self._core.leg(leg, LegState.CONFIRMED)) is not None:
            self._requests.send(party, "INFO", now, content_type=content_type, body=body)
