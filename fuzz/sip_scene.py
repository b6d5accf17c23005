"""A SIP endpoint in virtual time, what it has sent and told, and what must hold of it whatever comes."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from fuzz.weight import weight
from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.door import Door
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import (
    BindingsChanged,
    Cancelled,
    Ended,
    Event,
    Flow,
    IncomingCall,
    Refused,
    Replied,
    Resolve,
    Send,
    TransferAsked,
    TransferProgress,
)
from mediaserver.sip.guard import Guard
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.ladder import Ladders, LadderSettings, without_secrets
from mediaserver.sip.ladder_lines import lines_of, read_lines
from mediaserver.sip.ladder_text import text_of
from mediaserver.sip.message import MalformedRequest, Message, Request, Response, parse
from mediaserver.sip.pcap import capture
from mediaserver.sip.registrar import Registrar

LOCAL, PEER, OTHER = ("192.0.2.1", 5060), ("192.0.2.9", 5070), ("198.51.100.7", 5060)
FLOWS = (
    Flow("udp", PEER, LOCAL),
    Flow("udp", OTHER, LOCAL),
    Flow("tcp", PEER, LOCAL, 7),
    Flow("tls", OTHER, LOCAL, 8),
    Flow("wss", PEER, LOCAL, 9),
    Flow("tcp", PEER, LOCAL, 0),
)
_MOST_SENT = 20
"""By one message or one instant, and two more for each call and transaction there was at one time."""
_LONG_S = 20_000.0
_MOST_DEADLINES = 20_000
_MOST_LEFT = 120
"""Entries of containers when all is over; a fresh endpoint has a few dozen."""


@dataclass(slots=True)
class Dialog:
    """A dialog as the peer sees it, or a call that may become one."""

    call_id: str
    ours: str
    """The endpoint's tag."""
    theirs: str
    cseq: int


class Scene:
    """One endpoint and its surroundings."""

    def __init__(
        self, settings: EndpointSettings, door: Door | None, registrar: Registrar | None, guard: Guard | None
    ) -> None:
        numbers = count(1)
        self.endpoint = SipEndpoint(
            token=lambda: f"t{next(numbers)}", settings=settings, door=door, registrar=registrar, guard=guard
        )
        self.ladders = Ladders(LadderSettings(messages=20, octets=30_000, total_octets=100_000, unclaimed=3))
        self.now = 100.0
        self.dialogs: list[Dialog] = []
        self.asked: list[tuple[Flow, Request]] = []
        """Requests of the endpoint, the latest last."""
        self.reliable: list[str] = []
        """RAck values its reliable responses are waiting for."""
        self.legs: dict[int, str] = {}
        """Legs that live, by what is expected of them."""
        self.challenges: list[str] = []
        """What the endpoint wants to be proved, the latest last."""
        self._busiest = 0
        self.names: list[int] = []
        """Legs whose next hop is to be looked up."""
        self.transfers: set[int] = set()
        self.replies_due: set[int] = set()
        self.ended: set[int] = set()

    # What happens

    def receive(self, octets: bytes, flow: Flow) -> None:
        """Octets come from a peer."""
        self.ladders.received(octets, flow, self.now)
        self.endpoint.receive(octets, flow, self.now)
        self._take(mirrors=_is_malformed(octets))

    def command(self) -> None:
        """The user has said something."""
        self._take(mirrors=False)

    def closed(self, flow: Flow) -> None:
        """A connection is gone."""
        self.endpoint.flow_closed(flow, "reset", self.now)
        self._take(mirrors=False)

    def pass_time(self, seconds: float) -> None:
        """Do what is due, when it is due."""
        until = self.now + seconds
        for _ in range(_MOST_DEADLINES):
            deadline = self.endpoint.next_deadline()
            if deadline is None or deadline > until:
                self.now = until
                return
            self.now = max(self.now, deadline)
            self.endpoint.handle_timer(self.now)
            self._take(mirrors=False)
            after = self.endpoint.next_deadline()
            assert after is None or after > self.now, "what is due is not done: a server would spin"
        raise AssertionError(f"{_MOST_DEADLINES} deadlines in {seconds} s")

    def settle(self) -> None:
        """Everybody hangs up and time passes: nothing may be left."""
        endpoint = self.endpoint
        for leg in sorted(self.transfers):
            endpoint.transfers.reject(leg, 603, self.now)
            endpoint.transfers.progress(leg, 603, "", self.now)
        for leg, how in sorted(self.legs.items()):
            if how == "ringing":
                endpoint.reject(leg, 480, self.now)
                self.ended.add(leg)
            else:
                endpoint.bye(leg, self.now)
        self._take(mirrors=False)
        self.pass_time(_LONG_S)
        assert endpoint.legs == 0, f"{endpoint.legs} legs are left"
        assert endpoint.transactions == 0, f"{endpoint.transactions} transactions are left"
        assert endpoint.next_deadline() is None
        assert not self.replies_due, f"no reply was told to requests {self.replies_due}"
        left = [leg for leg in self.legs if leg not in self.ended]
        assert not left, f"nobody was told how legs {left} ended"
        self._check_ladders()
        left_over = weight(endpoint)
        assert left_over <= _MOST_LEFT, f"{left_over} entries are left"

    # What the endpoint does

    def _take(self, *, mirrors: bool) -> None:
        sent = 0
        for effect in self.endpoint.effects():
            if isinstance(effect, Send):
                sent += 1
                self._sent(effect, mirrors)
            elif isinstance(effect, Resolve):
                self.names = [*self.names[-7:], effect.leg]
            else:
                self._told(effect)
        self._busiest = max(self._busiest, self.endpoint.transactions + self.endpoint.legs)
        assert sent <= _MOST_SENT + 2 * self._busiest, f"{sent} messages at once"

    def _check_ladders(self) -> None:
        """What is kept can be read, whatever was said, and is in bounds."""
        ladders = self.ladders
        assert len(ladders) <= 3 and ladders.octets <= 100_000
        for call_id in ("c1", "c2", "c3", "q100"):
            ladder = without_secrets(ladders.take(call_id))
            list(text_of(ladder, full=True))
            b"".join(capture(ladder))
            kept = read_lines(lines_of(ladder, {}, 0.0)).rungs
            assert [getattr(one, "message", None) for one in kept] == [getattr(one, "message", None) for one in ladder]

    def _sent(self, send: Send, mirrors: bool) -> None:
        self.ladders.sent(send.data, send.flow, self.now)
        try:
            message = parse(send.data)
        except RemoteProtocolError as fault:
            assert mirrors and send.data.startswith(b"SIP/2.0 "), f"{fault}: {send.data!r}"
            return
        if isinstance(message, Request):
            self.asked = [*self.asked[-15:], (send.flow, message)]
            assert "Max-Forwards" in message.headers, send.data
        for dialog in _dialogs(message):
            if not any((one.call_id, one.ours, one.theirs) == (dialog.call_id, dialog.ours, dialog.theirs)
                       for one in self.dialogs):  # fmt: skip
                self.dialogs = [*self.dialogs[-15:], dialog]
        self.challenges = [*self.challenges, *message.headers.get_all("WWW-Authenticate")][-4:]
        if isinstance(message, Response) and (number := message.headers.get("RSeq")):
            self.reliable = [*self.reliable[-3:], f"{number} {message.cseq}"]

    def _told(self, event: Event) -> None:
        match event:
            case IncomingCall(leg=leg):
                assert leg not in self.legs, f"leg {leg} came twice"
                self.legs[leg] = "ringing"
            case Replied(request=number):
                assert number in self.replies_due, f"request {number} was replied to twice"
                self.replies_due.remove(number)
            case BindingsChanged():
                pass
            case TransferProgress() | TransferAsked():
                if isinstance(event, TransferAsked):
                    self.transfers.add(event.leg)
            case _:
                assert event.leg not in self.ended, f"{event} of a leg that has ended"
                assert event.leg in self.legs, f"{event} of an unknown leg"
        if isinstance(event, (Ended, Refused, Cancelled)):
            self.ended.add(event.leg)
            del self.legs[event.leg]


def _is_malformed(octets: bytes) -> bool:
    try:
        parse(octets)
    except MalformedRequest:
        return True
    except RemoteProtocolError:
        return False
    return False


def _dialogs(message: Message) -> Iterator[Dialog]:
    """What a message of the endpoint shows of a dialog."""
    ours, theirs = message.to.tag, message.from_.tag
    if isinstance(message, Request):
        ours, theirs = theirs, ours
    if ours is not None:
        yield Dialog(message.call_id, ours, theirs or "", message.cseq.number)
