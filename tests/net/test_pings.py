"""Keep-alives and STUN on real sockets."""

import asyncio
from typing import Any

import pytest

from mediaserver.net import stun
from mediaserver.sip.events import Flow, Transport
from support.sip_party import HOST, Party, party


class Datagrams(asyncio.DatagramProtocol):
    """A UDP peer that keeps what comes."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.address = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.came.put_nowait((data, addr))

    async def next(self) -> tuple[bytes, Any]:
        async with asyncio.timeout(5):
            return await self.came.get()


async def udp_peer() -> Datagrams:
    _, peer = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=(HOST, 0))
    return peer


async def test_a_binding_request_to_the_sip_port_is_answered() -> None:
    async with party("b") as callee:
        peer = await udp_peer()
        peer.transport.sendto(stun.request(b"123456789012"), callee.shell.udp_address)
        answer, _ = await peer.next()
        assert stun.mapped(answer) == (b"123456789012", peer.address)
        peer.transport.close()


async def test_a_udp_flow_is_kept_open_by_line_ends_and_is_let_go() -> None:
    async with party("a") as caller:
        peer = await udp_peer()
        flow = await caller.flow(f"sip:x@{HOST}:{peer.address[1]}")
        caller.shell.keep_alive(flow, 0.02)
        for _ in range(3):
            assert (await peer.next())[0] == b"\r\n\r\n"
        caller.shell.let_go(flow)
        while not peer.came.empty():
            peer.came.get_nowait()
        await asyncio.sleep(0.06)
        assert peer.came.empty()
        peer.transport.close()


async def test_a_udp_flow_whose_address_changes_has_failed() -> None:
    async with party("a") as caller:
        peer = await udp_peer()
        flow = await caller.flow(f"sip:x@{HOST}:{peer.address[1]}")
        caller.shell.keep_alive(flow, 0.02, answered=True)
        for seen_as in (("192.0.2.1", 1), ("192.0.2.1", 2)):
            data, source = await peer.next()
            while not stun.is_stun(data):
                data, source = await peer.next()
            answer = stun.answer(data, seen_as)
            assert answer is not None
            peer.transport.sendto(answer, source)
        failed, why = await caller.next_closed()
        assert failed == flow and why is not None and "192.0.2.1" in why
        peer.transport.close()


async def kept_connection(caller: Party, callee: Party, transport: Transport) -> Flow:
    flow = await caller.flow(f"sip:x@{HOST}:{callee.port(transport)};transport={transport}")
    caller.shell._send(flow, b"\r\n\r\n")  # opens it
    return flow


async def test_a_connection_that_answers_pings_is_kept_and_its_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.net.keepalive._PONG_S", 0.3)
    async with party("a") as caller, party("b") as callee:
        flow = await kept_connection(caller, callee, "tcp")
        pongs: asyncio.Queue[Flow] = asyncio.Queue()
        monkeypatch.setattr(caller.shell._kept, "pong", pongs.put_nowait)
        caller.shell.keep_alive(flow, 0.02)
        async with asyncio.timeout(5):
            for _ in range(3):
                assert await pongs.get() == flow
        await callee.shell.close()
        assert (await caller.next_closed())[0] == flow
        assert len(caller.shell._kept) == 0


async def test_a_connection_that_stops_answering_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.net.keepalive._PONG_S", 0.1)
    async with party("a") as caller:

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(100):
                pass
            writer.close()

        server = await asyncio.start_server(silent, HOST, 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            flow = await caller.flow(f"sip:x@{HOST}:{port};transport=tcp")
            caller.shell._send(flow, b"\r\n\r\n")
            caller.shell.keep_alive(flow, 0.05, answered=True)
            failed, why = await caller.next_closed()
            assert (failed, why) == (flow, "no answer to a keep-alive in 0.1 s")
            assert caller.shell.connections == 0


async def test_a_flow_without_its_connection_has_failed() -> None:
    async with party("a") as caller:
        flow = Flow("tcp", (HOST, 1), (HOST, 5060), 99)
        caller.shell.keep_alive(flow, 0.02)
        assert await caller.next_closed() == (flow, "the connection is gone")
