"""A relay between SIPp and the server: UDP as it is, TCP as TCP, TLS or WebSocket. It carries what a wire lets by."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from conformance.wire import Side, Wire

type Address = tuple[str, int]

HOST = "127.0.0.1"
_ADDRESSED = re.compile(rb"^(?:Via|v|Contact|m|Route|Record-Route)[ \t]*:[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^(?:Content-Length|l)[ \t]*:[ \t]*(\d+)", re.IGNORECASE | re.MULTILINE)
_WEB = ("ws", "wss")


def _in_addresses(message: bytes, changes: dict[bytes, bytes]) -> bytes:
    """Replace in the header fields that say where somebody is; a digest covers other ones."""
    head, end, body = message.partition(b"\r\n\r\n")

    def change(line: re.Match[bytes]) -> bytes:
        text = line[0]
        for old, new in changes.items():
            text = re.sub(re.escape(old) + rb"(?!\d)", new, text)
        return text

    return _ADDRESSED.sub(change, head) + end + body


def text_of(address: Address) -> str:
    """`host:port`, as in a URI."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def _text(address: Address) -> bytes:
    return text_of(address).encode()


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, taken: Callable[[bytes, Address], None]) -> None:
        self._taken = taken

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._taken(data, addr)


@asynccontextmanager
async def datagrams(
    wire: Wire, near: int, far: int, party: Address, server: Address | None, host: str = HOST
) -> AsyncIterator[None]:
    """Relay UDP: the party speaks to port `near`, the server to port `far`, each as if it were the other.

    The server's address is learnt from what it sends, if it is not known.
    """
    loop = asyncio.get_running_loop()
    sides: dict[Side, asyncio.DatagramTransport] = {}
    at: dict[Side, Address | None] = {"peer": party, "server": server}

    def rewrite(message: bytes, side: Side) -> bytes:
        there = at["server"]
        if side == "server":
            changes = {_text((host, far)): _text(party)} | ({_text(there): _text((host, near))} if there else {})
        else:
            changes = {_text(party): _text((host, far))} | ({_text((host, near)): _text(there)} if there else {})
        return _in_addresses(message, changes)

    def passing(side: Side, other: Side) -> Callable[[bytes, Address], None]:
        def taken(data: bytes, source: Address) -> None:
            at[side] = source[:2]
            target = at[other]
            message = wire.take(data, side) if data.strip() else None
            if message is not None and target is not None:
                sides[other].sendto(message, target)

        return taken

    wire.rewrite = rewrite
    ways: tuple[tuple[Side, Side, int], ...] = (("peer", "server", near), ("server", "peer", far))
    for side, other, port in ways:
        protocol = partial(_Socket, passing(side, other))
        sides[side], _ = await loop.create_datagram_endpoint(protocol, local_addr=(host, port))
    try:
        yield
    finally:
        for transport in sides.values():
            transport.close()


class Framed:
    """One connection of SIP messages."""

    async def messages(self) -> AsyncIterator[bytes]:
        """Each message that comes, whole, until it closes."""
        raise NotImplementedError
        yield b""

    async def send(self, message: bytes) -> None:
        """Send one."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close it."""
        raise NotImplementedError


class Stream(Framed):
    """By TCP or TLS, where Content-Length tells messages apart. Keep-alives are answered here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def messages(self) -> AsyncIterator[bytes]:
        """Each message that comes."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                if not head.strip():
                    self._writer.write(b"\r\n")
                    continue
                length = _LENGTH.search(head)
                yield head.lstrip() + (await self._reader.readexactly(int(length[1])) if length else b"")

    async def send(self, message: bytes) -> None:
        """Send one."""
        self._writer.write(message)
        await self._writer.drain()

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()


async def _open(transport: str, server: Address, tls: ssl.SSLContext | None) -> Framed:
    if transport not in _WEB:
        secure = {"ssl": tls, "server_hostname": "localhost"} if transport == "tls" else {}
        return Stream(*await asyncio.open_connection(*server, **secure))  # type: ignore[arg-type]
    secure = {"ssl": tls, "server_hostname": "localhost"} if transport == "wss" else {}
    socket = await connect(
        f"{transport}://{server[0]}:{server[1]}",
        subprotocols=[Subprotocol("sip")],
        proxy=None,
        **secure,  # type: ignore[arg-type]
    )

    class Web(Framed):
        async def messages(self) -> AsyncIterator[bytes]:
            with contextlib.suppress(ConnectionClosed):
                async for message in socket:
                    if message.strip():
                        yield message.encode() if isinstance(message, str) else message

        async def send(self, message: bytes) -> None:
            await socket.send(message.decode())

        async def close(self) -> None:
            await socket.close()

    return Web()


def _renamed(transport: str) -> dict[bytes, bytes]:
    """SIPp speaks TCP and says so; what the server reads has to name the transport that it came by."""
    if transport == "tcp":
        return {}
    return {
        b"SIP/2.0/TCP": b"SIP/2.0/" + transport.upper().encode(),
        b"transport=TCP": b"transport=" + transport.encode(),
    }


@asynccontextmanager
async def stream(
    wire: Wire,
    port: int,
    to: Address,
    transport: str = "tcp",
    tls: ssl.SSLContext | None = None,
    *,
    called: bool = False,
    offering: ssl.SSLContext | None = None,
) -> AsyncIterator[None]:
    """Relay what connects to `port` by TCP on by `transport`. It is the party that connects, or the server if `called`.

    `offering`: what connects has to speak TLS.
    """
    changes = _renamed("tls" if offering else transport)
    if called:
        changes[_text(to)] = _text((HOST, port))
    wire.rewrite = lambda message, side: _in_addresses(message, changes) if side == "peer" else message
    running: set[asyncio.Task[None]] = set()

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        came = Stream(reader, writer)
        try:
            onward = await _open(transport, to, tls)
            await (_both(wire, onward, came) if called else _both(wire, came, onward))
        except (OSError, asyncio.CancelledError):
            await came.close()
        finally:
            running.discard(task)

    listening = await asyncio.start_server(joined, HOST, port, ssl=offering)
    try:
        yield
    finally:
        listening.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _both(wire: Wire, party: Framed, server: Framed) -> None:
    """Until either of them closes."""

    async def pump(source: Framed, sink: Framed, side: Side) -> None:
        async for message in source.messages():
            passing = wire.take(message, side)
            if passing is not None:
                await sink.send(passing)

    pumps: list[Awaitable[None]] = [
        asyncio.ensure_future(pump(party, server, "peer")),
        asyncio.ensure_future(pump(server, party, "server")),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
    finally:
        for each in pumps:
            each.cancel()  # type: ignore[attr-defined]
        await asyncio.gather(*pumps, return_exceptions=True)
        await asyncio.gather(party.close(), server.close(), return_exceptions=True)
