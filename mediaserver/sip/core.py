"""What both user agent cores share: the legs and their dialogs, the alarms, and the outbox."""

from collections.abc import Callable, Sequence

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.dialog import Dialog, DialogId
from mediaserver.sip.events import Effect, Event, Flow, Resolve, Send
from mediaserver.sip.guard import Guard
from mediaserver.sip.identity import SDP, EndpointSettings, Identity, OwnContact
from mediaserver.sip.leg import Leg, LegAlarm, LegState
from mediaserver.sip.message import Request, Response
from mediaserver.sip.next_hop import anew, found, name_of, way_of
from mediaserver.sip.timers import Alarms
from mediaserver.sip.transaction import Transaction


class Core:
    """Legs by handle and by dialog; everything that leaves the endpoint goes through `send` and `emit`."""

    def __init__(self, token: Callable[[], str], settings: EndpointSettings) -> None:
        self.token = token
        self.settings = settings
        self.identity = Identity(settings)
        self.legs: dict[int, Leg] = {}
        self.dialogs: dict[DialogId, Leg] = {}
        self.alarms: Alarms[Leg, LegAlarm] = Alarms()
        self.outbox: list[Effect] = []
        self.guard: Guard | None = None
        self.abandon: Callable[[Transaction, Leg, float], None] = lambda transaction, leg, now: None
        """Answers a request of the peer that its leg no longer can (15.1.2)."""
        self._issued = 0

    def send(self, flow: Flow, wire: bytes) -> None:
        """Put bytes in the outbox; a response only if its size is in order (see `Guard.spend`)."""
        guard = self.guard
        if guard is None or flow.reliable or not wire.startswith(b"SIP/2.0") or guard.spend(flow, len(wire)):
            self.outbox.append(Send(flow, wire))

    def emit(self, event: Event) -> None:
        """Put an event in the outbox."""
        self.outbox.append(event)

    def new_leg(self, state: LegState, flow: Flow, contact: OwnContact) -> Leg:
        """A leg with the next handle."""
        self._issued += 1
        leg = self.legs[self._issued] = Leg(self._issued, state, flow, contact)
        return leg

    def contact(self, leg: Leg) -> str:
        """Our Contact in the dialog of a leg."""
        return self.identity.contact(leg.flow, leg.contact)

    def leg(self, handle: int, *states: LegState) -> Leg | None:
        """The leg of a command; None when it has ended meanwhile, for its end may cross the command.

        Raises LocalProtocolError when there never was such a leg or it is not in one of `states`.
        """
        leg = self.legs.get(handle)
        if leg is None:
            if not 0 < handle <= self._issued:
                raise LocalProtocolError(f"there never was a leg {handle}")
            return None
        if states and leg.state not in states and leg.state is not LegState.ENDING:
            raise LocalProtocolError(f"leg {handle} is {leg.state.name}")
        return None if states and leg.state not in states else leg

    def enter_dialog(self, leg: Leg, dialog: Dialog) -> None:
        """Make `dialog` the leg's own: requests of the peer find it from now on."""
        leg.dialog = dialog
        self.dialogs[dialog.id] = leg

    def forget(self, leg: Leg, now: float) -> None:
        """The leg is gone: no handle, no dialog, no alarm, and nothing of the peer's left unanswered."""
        for waiting in (leg.pending, leg.asked):
            if waiting is not None:
                self.abandon(waiting, leg, now)
        leg.state = LegState.ENDED
        leg.pending = leg.asked = leg.accepted = leg.early = None
        leg.changes.clear()
        if leg.parent is None:
            self.legs.pop(leg.id, None)
        self.alarms.stop(leg)
        if leg.change is not None and leg.change.under_way:
            # The peer still owes our re-INVITE a final response, and may never send one.
            leg.change.cancelled = True
            self.alarms.start(leg, LegAlarm.CHANGE_STUCK, now + self.settings.timers.timeout)
        if leg.dialog is not None and self.dialogs.get(leg.dialog.id) is leg:
            del self.dialogs[leg.dialog.id]
        self.forget_forks(leg, now)

    def forget_forks(self, leg: Leg, now: float) -> None:
        """The branches of our INVITE that rang are gone."""
        forks, leg.forks = leg.forks, {}
        for fork in forks.values():
            self.forget(fork, now)

    def heard_allow(self, leg: Leg, message: Request | Response) -> None:
        """Note what the peer says it takes."""
        if allowed := message.headers.get_all("Allow"):
            leg.peer_allows = frozenset(allowed)

    def moved(self, leg: Leg, transaction: Transaction) -> None:
        """A re-INVITE or UPDATE of the peer is accepted: its Contact is where it is from now on (12.2.2)."""
        assert leg.dialog is not None
        request = transaction.request
        leg.dialog.refresh_target(request)
        leg.flow = way_of(leg.dialog, transaction.flow, (request.via.host, request.via.port or 5060))
        self.locate(leg)

    def response(
        self,
        request: Request,
        status: int,
        leg: Leg | None = None,
        *,
        to_tag: str | None = None,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
    ) -> Response:
        """A response of ours; what makes or keeps a dialog has the leg's tag and our Contact (12.1.1, 8.2.6)."""
        if leg is not None and leg.dialog is not None and status > 100:
            to_tag = leg.dialog.local_tag
        response = request.response(status, reason, to_tag=to_tag)
        if leg is not None and 100 < status < 300 and request.method in ("INVITE", "UPDATE"):
            response.headers.add("Contact", self.contact(leg))
        if 100 < status < 300 and request.method in ("INVITE", "OPTIONS", "UPDATE"):
            self.identity.capabilities(response.headers)
        for name, value in headers:
            response.headers.add(name, value)
        if status > 100:
            response.headers.add("Server", self.settings.user_agent)
        if body is not None:
            response.headers.add("Content-Type", SDP)
            response.body = body
        return response

    def reconnect(self, leg: Leg) -> None:
        """The leg's connection is closed: when there is something to send, the shell shall open another."""
        leg.flow = anew(leg.dialog, leg.flow)
        self._look_up(leg)

    def locate(self, leg: Leg) -> None:
        """Have the next hop looked up if it is a name; until then it is where the peer was heard. Connections stay."""
        if not leg.flow.reliable:
            self._look_up(leg)

    def _look_up(self, leg: Leg) -> None:
        name = None if leg.dialog is None or leg.parent is not None else name_of(leg.dialog, leg.flow)
        if name is not None:
            self.outbox.append(Resolve(leg.id, name, leg.flow.profile))

    def located(self, handle: int, ways: Sequence[Flow]) -> None:
        """The next hop has been found, unless the leg is gone or has got another meanwhile."""
        leg = self.legs.get(handle)
        if leg is not None and leg.dialog is not None and name_of(leg.dialog, leg.flow) is not None:
            leg.flow = found(leg.flow, ways)


def acknowledgement(core: Core, dialog: Dialog, flow: Flow, invite: Request, sdp: bytes | None) -> bytes:
    """The ACK to the 2xx that answered `invite`: of the dialog, in a branch of its own, no transaction (13.2.2.4)."""
    ack = dialog.request("ACK", cseq=invite.cseq.number)
    ack.headers.prepend("Via", core.identity.via(flow, f"z9hG4bK{core.token()}"))
    for name in ("Authorization", "Proxy-Authorization"):
        for value in invite.headers.get_all(name):
            ack.headers.add(name, value)
    if sdp is not None:
        ack.headers.add("Content-Type", SDP)
        ack.body = sdp
    return bytes(ack)


def body_of(message: Request | Response) -> bytes | None:
    """The body, None when it is empty."""
    return message.body or None
