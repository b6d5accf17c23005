"""A reception between a telephone network and a media plane that do what the test says, in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.call.call import Call
from mediaserver.call.outgoing import Outgoing
from mediaserver.call.reception import Reception
from mediaserver.call.route import KeyStyle, Route, RouteRefusedError, TransferStyle, Wanted
from mediaserver.call.routing import Routing
from mediaserver.call.settings import CallSettings
from mediaserver.errors import LocalProtocolError
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.security import SrtpPolicy
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    Cancelled,
    Ended,
    Flow,
    IncomingCall,
    InfoReceived,
    Progress,
    Refused,
    Reinvited,
)
from mediaserver.sip.message import Request, parse
from mediaserver.sip.uri import NameAddr, SipUri
from mediaserver.talk.orders import Agent, Close, Closed, Describe, HangUp, Lost, Open, Order, Ready, Report, Silent
from support.sip_messages import request
from support.virtual_time import settle

CAN = Capabilities()
AGENT = Agent("a", "model", "prompt")
FLOW = Flow("udp", ("198.51.100.7", 5060), ("192.0.2.1", 5060))
PORT = 20_000
OURS = 100
"""Legs of calls we place have higher handles."""


def sdp(formats: str = "0 8", *, direction: str = "sendrecv", port: int = 4000, profile: str = "RTP/AVP") -> bytes:
    """A caller's description."""
    return (
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
        f"m=audio {port} {profile} {formats}\r\na={direction}\r\n"
    ).encode()


def invite() -> Request:
    message = parse(request({"CSeq": "1 INVITE"}, line="INVITE sip:desk@example.net SIP/2.0"))
    assert isinstance(message, Request)
    return message


@dataclass(frozen=True)
class Invite:
    """An INVITE of ours."""

    route: Route
    flow: Flow
    sdp: bytes | None
    headers: tuple[tuple[str, str], ...]


class Network:
    """Signalling that knows which command fits the state of a leg, as the real one does."""

    def __init__(self) -> None:
        self.sent: list[tuple[object, ...]] = []
        self.legs: dict[int, str] = {}
        self.invites: dict[int, Invite] = {}
        self.silent: set[int] = set()
        """Legs of ours that no response came for."""
        self.avoided: list[tuple[Flow, float]] = []
        self.resolves: dict[str, list[Flow] | OSError] = {}
        """By host; any other is at FLOW."""

    def names(self) -> list[object]:
        return [command[0] for command in self.sent]

    def provisional(self, leg: int, status: int, sdp: bytes | None = None) -> None:
        self._in(leg, "ringing")
        self.sent.append((status,) if sdp is None else (status, sdp))

    def answer(self, leg: int, sdp: bytes) -> None:
        self._in(leg, "ringing")
        self.legs[leg] = "answered"
        self.sent.append((200, sdp))

    def reject(self, leg: int, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        self._in(leg, "ringing")
        self.legs[leg] = "gone"
        self.sent.append((status, *headers))

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        found = self.resolves.get(hop.host, [FLOW])
        if isinstance(found, OSError):
            raise found
        return found

    def invite(self, route: Route, flow: Flow, sdp: bytes | None, headers: Sequence[tuple[str, str]] = ()) -> int:
        leg = OURS + len(self.invites) + 1
        self.legs[leg] = "calling"
        self.invites[leg] = Invite(route, flow, sdp, tuple(headers))
        self.sent.append(("INVITE", leg))
        return leg

    def avoid(self, flow: Flow, seconds: float) -> None:
        self.avoided.append((flow, seconds))

    def heard(self, leg: int) -> bool:
        return leg not in self.silent

    def acknowledge(self, leg: int, sdp: bytes) -> None:
        self._in(leg, "answered")
        self.sent.append(("ACK", sdp))

    def answer_reinvite(self, leg: int, sdp: bytes) -> None:
        self._in(leg, "answered")
        self.sent.append(("reinvite", 200, sdp))

    def reject_reinvite(self, leg: int, status: int) -> None:
        self._in(leg, "answered")
        self.sent.append(("reinvite", status))

    def reinvite(self, leg: int, sdp: bytes) -> None:
        self._in(leg, "answered")
        self.sent.append(("re-INVITE", leg, sdp))

    def info(self, leg: int, content_type: str, body: bytes) -> None:
        self._in(leg, "answered")
        self.sent.append(("INFO", content_type, body))

    def bye(self, leg: int, reason: str) -> None:
        if self.legs[leg] == "calling":
            self.legs[leg] = "gone"
            self.sent.append(("CANCEL", reason))
            return
        self._in(leg, "answered")
        self.legs[leg] = "gone"
        self.sent.append(("BYE", reason))

    def refer(
        self,
        leg: int,
        target: str,
        *,
        replaces_leg: int | None,
        referred_by: str | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._in(leg, "answered")
        self.sent.append(("REFER", target, replaces_leg, *headers))

    def accept_transfer(self, leg: int) -> None:
        self._in(leg, "answered")
        self.sent.append(("REFER taken", leg))

    def transfer_progress(self, leg: int, status: int, reason: str) -> None:
        self.sent.append(("NOTIFY", status))

    def reject_transfer(self, leg: int, status: int) -> None:
        self._in(leg, "answered")
        self.sent.append(("REFER refused", status))

    def _in(self, leg: int, state: str) -> None:
        if self.legs[leg] != state:
            raise LocalProtocolError(f"leg {leg} is {self.legs[leg]}, not {state}")


class MediaPlane:
    """Takes orders; answers Close at once, as the real one does."""

    def __init__(self) -> None:
        self.opened: list[Open] = []
        self.orders: list[Order] = []
        self.refuses: Exception | None = None
        self.report = lambda report: None

    def names(self) -> list[str]:
        return [type(order).__name__ for order in self.orders]

    def open(self, order: Open) -> int:
        if self.refuses is not None:
            raise self.refuses
        self.opened.append(order)
        return PORT + 2 * len(self.opened) - 2

    def order(self, order: Order) -> None:
        self.orders.append(order)
        if isinstance(order, Close):
            self.report(Closed(order.call, {"sent": 7, "jitter_ms": 1.26}))

    @property
    def plans(self) -> list[Describe]:
        return [order for order in self.orders if isinstance(order, Describe)]


def way(host: str = "trunk.example", trunk: str | None = "t", number: str = "100") -> Route:
    """A way out."""
    hop = SipUri("sip", None, host)
    return Route(SipUri("sip", number, host), NameAddr(None, SipUri("sip", "desk", "example.net")), hop, CAN, trunk)


class Ways:
    """Routes that lead where the test says, and count who holds a place."""

    def __init__(self) -> None:
        self.known: dict[str, list[Route] | RouteRefusedError] = {}
        """By number; any other goes by a trunk of its own."""
        self.asked: list[Wanted] = []
        self.held: list[list[Route]] = []
        self.failures: list[tuple[str | None, int, int | None]] = []
        self.style: TransferStyle = "refer"
        self.keys: KeyStyle = "auto"
        self.can = CAN

    def out(self, wanted: Wanted) -> list[Route]:
        self.asked.append(wanted)
        found = self.known.get(wanted.number, [way(number=wanted.number)])
        if isinstance(found, RouteRefusedError):
            raise found
        self.held.append(found)
        return list(found)

    def over(self, route: Route) -> None:
        self.held = [ways for ways in self.held if all(each is not route for each in ways)]

    def failed(self, route: Route, status: int, retry_after: int | None) -> None:
        self.failures.append((route.trunk, status, retry_after))

    def transfer_style(self, trunk: str | None) -> TransferStyle:
        return self.style

    def key_style(self, trunk: str | None) -> KeyStyle:
        return self.keys

    def srtp(self, trunk: str | None) -> SrtpPolicy:
        return "never"

    def capabilities(self, trunk: str | None) -> Capabilities:
        return self.can


class Exchange:
    """The whole; `call` is the last one that came."""

    def __init__(self, max_calls: int = 10, **settings: object) -> None:
        self.ways = Ways()
        self.network, self.plane = Network(), MediaPlane()
        call_settings = CallSettings(**settings)  # type: ignore[arg-type]
        routing = Routing({"a": lambda known: AGENT}, "a")
        self.ways.can = call_settings.capabilities
        self.reception = Reception(
            call_settings, routing, max_calls, self.network, self.plane, lambda peer: self.address(peer), self.ways
        )
        self.plane.report = self.reception.media
        self.legs = 0

    def address(self, peer: str) -> str:
        return "192.0.2.1"

    def nothing_left(self) -> bool:
        """No call is kept, nor any leg."""
        calls = self.reception._calls
        return not calls._by_id and not calls._alive and not calls._parties

    @property
    def call(self) -> Call | None:
        call = self.reception._calls.party(self.legs)
        return call if isinstance(call, Call) else None

    @property
    def id(self) -> str:
        return self.plane.opened[-1].call

    def invited(self, offer: bytes | None, *, proven: bool = True) -> None:
        self.legs += 1
        self.network.legs[self.legs] = "ringing"
        self.reception.sip(IncomingCall(self.legs, invite(), FLOW, offer, proven=proven))

    def acknowledged(self, answer: bytes | None = None) -> None:
        self.reception.sip(Acknowledged(self.legs, answer))

    def reinvited(self, offer: bytes | None) -> None:
        self.reception.sip(Reinvited(self.legs, offer))

    def cancelled(self) -> None:
        self.network.legs[self.legs] = "gone"
        self.reception.sip(Cancelled(self.legs))

    def ended(self, *, by_peer: bool = True, reason: str = "") -> None:
        self.network.legs[self.legs] = "gone"
        self.reception.sip(Ended(self.legs, by_peer=by_peer, status=None, reason=reason))

    def reports(self, kind: type[Report], *fields: object) -> None:
        self.reception.media(kind(self.id, *fields))  # type: ignore[arg-type]

    def ready(self) -> None:
        self.reports(Ready)

    def lost(self) -> None:
        self.reports(Lost, "gone", "the connection broke")

    def hang_up(self) -> None:
        self.reports(HangUp, "the agent ended the call")

    def silent(self) -> None:
        self.reports(Silent, 30.0)

    def talking(self) -> None:
        """A call that is answered and acknowledged."""
        self.invited(sdp())
        self.ready()
        self.acknowledged()

    def informed(self, content_type: str, body: bytes) -> None:
        self.reception.sip(InfoReceived(self.legs, content_type, body))

    def pressed(self, digit: str) -> None:
        self.informed("application/dtmf-relay", f"Signal={digit}\r\nDuration=160\r\n".encode())

    # Calls of ours

    def dial(self, number: str = "100", **wanted: object) -> Outgoing:
        """Have the agent call a number; it does once the model is ready."""
        return self.reception.dialler.dial(Wanted(number, **wanted))  # type: ignore[arg-type]

    @property
    def ours(self) -> int:
        """The last leg of ours."""
        return OURS + len(self.network.invites)

    def rang(self, status: int = 180, body: bytes | None = None, fork: str = "f") -> None:
        self.reception.sip(Progress(self.ours, status, body, fork))

    def answered(self, body: bytes | None = b"", fork: str = "f", leg: int | None = None) -> None:
        leg = leg or self.ours
        self.network.legs[leg] = "answered"
        self.reception.sip(Answered(leg, sdp("0") if body == b"" else body, fork))

    def refused(self, status: int, *contacts: str, retry_after: int | None = None) -> None:
        leg = self.ours
        self.network.legs[leg] = "gone"
        self.reception.sip(Refused(leg, status, "because", retry_after, contacts))

    async def dialled(self, number: str = "100", **wanted: object) -> Outgoing:
        """A call of ours whose INVITE is out."""
        call = self.dial(number, **wanted)
        await settle()
        self.ready()
        await settle()
        return call
