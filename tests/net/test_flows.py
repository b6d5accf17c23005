"""The SIP shell on real loopback sockets."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest
import uvloop
from structlog.testing import capture_logs

from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.local_address import LocalAddress
from mediaserver.net.sip_udp import SipDatagrams
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import (
    Acknowledged,
    Answered,
    Ended,
    Event,
    Flow,
    IncomingCall,
    Progress,
    Refused,
    Transport,
)
from mediaserver.sip.message import parse
from mediaserver.sip.uri import SipUri
from support.sip_party import CALLER, HOST, Party, party
from support.sip_rig import SDP, request


def limited(**limits: float) -> ShellSettings:
    return ShellSettings(limits=ConnectionLimits(**limits))  # type: ignore[arg-type]


def uri_of(it: Party, transport: Transport) -> str:
    return f"sip:agent@{HOST}:{it.port(transport)};transport={transport}"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_many_calls_at_once(transport: Transport) -> None:
    async with party("a") as caller, party("b") as callee:
        callee.answer_all()

        def hang_up(event: Event) -> None:
            if isinstance(event, Answered):
                caller.endpoint.bye(event.leg, caller.shell.now())

        caller.react = hang_up
        legs = [await caller.call(uri_of(callee, transport)) for _ in range(50)]
        await caller.settled()
        await callee.settled()
        ended = [event.leg for event in list(caller.events._queue) if isinstance(event, Ended)]  # type: ignore[attr-defined]
        assert sorted(ended) == legs


async def test_nobody_there() -> None:
    async with party("a") as caller:
        with_nobody = asyncio.DatagramProtocol()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: with_nobody, local_addr=(HOST, 0)
        )
        port = transport.get_extra_info("sockname")[1]
        leg = await caller.call(f"sip:x@{HOST}:{port}")
        assert await caller.next(Refused) == Refused(leg, 408, "timeout", None)
        transport.close()
        leg = await caller.call(f"sip:x@{HOST}:{port};transport=tcp")
        assert (await caller.next(Refused)).status == 503


async def test_garbage_gets_no_answer_and_does_no_harm() -> None:
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    class Prober(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            answers.put_nowait(data)

    async with party("b") as callee:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Prober, local_addr=(HOST, 0))
        for junk in (
            b"",
            b"\r\n\r\n",
            b"\x00" * 500,
            b"GET / HTTP/1.1\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"\x80" * 172,
        ):
            transport.sendto(junk, callee.shell.udp_address)
        transport.sendto(request("OPTIONS", extra=[]).replace(b"branch", b"rport;branch"), callee.shell.udp_address)
        async with asyncio.timeout(5):
            answer = await answers.get()
        transport.close()
        assert answer.startswith(b"SIP/2.0 200") and answers.empty()


async def test_tcp_pings_pieces_and_nonsense() -> None:
    async with party("b") as callee:
        assert callee.shell.tcp_address is not None
        reader, writer = await asyncio.open_connection(*callee.shell.tcp_address)
        writer.write(b"\r\n\r\n")
        async with asyncio.timeout(5):
            assert await reader.readexactly(2) == b"\r\n"
            message = request("OPTIONS", transport="TCP")
            for octet in message:
                writer.write(bytes([octet]))
                await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"SIP/2.0 200")
            writer.write(b"INVITE sip:x SIP/2.0\r\nVia: no length\r\n\r\n")
            assert await reader.read() == b""  # closed: the next message cannot be found
        writer.close()


async def test_too_many_and_idle_connections_are_closed() -> None:
    async with party("b", limited(connections=1, idle_s=0.15)) as callee:
        assert callee.shell.tcp_address is not None
        first, first_writer = await asyncio.open_connection(*callee.shell.tcp_address)
        first_writer.write(b"\r\n\r\n")
        async with asyncio.timeout(5):
            await first.readexactly(2)
            second, second_writer = await asyncio.open_connection(*callee.shell.tcp_address)
            with contextlib.suppress(ConnectionError):
                assert await second.read() == b""
            assert await first.read() == b""  # by its idle time
        first_writer.close()
        second_writer.close()


async def test_a_silent_connection_with_a_call_stays_open() -> None:
    async with party("a") as caller, party("b", limited(idle_s=0.1)) as callee:
        callee.answer_all()
        leg = await caller.call(uri_of(callee, "tcp"))
        await caller.next(Progress)
        await caller.next(Answered)
        await asyncio.sleep(0.4)
        caller.endpoint.bye(leg, caller.shell.now())
        caller.shell.pump()
        assert (await caller.next(Ended)).status == 200


async def test_an_exception_of_the_user_does_not_stop_the_shell() -> None:
    with capture_logs() as lines:
        await an_exception_of_the_user()
    (line,) = lines
    assert (line["event"], line["at"], line["log_level"]) == ("sip.failed", "IncomingCall", "error")
    assert isinstance(line["exc_info"], ValueError)


async def an_exception_of_the_user() -> None:
    async with party("a") as caller, party("b") as callee:

        def fail(event: Event) -> None:
            if isinstance(event, IncomingCall) and event.leg == 1:
                raise ValueError("a bug")
            if isinstance(event, IncomingCall):
                callee.endpoint.reject(event.leg, 486, callee.shell.now())

        callee.react = fail
        await caller.call(uri_of(callee, "udp"))
        leg = await caller.call(uri_of(callee, "udp"))
        assert await caller.next(Refused) == Refused(leg, 486, "Busy Here", None)


class Datagrams(asyncio.DatagramProtocol):
    """A UDP peer that keeps what comes."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait(data)

    async def next(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.came.get()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_address_the_socket_cannot_send_to_stops_no_timer(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(a_contact_of_the_other_family())


async def a_contact_of_the_other_family() -> None:
    async with party("b") as callee:
        transport, peer = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=(HOST, 0))
        callee.answer_all()
        invite = request(contact="<sip:caller@[2001:db8::9]:5070>").replace(b"branch", b"rport;branch", 1)
        transport.sendto(invite, callee.shell.udp_address)
        *_, ok = [parse(await peer.next()) for _ in range(3)]
        transport.sendto(request("ACK", branch="z9hG4bKb", to_tag=ok.to.tag), callee.shell.udp_address)
        leg = (await callee.next(IncomingCall)).leg
        await callee.next(Acknowledged)
        callee.endpoint.bye(leg, callee.shell.now())
        callee.shell.pump()
        kinds = [(await peer.next()).split()[0] for _ in range(2)]
        assert kinds == [b"BYE", b"BYE"], "it reaches the peer where it was heard, and the timers run"
        assert await callee.next(Ended) == Ended(leg, False, 408, "timeout")
        transport.close()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_datagram_that_cannot_be_sent_is_lost_and_no_more(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        async with party("a") as caller:
            legs = [
                caller.endpoint.invite(
                    target=SipUri.parse("sip:x@192.0.2.1"),
                    flow=Flow("udp", (host, 5060), (HOST, 5060)),
                    from_=CALLER,
                    now=caller.shell.now(),
                    sdp=SDP,
                )
                for host in ("2001:db8::9", "no.address")
            ]
            caller.shell.pump()
            assert [await caller.next(Refused) for _ in legs] == [Refused(leg, 408, "timeout", None) for leg in legs]

    with asyncio.Runner(loop_factory=loop) as runner, capture_logs() as lines:
        runner.run(story())
    assert not lines


async def test_an_effect_that_fails_costs_neither_the_others_nor_the_timer(
    monkeypatch: pytest.MonkeyPatch, silence: int
) -> None:
    sent: list[bytes] = []

    def send(self: SipDatagrams, data: bytes, remote: tuple[str, int]) -> None:
        sent.append(data)
        if len(sent) == 1:
            raise RuntimeError("a bug")

    monkeypatch.setattr(SipDatagrams, "send", send)
    with capture_logs() as lines:
        async with party("a") as caller:
            legs = [await silent_call(caller, silence) for _ in range(2)]
            caller.shell.pump()
            assert len(sent) == 2
            assert [await caller.next(Refused) for _ in legs] == [Refused(leg, 408, "timeout", None) for leg in legs]
            assert sent.count(sent[0]) > 1, "repeated by its timer"
    assert [(line["event"], line["at"]) for line in lines] == [("sip.failed", "Send")]


@pytest.fixture
def silence() -> Iterator[int]:
    """A UDP port where nobody says anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        yield sock.getsockname()[1]


async def silent_call(caller: Party, port: int) -> int:
    """A call not pumped yet."""
    target = SipUri.parse(f"sip:x@{HOST}:{port}")
    (flow,) = await caller.shell.resolve(target)
    return caller.endpoint.invite(target=target, flow=flow, from_=CALLER, now=caller.shell.now(), sdp=SDP)


async def test_a_fault_while_a_connection_closes_is_reported_and_the_rest_sent(
    monkeypatch: pytest.MonkeyPatch, silence: int
) -> None:
    def flow_closed(self: SipEndpoint, flow: Flow, error: str | None, now: float) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SipEndpoint, "flow_closed", flow_closed)
    with capture_logs() as lines:
        async with party("a") as caller:
            leg = await silent_call(caller, silence)
            caller.shell.closed(Flow("tcp", (HOST, 1), (HOST, 2), 3), None)
            assert await caller.next(Refused) == Refused(leg, 408, "timeout", None)
    assert [(line["event"], line["at"]) for line in lines] == [("sip.failed", "closed")]


async def test_resolve() -> None:
    async with party("a", listeners=[Listener("udp", ("0.0.0.0", 0)), Listener("tcp", ("0.0.0.0", 0))]) as caller:
        (flow,) = await caller.shell.resolve(SipUri.parse("sip:x@127.0.0.1:5099"))
        assert (flow.transport, flow.remote, flow.local[0]) == ("udp", (HOST, 5099), HOST)
        named, *_ = await caller.shell.resolve(SipUri.parse("sip:x@localhost;transport=TCP"))
        assert (named.transport, named.remote, named.key) == ("tcp", (HOST, 5060), 0)
        assert named.local == (HOST, (caller.shell.tcp_address or ("", 0))[1])
        (secure,) = await caller.shell.resolve(SipUri.parse("sips:x@127.0.0.1"), profile="trunk")
        assert (secure.transport, secure.remote, secure.name, secure.profile) == ("tls", (HOST, 5061), "", "trunk")
        with pytest.raises(OSError, match="sips needs TLS"):
            await caller.shell.resolve(SipUri.parse("sips:x@127.0.0.1;transport=udp"))


async def test_a_port_that_is_taken() -> None:
    async with party("a") as first:
        second = Party("b")
        with pytest.raises(OSError):
            await second.shell.start(
                second.endpoint, udp=(HOST, 0), tcp=first.shell.tcp_address, on_event=second.on_event
            )


def test_the_local_address_is_that_of_the_route() -> None:
    assert LocalAddress(("192.0.2.1", 5060)).towards("127.0.0.1") == ("192.0.2.1", 5060)
    assert LocalAddress(("0.0.0.0", 5060)).towards("127.0.0.1") == (HOST, 5060)
