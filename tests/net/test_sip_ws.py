"""SIP over WebSocket against an independent client, and what such a port says to everybody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Origin, Subprotocol

from mediaserver.net.flows import ShellSettings
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.listener import Listener
from mediaserver.net.sip_ws import WebSocketClientFraming, WebSocketFraming, WebSocketServerFraming
from mediaserver.sip.framing import MAX_MESSAGE
from mediaserver.sip.message import parse
from support.sip_party import HOST, Party, party
from support.sip_rig import request

SIP = [Subprotocol("sip")]
OPTIONS = request("OPTIONS", transport="WS")


@contextlib.asynccontextmanager
async def listening(origins: tuple[str, ...] | None = None, **limits: float) -> AsyncIterator[Party]:
    settings = ShellSettings(limits=ConnectionLimits(**limits))  # type: ignore[arg-type]
    async with party("b", settings, [Listener("ws", (HOST, 0), origins=origins)]) as callee:
        yield callee


def browser(callee: Party, **how: object) -> connect:
    return connect(f"ws://{HOST}:{callee.port('ws')}/ws", **{"subprotocols": SIP, "proxy": None, **how})  # type: ignore[arg-type]


async def heard(client: ClientConnection) -> str | bytes:
    async with asyncio.timeout(5):
        return await client.recv()


@pytest.mark.parametrize("text", [True, False])
async def test_one_message_in_one_frame_of_either_kind(text: bool) -> None:
    async with listening() as callee, browser(callee) as client:
        assert client.subprotocol == "sip"
        await client.send(OPTIONS, text=text)
        answer = await heard(client)
        assert isinstance(answer, str) and answer.startswith("SIP/2.0 200")
        await client.send(OPTIONS.replace(b"Content-Length: 0\r\n", b"").replace(b"z9hG4bK", b"z9hG4bKx"), text=text)
        assert str(await heard(client)).startswith("SIP/2.0 200"), "the frame says how long it is"


async def test_a_message_in_fragments() -> None:
    async with listening() as callee, browser(callee) as client:
        await client.send([OPTIONS[:20].decode(), OPTIONS[20:50].decode(), OPTIONS[50:].decode()])
        assert str(await heard(client)).startswith("SIP/2.0 200")


async def test_pings_by_frame_and_by_line_ends() -> None:
    async with listening() as callee, browser(callee) as client:
        async with asyncio.timeout(5):
            await (await client.ping())
        await client.send("\r\n\r\n")
        assert await heard(client) == "\r\n"
        await client.send("\r\n")
        await client.send(OPTIONS, text=True)
        assert str(await heard(client)).startswith("SIP/2.0 200"), "one CRLF is a pong"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"subprotocols": None}, 400),
        ({"subprotocols": [Subprotocol("mqtt")]}, 400),
        ({"origin": Origin("http://evil")}, 403),
    ],
)
async def test_who_is_not_let_in(how: dict[str, object], status: int) -> None:
    async with listening(("https://phone.example.com",)) as callee:
        with pytest.raises(InvalidStatus) as caught:
            async with browser(callee, **how):
                pass
        assert caught.value.response.status_code == status
        assert callee.shell.connections == 0


@pytest.mark.parametrize("origin", ["https://phone.example.com", None])
async def test_the_page_allowed_and_what_is_no_browser_are_let_in(origin: str | None) -> None:
    async with listening(("https://phone.example.com",)) as callee, browser(callee, origin=origin):
        assert callee.shell.connections == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 426 Upgrade Required"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 505 "),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 "),
        (b"REGISTER sip:x SIP/2.0\r\n\r\n", b"HTTP/1.1 "),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\nSec-WebSocket-Version: 13\r\n", b"HTTP/1.1 426 "),
    ],
)
async def test_what_is_no_websocket_is_told_so(said: bytes, status: bytes) -> None:
    async with listening() as callee:
        reader, writer = await asyncio.open_connection(HOST, callee.port("ws"))
        writer.write(said)
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(status)
        writer.close()
        assert callee.shell.connections == 0


async def test_a_handshake_that_is_not_finished_is_bounded() -> None:
    async with listening(handshake_s=0.1) as callee:
        reader, writer = await asyncio.open_connection(HOST, callee.port("ws"))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_a_message_too_large_ends_the_connection_with_the_reason() -> None:
    async with listening() as callee, browser(callee) as client:
        await client.send("x" * (MAX_MESSAGE + 1))
        with pytest.raises(ConnectionClosed) as caught:
            await heard(client)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009


async def test_the_browser_is_told_when_we_leave() -> None:
    async with listening() as callee, browser(callee) as client:
        await callee.shell.close()
        with pytest.raises(ConnectionClosed) as caught:
            await heard(client)
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001


async def test_a_browser_that_leaves_is_told() -> None:
    async with listening() as callee:
        async with browser(callee):
            pass
        flow, error = await callee.next_closed()
        assert (flow.transport, error) == ("ws", None)


def met(client: WebSocketClientFraming, server: WebSocketServerFraming) -> None:
    server.receive(client.outgoing())
    client.receive(server.outgoing())


def test_the_two_sides_without_sockets() -> None:
    client, server = WebSocketClientFraming("sip.example.com", 443, secure=True), WebSocketServerFraming()
    assert not client.ready
    met(client, server)
    assert client.ready and server.ready
    client.send(OPTIONS)
    assert server.receive(client.outgoing()) == [OPTIONS]
    binary = OPTIONS.replace(b"\r\n\r\n", b"\r\nX: \xff\r\n\r\n")
    parse(binary)
    server.send(binary)
    assert client.receive(server.outgoing()) == [binary]
    server.ping()
    server.receive(client_answers := (client.receive(server.outgoing()), client.outgoing())[1])
    assert client_answers and server.pongs == 1
    part = Frame(Opcode.TEXT, b"OPT", fin=False)
    server.receive(part.serialize(mask=True))
    assert server.partial


@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans(), st.booleans())
def test_garbage_ends_it_and_never_raises(pieces: list[bytes], begun: bool, to_client: bool) -> None:
    client, server = WebSocketClientFraming("x", 80, secure=False), WebSocketServerFraming()
    side: WebSocketFraming = client if to_client else server
    if begun:
        met(client, server)
    for piece in pieces:
        side.receive(piece)
        side.send(OPTIONS) if side.ready else None
        side.ping() if side.ready else None
        side.outgoing()
    side.end()
    side.outgoing()


def test_no_frames_behind_a_good_request_end_it() -> None:
    client, server = WebSocketClientFraming("x", 80, secure=False), WebSocketServerFraming()
    assert server.receive(client.outgoing() + b"no frame") == []
    assert server.ended and not server.ready and server.fault
    assert server.outgoing() == b""


def test_a_server_that_speaks_no_sip_is_left() -> None:
    client, server = WebSocketClientFraming("x", 80, secure=False), WebSocketServerFraming()
    server.receive(client.outgoing())
    client.receive(server.outgoing().replace(b"Sec-WebSocket-Protocol: sip\r\n", b""))
    assert not client.ready and client.ended and client.fault == "the WebSocket server does not speak sip"
    client = WebSocketClientFraming("x", 80, secure=False)
    client.outgoing()
    client.receive(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    assert client.ended and client.fault == "server rejected WebSocket connection: HTTP 404"
