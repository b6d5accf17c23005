"""A SIP endpoint on real loopback sockets, which keeps what it is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from mediaserver.net.flows import ShellSettings, SipShell
from mediaserver.net.listener import Listener
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Event, Flow, IncomingCall, Transport
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.timers import TimerSettings
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, tokens

HOST = "127.0.0.1"
FAST = EndpointSettings(timers=TimerSettings(t1=0.02, t2=0.08, t4=0.1))
CALLER = NameAddr.parse("<sip:caller@127.0.0.1>")


class Party:
    """A shell, its endpoint, and what was told so far."""

    def __init__(self, name: str, settings: ShellSettings | None = None, endpoint: EndpointSettings = FAST) -> None:
        self.endpoint = SipEndpoint(token=tokens(name), settings=endpoint)
        self.shell = SipShell(settings)
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.closed: asyncio.Queue[tuple[Flow, str | None]] = asyncio.Queue()
        self.react: Callable[[Event], None] = lambda event: None

    def on_event(self, event: Event) -> None:
        self.events.put_nowait(event)
        self.react(event)
        self.shell.pump()

    def answer_all(self) -> None:
        def react(event: Event) -> None:
            if isinstance(event, IncomingCall):
                self.endpoint.provisional(event.leg, 180, self.shell.now())
                self.endpoint.answer(event.leg, SDP, self.shell.now())

        self.react = react

    async def next[E: Event](self, kind: type[E]) -> E:
        async with asyncio.timeout(5):
            event = await self.events.get()
        assert isinstance(event, kind), event
        return event

    async def next_closed(self) -> tuple[Flow, str | None]:
        async with asyncio.timeout(5):
            return await self.closed.get()

    def port(self, transport: Transport) -> int:
        address = self.shell.address_of(transport)
        assert address is not None
        return address[1]

    async def flow(self, uri: str, profile: str = "") -> Flow:
        return (await self.shell.resolve(SipUri.parse(uri), profile=profile))[0]

    async def call(self, uri: str, profile: str = "") -> int:
        """Call by the first way there is."""
        return self.call_by(await self.flow(uri, profile), uri)

    def call_by(self, flow: Flow, uri: str) -> int:
        leg = self.endpoint.invite(target=SipUri.parse(uri), flow=flow, from_=CALLER, now=self.shell.now(), sdp=SDP)
        self.shell.pump()
        return leg

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            # Its last timer tells nobody that it was the last.
            while self.endpoint.transactions or self.endpoint.legs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def party(
    name: str,
    settings: ShellSettings | None = None,
    listeners: Sequence[Listener] = (Listener("udp", (HOST, 0)), Listener("tcp", (HOST, 0))),
) -> AsyncIterator[Party]:
    it = Party(name, settings)
    await it.shell.start(
        it.endpoint,
        listeners=listeners,
        on_event=it.on_event,
        on_flow_closed=lambda flow, error: it.closed.put_nowait((flow, error)),
    )
    try:
        yield it
    finally:
        await it.shell.close()
