"""Calls over every transport and both families, and what the addresses in them are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.tls import TlsSettings
from mediaserver.sip.events import Acknowledged, Answered, Ended, IncomingCall, Progress, Transport
from mediaserver.sip.framing import MAX_BODY, MAX_MESSAGE
from mediaserver.sip.uri import SipUri
from support.sip_party import CALLER, Party, party
from support.sip_rig import SDP, request
from support.tls import Authority

TRANSPORTS: list[Transport] = ["udp", "tcp", "tls", "ws", "wss"]
LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


def identity(directory: Path) -> TlsSettings:
    authority = Authority(directory)
    issued = authority.issue("localhost", "127.0.0.1", "::1")
    return TlsSettings(issued.certificate, issued.key, ca=authority.file)


@contextlib.asynccontextmanager
async def pair(
    tls: TlsSettings, host: str = "127.0.0.1", limits: ConnectionLimits | None = None
) -> AsyncIterator[tuple[Party, Party]]:
    """Caller and callee, who listen on all transports."""
    listeners = [
        Listener(transport, (host, 0), tls if transport in ("tls", "wss") else None) for transport in TRANSPORTS
    ]
    settings = ShellSettings(profiles={"": tls}, limits=limits or ConnectionLimits())
    async with party("a", settings, listeners) as caller, party("b", settings, listeners) as callee:
        callee.answer_all()
        yield caller, callee


def uri_of(callee: Party, transport: Transport, host: str = "127.0.0.1") -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"sip:agent@{shown}:{callee.port(transport)};transport={transport}"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_call(transport: Transport, host: str, loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(a_call(transport, host, identity(tmp_path)))


async def a_call(transport: Transport, host: str, tls: TlsSettings) -> None:
    async with pair(tls, host) as (caller, callee):
        leg = await caller.call(uri_of(callee, transport, host))
        incoming = await callee.next(IncomingCall)
        assert (incoming.flow.transport, incoming.flow.remote[0], incoming.offer) == (transport, host, SDP)
        via, contact = incoming.request.via, incoming.request.contact
        assert (via.transport, via.host, via.port) == (transport.upper(), host, caller.port(transport))
        assert contact is not None
        assert (contact.uri.host, contact.uri.port) == (host, caller.port(transport))
        assert contact.uri.parameters.get("transport") == (None if transport == "udp" else transport)
        await caller.next(Progress)
        assert (await caller.next(Answered)).body == SDP
        await callee.next(Acknowledged)
        callee.endpoint.bye(incoming.leg, callee.shell.now())
        callee.shell.pump()
        assert await caller.next(Ended) == Ended(leg, True, None, "")
        assert (await callee.next(Ended)).status == 200
        assert caller.shell.connections == callee.shell.connections == (transport != "udp"), "one for both directions"


@pytest.mark.parametrize("transport", ["tls", "ws", "wss"])
async def test_twenty_calls_share_one_connection(transport: Transport, tmp_path: Path) -> None:
    async with pair(identity(tmp_path)) as (caller, callee):
        uri = uri_of(callee, transport)
        for _ in range(20):
            await caller.call(uri)
        answered = 0
        while answered < 20:
            async with asyncio.timeout(5):
                answered += isinstance(await caller.events.get(), Answered)
        assert callee.shell.connections == 1


async def test_what_is_advertised_goes_with_the_listener() -> None:
    listeners = [
        Listener("udp", ("127.0.0.1", 0), advertised=("203.0.113.5", 15060)),
        Listener("tcp", ("127.0.0.1", 0), advertised=("sip.example.com", None)),
    ]
    async with party("a", listeners=listeners) as caller:
        udp, tcp = [await caller.flow(f"sip:127.0.0.1;transport={each}") for each in ("udp", "tcp")]
        assert udp.local == ("203.0.113.5", 15060)
        assert tcp.local == ("sip.example.com", caller.port("tcp"))


async def test_several_listeners_of_one_transport_each_answer_by_their_own() -> None:
    listeners = [Listener("udp", (host, 0)) for host in ("127.0.0.1", "127.0.0.2", "::1")]
    async with party("a") as caller, party("b", listeners=listeners) as callee:
        callee.answer_all()
        for bound in callee.shell.bound[:2]:
            await caller.call(f"sip:agent@{bound.address[0]}:{bound.address[1]}")
            incoming = await callee.next(IncomingCall)
            assert incoming.flow.local == bound.address
            await caller.next(Progress)
            answered = await caller.next(Answered)
            await callee.next(Acknowledged)
            caller.endpoint.bye(answered.leg, caller.shell.now())
            caller.shell.pump()
            assert (await caller.next(Ended)).status == 200
            await callee.next(Ended)
        flow = await callee.flow("sip:x@[::1]:5999")
        assert flow.local == callee.shell.bound[2].address


async def free_tcp_port() -> int:
    """A port that is free for UDP and TCP, as far as one can know."""
    probe = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = int(probe.sockets[0].getsockname()[1])
    probe.close()
    await probe.wait_closed()
    return port


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_request_too_large_for_a_datagram_takes_the_way_there_is(transport: Transport) -> None:
    port = await free_tcp_port()
    listeners = [Listener("udp", ("127.0.0.1", port))]
    listeners += [Listener("tcp", ("127.0.0.1", port))] if transport == "tcp" else []
    async with party("a") as caller, party("b", listeners=listeners) as callee:
        callee.answer_all()
        flow = await caller.flow(f"sip:agent@127.0.0.1:{port}")
        sdp = SDP + b"a=x:" + b"y" * 1300 + b"\r\n"
        leg = caller.endpoint.invite(
            target=SipUri.parse(f"sip:agent@127.0.0.1:{port}"), flow=flow, from_=CALLER, now=caller.shell.now(), sdp=sdp
        )
        caller.shell.pump()
        incoming = await callee.next(IncomingCall)
        assert (incoming.flow.transport, incoming.offer) == (transport, sdp)
        await caller.next(Progress)
        await caller.next(Answered)
        await callee.next(Acknowledged)
        callee.endpoint.bye(incoming.leg, callee.shell.now())
        callee.shell.pump()
        assert (await caller.next(Ended)).leg == leg


async def test_a_port_that_is_taken_is_named() -> None:
    async with party("a") as first:
        address = first.shell.tcp_address
        assert address is not None
        with pytest.raises(OSError, match=f"cannot listen on tcp 127.0.0.1 port {address[1]}: "):
            async with party("b", listeners=[Listener("udp", ("127.0.0.1", 0)), Listener("tcp", address)]):
                pass


@pytest.mark.parametrize("transport", ["tcp", "ws"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_body_too_large_is_refused_and_the_stream_ends(
    transport: Transport, loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def story() -> None:
        async with pair(identity(tmp_path)) as (caller, callee):
            flow = await caller.flow(uri_of(callee, transport))
            message = request("MESSAGE", transport=transport.upper(), body=b"x" * (MAX_BODY + 1))
            assert len(message) < MAX_MESSAGE
            answers: asyncio.Queue[bytes] = asyncio.Queue()
            caller.endpoint.receive = lambda data, flow, now: answers.put_nowait(data)  # type: ignore[method-assign]
            caller.shell._send(flow, message)
            async with asyncio.timeout(5):
                assert (await answers.get()).startswith(b"SIP/2.0 513 ")
            if transport == "tcp":
                assert (await caller.next_closed())[0] == flow, "what follows cannot be told from the body"
            assert callee.events.empty()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("transport", ["tls", "wss"])
@pytest.mark.parametrize("loop", LOOPS)
def test_a_record_that_was_tampered_with_ends_the_connection_in_words(
    transport: Transport, loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    async def story() -> None:
        async with pair(identity(tmp_path)) as (caller, callee):
            await caller.call(uri_of(callee, transport))
            flow = (await callee.next(IncomingCall)).flow
            connection = next(iter(caller.shell._connections._connections))
            assert connection._transport is not None
            connection._transport.write(b"\x17\x03\x03\x00\x20" + bytes(32))
            closed, error = await callee.next_closed()
            assert closed == flow
            assert error is not None and error.startswith("TLS with the client: ")
            assert (await caller.next_closed())[0].transport == transport

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())
