"""A telephone on our own SIP that does what a test tells it: calls, answers, holds, presses keys by INFO, transfers."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from mediacodecs.g711 import CODECS
from mediaserver.load.recording import Samples
from mediaserver.net.flows import SipShell
from mediaserver.net.rtp_port import PortRange
from mediaserver.net.wheel import Wheel
from mediaserver.rtp.dtmf import EventReceiver
from mediaserver.rtp.packet import build, parse
from mediaserver.sdp.negotiate import Capabilities
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.plan import Direction
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    Ended,
    Event,
    IncomingCall,
    Reinvited,
    SessionChanged,
    TransferAsked,
)
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.uri import NameAddr, SipUri
from support.rig import where


class Line:
    """One call of a phone: its leg, its descriptions and its sound."""

    def __init__(self, phone: "Phone", leg: int, law: str) -> None:
        self.phone = phone
        self.leg = leg
        self.port = phone.ports.take(phone.loop)
        self.port.listen(self._packet, lambda *_: None)
        capabilities = Capabilities(codecs=(law,))
        self.negotiation = Negotiation(capabilities, ("127.0.0.1", self.port.number), secrets.randbits(31))
        self.sound = np.zeros(0, np.int16)
        self.heard: list[Samples] = []
        self.digits: list[str] = []
        self.packets = 0
        self._events = EventReceiver()
        self._ssrc = secrets.randbits(32)
        self._sent = 0
        self._spoke = phone.wheel.add(20, self._turn)

    def say(self, samples: Samples) -> None:
        """Speak from now on; silence afterwards."""
        self.sound = samples

    @property
    def hearing(self) -> Samples:
        """All that was heard, in order of arrival."""
        return np.concatenate(self.heard) if self.heard else np.zeros(0, np.int16)

    async def hears(self, sound: Samples, timeout_s: float = 20.0) -> None:
        """Until `sound` has been heard for as long as it takes, and its beginning is found in what was heard.

        It is looked for now and then only: the search takes longer than a frame of this phone may be late. A busy
        machine may tear a hole into the rest, so that it is not compared.
        """
        beginning = sound[:3200]
        async with asyncio.timeout(timeout_s):
            while len(self.hearing) < len(sound) or where(beginning, self.hearing)[1] < 0.9:  # noqa: ASYNC110
                await asyncio.sleep(0.3)  # packets are no event

    def close(self) -> None:
        if self.port.number:
            self.phone.wheel.remove(self._spoke)
            self.phone.ports.give_back(self.port)
            self.port.number = 0

    def _packet(self, data: bytes, source: object, now: float) -> None:
        packet, plan = parse(data), self.negotiation.plan
        if packet is None or plan is None:
            return
        self.packets += 1
        if packet.payload_type == plan.event_receive:
            self.digits += [digit.value for digit in self._events.received(packet.timestamp, packet.payload, now)]
        elif packet.payload_type == plan.receive[0].payload_type:
            self.heard.append(CODECS[plan.receive[0].encoding].decode(bytes(packet.payload)))

    def _turn(self, now: float) -> None:
        plan = self.negotiation.plan
        if plan is None or not plan.direction.sends or not self.port.number:
            return
        frame, self.sound = self.sound[:160], self.sound[160:]
        frame = np.concatenate((frame, np.zeros(160 - len(frame), np.int16)))
        payload = CODECS[plan.send.encoding].encode(frame)
        packet = build(plan.send.payload_type, self._sent & 0xFFFF, self._sent * 160, self._ssrc, payload)
        self.port.send_rtp(packet, plan.remote_rtp)
        self._sent += 1


class Phone:
    """`answers`: it takes every call; else it rings, or refuses with the status `refuses`."""

    def __init__(self, *, law: str = "PCMU", answers: bool = True, refuses: int | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.law = law
        self.answers = answers
        self.refuses = refuses
        self.headers: list[tuple[str, str]] = []
        """Of the calls it places."""
        self.endpoint = SipEndpoint(token=lambda: secrets.token_hex(8), settings=EndpointSettings(user_agent="phone"))
        self.shell = SipShell()
        self.wheel = Wheel(self.loop)
        self.ports = PortRange("127.0.0.1", 24000 + 2 * secrets.randbelow(400), 27998)
        self.lines: dict[int, Line] = {}
        self.events: list[Event] = []
        self._more = asyncio.Condition()

    @property
    def port(self) -> int:
        assert self.shell.udp_address is not None
        return self.shell.udp_address[1]

    @property
    def uri(self) -> str:
        return f"sip:phone@127.0.0.1:{self.port}"

    async def event[E: Event](self, kind: type[E], count: int = 1, timeout_s: float = 10.0) -> E:
        """The count-th event of that kind, once it is there."""
        async with asyncio.timeout(timeout_s), self._more:
            while len(found := [event for event in self.events if isinstance(event, kind)]) < count:
                await self._more.wait()
        return found[count - 1]

    async def call(self, uri: str) -> Line:
        """Call somebody, and wait for the answer."""
        target = SipUri.parse(uri)
        flow = (await self.shell.resolve(target))[0]
        line = Line(self, 0, self.law)
        line.leg = self.endpoint.invite(
            target=target,
            flow=flow,
            from_=NameAddr(None, SipUri("sip", "phone", "127.0.0.1")),
            now=time.monotonic(),
            sdp=line.negotiation.offer(),
            headers=self.headers,
        )
        self.lines[line.leg] = line
        self.shell.pump()
        before = sum(isinstance(event, Answered) for event in self.events)
        await self.event(Answered, before + 1)
        return line

    def reinvite(self, line: Line, direction: Direction) -> None:
        self.endpoint.reinvite(line.leg, line.negotiation.offer(direction), time.monotonic())
        self.shell.pump()

    def info(self, line: Line, body: bytes) -> None:
        self.endpoint.info(line.leg, "application/dtmf-relay", body, time.monotonic())
        self.shell.pump()

    def refer(self, line: Line, target: str, replaces: Line | None = None) -> None:
        leg = None if replaces is None else replaces.leg
        self.endpoint.transfers.refer(line.leg, target, time.monotonic(), replaces_leg=leg)
        self.shell.pump()

    def bye(self, line: Line, reason: str | None = None) -> None:
        self.endpoint.bye(line.leg, time.monotonic(), reason=reason)
        self.shell.pump()

    async def take_refer(self, *statuses: int) -> TransferAsked:
        """Take the next REFER and tell these statuses of it."""
        asked = await self.event(TransferAsked)
        self.endpoint.transfers.accept(asked.leg, time.monotonic())
        for status in statuses:
            self.endpoint.transfers.progress(asked.leg, status, "told", time.monotonic())
        self.shell.pump()
        return asked

    def refuse_refer(self, asked: TransferAsked, status: int) -> None:
        self.endpoint.transfers.reject(asked.leg, status, time.monotonic())
        self.shell.pump()

    def happened(self, event: Event) -> None:
        now = time.monotonic()
        match event:
            case IncomingCall():
                self._rings(event, now)
            case Answered(leg=leg, body=body) | SessionChanged(leg=leg, body=body) if body is not None:
                if self.lines[leg].negotiation.offering:
                    self.lines[leg].negotiation.accepted(body)
            case Acknowledged(leg=leg, answer=body) if body is not None:
                self.lines[leg].negotiation.accepted(body)
            case Reinvited(leg=leg, offer=offer):
                negotiation = self.lines[leg].negotiation
                sdp = negotiation.offer() if offer is None else negotiation.answer(offer)
                self.endpoint.answer_reinvite(leg, sdp, now)
            case Ended(leg=leg) if leg in self.lines:
                self.lines[leg].close()
        self.events.append(event)
        self.loop.create_task(self._tell())

    def _rings(self, event: IncomingCall, now: float) -> None:
        if self.refuses is not None:
            self.endpoint.reject(event.leg, self.refuses, now)
            return
        self.endpoint.provisional(event.leg, 180, now)
        if self.answers:
            self.take(event)

    def take(self, event: IncomingCall) -> None:
        """Answer it."""
        now = time.monotonic()
        if event.leg not in self.lines:
            line = self.lines[event.leg] = Line(self, event.leg, self.law)
            sdp = line.negotiation.offer() if event.offer is None else line.negotiation.answer(event.offer)
            self.endpoint.answer(event.leg, sdp, now)
            if event.replaces is not None:
                self.endpoint.bye(event.replaces, now)
            self.shell.pump()

    async def _tell(self) -> None:
        async with self._more:
            self._more.notify_all()

    async def close(self) -> None:
        for line in self.lines.values():
            line.close()
        self.wheel.close()
        await self.shell.close()


@asynccontextmanager
async def phone(*, law: str = "PCMU", answers: bool = True, refuses: int | None = None) -> AsyncIterator[Phone]:
    """A phone that listens on loopback, closed on leaving."""
    made = Phone(law=law, answers=answers, refuses=refuses)
    await made.shell.start(made.endpoint, udp=("127.0.0.1", 0), on_event=made.happened)
    try:
        yield made
    finally:
        await made.close()
