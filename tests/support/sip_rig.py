"""One SIP endpoint in virtual time, and a wire that joins several."""

import heapq
from collections.abc import Callable, Container, Iterable
from itertools import count
from random import Random

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Event, Flow, Resolve, Send
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Message, Request, Response, parse

LOCAL = ("192.0.2.1", 5060)
PEER = ("192.0.2.9", 5070)
UDP = Flow("udp", PEER, LOCAL)
TCP = Flow("tcp", PEER, LOCAL, 7)
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def tokens(prefix: str = "t") -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{prefix}{next(numbers)}"


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:agent@192.0.2.1",
    branch: str | None = "z9hG4bKa",
    via: str | None = None,
    from_tag: str | None = "ft",
    to_tag: str | None = None,
    call_id: str = "call-1",
    cseq: int = 1,
    contact: str | None = "<sip:caller@192.0.2.9:5070>",
    body: bytes | None = None,
    extra: Iterable[str] = (),
    transport: str = "UDP",
    max_forwards: int = 70,
) -> bytes:
    if body is None:
        body = SDP if method == "INVITE" else b""
    lines = [
        f"{method} {uri} SIP/2.0",
        via or f"Via: SIP/2.0/{transport} 192.0.2.9:5070" + (f";branch={branch}" if branch else ""),
        f"Max-Forwards: {max_forwards}",
        "From: <sip:caller@example.com>" + (f";tag={from_tag}" if from_tag else ""),
        f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *([f"Contact: {contact}"] if contact else []),
        *extra,
    ]
    if body and not any(line.lower().startswith("content-type") for line in lines):
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class Rig:
    """An endpoint, its time, and what it sent and told so far."""

    def __init__(self, settings: EndpointSettings | None = None, **options: object) -> None:
        self.endpoint = SipEndpoint(token=tokens(), settings=settings, **options)  # type: ignore[arg-type]
        self.now = 100.0
        self.wire: list[tuple[float, Flow, Message]] = []
        self.told: list[Event] = []
        self.octets = 0
        """Bytes sent so far."""
        self.wanted: list[Resolve] = []
        """What is to be looked up."""
        self.mirrored: list[bytes] = []
        """Responses as malformed as the request whose fields they repeat."""

    def receive(self, data: bytes | Message, flow: Flow = UDP) -> None:
        self.endpoint.receive(bytes(data), flow, self.now)
        self.drain()

    def drain(self) -> None:
        for effect in self.endpoint.effects():
            if isinstance(effect, Send):
                self.octets += len(effect.data)
                try:
                    self.wire.append((self.now, effect.flow, parse(effect.data)))
                except RemoteProtocolError:
                    self.mirrored.append(effect.data)
            elif isinstance(effect, Resolve):
                self.wanted.append(effect)
            else:
                self.told.append(effect)

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.endpoint.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.endpoint.handle_timer(self.now)
            self.drain()
        self.now = until

    def sent(self) -> list[Message]:
        """Take the messages sent since the last time."""
        self.drain()
        messages, self.wire = [message for _, _, message in self.wire], []
        return messages

    def flows(self) -> list[Flow]:
        self.drain()
        return [flow for _, flow, _ in self.wire]

    def sent_one(self) -> Message:
        messages = self.sent()
        assert len(messages) == 1, messages
        return messages[0]

    def statuses(self) -> list[int]:
        return [message.status for message in self.sent() if isinstance(message, Response)]

    def requests(self) -> list[Request]:
        return [message for message in self.sent() if isinstance(message, Request)]

    def events(self) -> list[Event]:
        """Take the events told since the last time."""
        self.drain()
        told, self.told = self.told, []
        return told

    def schedule(self) -> list[float]:
        """When messages were sent, counted from now; take them."""
        times = [round(at - self.now, 6) for at, _, _ in self.wire]
        self.wire = []
        return times

    def is_empty(self) -> bool:
        return (
            self.endpoint.legs == 0
            and self.endpoint.transactions == 0
            and self.endpoint.next_deadline() is None
            and not self.endpoint._core.dialogs
        )


class Wire:
    """Joins endpoints; of ten datagrams it may lose, repeat or delay some, by a seeded die.

    `lost` and `repeated` are those to lose and to carry twice in any case, counted from 0.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        lose: float = 0.0,
        repeat: float = 0.0,
        delay: float = 0.0,
        lost: Container[int] = (),
        repeated: Container[int] = (),
    ) -> None:
        self.now = 0.0
        self._lost = lost
        self._repeated = repeated
        self.messages: list[bytes] = []
        """What was sent, lost or not."""
        self._die = Random(seed)
        self._odds = (lose, repeat, delay)
        self._under_way: list[tuple[float, int, Flow, bytes]] = []
        self._serial = count()
        self._parties: dict[tuple[str, int], tuple[SipEndpoint, Callable[[Event], None]]] = {}
        self.carried = 0

    def join(self, address: tuple[str, int], endpoint: SipEndpoint, on_event: Callable[[Event], None]) -> None:
        self._parties[address] = (endpoint, on_event)

    def pump(self) -> None:
        """Carry off what every endpoint has to say, until none has anything."""
        busy = True
        while busy:
            busy = False
            for endpoint, on_event in self._parties.values():
                for effect in endpoint.effects():
                    busy = True
                    if isinstance(effect, Send):
                        self._carry(effect)
                    elif not isinstance(effect, Resolve):
                        on_event(effect)

    def run(self, until: float) -> None:
        self.pump()
        while (at := self._next()) is not None and at <= until:
            self.now = max(self.now, at)
            while self._under_way and self._under_way[0][0] <= self.now:
                _, _, flow, data = heapq.heappop(self._under_way)
                if flow.local in self._parties:
                    self._parties[flow.local][0].receive(data, flow, self.now)
            for endpoint, _ in self._parties.values():
                endpoint.handle_timer(self.now)
            self.pump()
        self.now = until

    def _next(self) -> float | None:
        times = [endpoint.next_deadline() for endpoint, _ in self._parties.values()]
        if self._under_way:
            times.append(self._under_way[0][0])
        return min((time for time in times if time is not None), default=None)

    def _carry(self, send: Send) -> None:
        number = self.carried
        self.carried += 1
        self.messages.append(send.data)
        flow = Flow(send.flow.transport, remote=send.flow.local, local=send.flow.remote, key=send.flow.key)
        lose, repeat, delay = self._odds
        roll = self._die.random()
        if roll < lose or number in self._lost:
            return
        late = self._die.uniform(0.2, 2.0) if roll > 1 - delay else 0.0
        self._put(self.now + 0.01 + late, flow, send.data)
        if lose <= roll < lose + repeat or number in self._repeated:
            self._put(self.now + 0.03, flow, send.data)

    def _put(self, at: float, flow: Flow, data: bytes) -> None:
        heapq.heappush(self._under_way, (at, next(self._serial), flow, data))
