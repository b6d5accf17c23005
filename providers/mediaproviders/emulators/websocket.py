"""A server of emulated sessions over WebSocket: sockets and the clock around sans-I/O cores."""

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event

from mediaproviders.emulators.effects import Effects
from mediaproviders.emulators.ledger import Ledger
from mediaproviders.emulators.wheel import Wheel

_STATUSES: Final = frozenset(HTTPStatus)

# The library reports every refused handshake and every lost peer; here they are part of the script.
_quiet = logging.getLogger(__name__)
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


@dataclass(frozen=True, slots=True)
class Close:
    """Close the WebSocket."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reset:
    """Drop the TCP connection without a word."""


@dataclass(frozen=True, slots=True)
class StopReading:
    """Read nothing from the socket for a while."""

    seconds: float


type Effect = str | bytes | Close | Reset | StopReading
"""A str is a text frame, bytes are a binary one."""


class FrameEffects(Effects[Effect]):
    """The effects of a session over a WebSocket."""

    SENT = (str, bytes)
    ENDS = (Close, Reset)


type Data = str | bytes | bytearray | memoryview


def refused(status: int, body: bytes, **more: str) -> Response:
    """An answer to a handshake that opens no session: JSON, and the end. `more` are headers, `_` for `-`."""
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    reason = HTTPStatus(status).phrase if status in _STATUSES else "Error"
    return Response(status, reason, headers, body)


class Core(Protocol):
    """A session; times are s of the monotonic clock."""

    def open(self, now: float) -> None:
        """The connection stands."""

    def receive(self, frame: Data, now: float) -> None:
        """A text message of the client, decoded or not."""

    def receive_binary(self, frame: Data, now: float) -> None:
        """A binary message of the client."""

    def handle_timer(self, now: float) -> None:
        """Do what is due."""

    def next_deadline(self) -> float | None:
        """When something is due."""

    def effects(self) -> list[Effect]:
        """What is to be done, in order; drains it."""

    def connection_lost(self, now: float) -> None:
        """The connection has ended."""


class DirectConnection(ServerConnection):
    """Hands whole data frames to a listener as they arrive: no queue and no task to wake for each of them."""

    listener: Callable[[Data, bool], None] | None = None
    """Who takes them, and whether they are binary; None: they are for `recv`, as all others."""

    def process_event(self, event: Event) -> None:
        """Take one incoming frame."""
        if self.listener is not None and isinstance(event, Frame):
            if event.opcode in (Opcode.TEXT, Opcode.BINARY) and event.fin:
                self.listener(event.data, event.opcode is Opcode.BINARY)
                return
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                # From the first fragment on, everything takes the long way: the order of messages is kept.
                self.listener = None
        super().process_event(event)


class Peer:
    """One connection and its session."""

    def __init__(self, connection: DirectConnection, session: Core, wheel: Wheel) -> None:
        self._connection = connection
        self._session = session
        self._wheel = wheel
        self._closing: asyncio.Task[None] | None = None

    def next_deadline(self) -> float | None:
        """When its session has something to do."""
        return self._session.next_deadline()

    def tick(self, now: float) -> None:
        """Have the session do what is due."""
        self._session.handle_timer(now)
        self.flush()

    def flush(self) -> None:
        """Carry out what the session wants done."""
        for effect in self._session.effects():
            self._carry_out(effect)

    async def converse(self) -> None:
        """Read until the connection ends."""
        connection = self._connection
        connection.listener = self._receive
        self._session.open(time.monotonic())
        self.flush()
        self._wheel.schedule(self)
        try:
            while True:
                # Only what the listener leaves: fragmented messages, and what follows them.
                message = await connection.recv()
                self._receive(message, not isinstance(message, str))
        except ConnectionClosed:
            pass
        finally:
            connection.listener = None
            self._wheel.remove(self)
            self._session.connection_lost(time.monotonic())
            if self._closing is not None:
                await self._closing

    def _receive(self, frame: Data, binary: bool) -> None:
        if binary:
            self._session.receive_binary(frame, time.monotonic())
        else:
            self._session.receive(frame, time.monotonic())
        self.flush()
        self._wheel.schedule(self)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case str() | bytes():
                # The library's synchronous way to send: no task, and no waiting for a slow client.
                broadcast((self._connection,), effect)
            case Close():
                self._closing = asyncio.ensure_future(self._connection.close(effect.code, effect.reason))
            case Reset():
                self._connection.transport.abort()
            case StopReading():
                self._connection.transport.pause_reading()
                asyncio.get_running_loop().call_later(effect.seconds, self._read_again)

    def _read_again(self) -> None:
        if not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a host listens, and what it says of the WebSocket."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    compression: str | None = None
    """`deflate`: offer to compress messages."""
    most_bytes: int = 16 * 1024 * 1024
    """The longest message taken."""
    close_s: float = 10.0
    """Patience for the client's part of a closing handshake."""


class Endpoint:
    """Listens for WebSockets while it is open: each handshake is put to `admit`, each connection given to `serve`."""

    def __init__(
        self,
        listen: Listen,
        admit: Callable[[ServerConnection, Request], Response | None],
        serve: Callable[[ServerConnection], Awaitable[None]],
    ) -> None:
        self._listen = listen
        self._admit = admit
        self._serve = serve
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is open."""
        return int(next(iter(self._running().sockets)).getsockname()[1])

    async def open(self) -> None:
        """Begin to listen."""
        listen = self._listen
        self._server = await serve(
            self._serve,
            listen.host,
            listen.port,
            ssl=listen.tls,
            process_request=self._admit,
            compression=listen.compression,
            max_size=listen.most_bytes,
            close_timeout=listen.close_s,
            create_connection=DirectConnection,
            logger=_quiet,
        )

    async def close(self) -> None:
        """End every connection."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is open."""
        await self._running().serve_forever()

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return self._server


class Host:
    """Listens, and gives each connection that is let in a session. Owns the ledger's file."""

    def __init__(
        self,
        listen: Listen,
        ledger: Ledger,
        admit: Callable[[ServerConnection, Request], Response | None],
        begin: Callable[[ServerConnection], Core],
    ) -> None:
        self._begin = begin
        self._endpoint = Endpoint(listen, admit, self._serve)
        self._exit = AsyncExitStack()
        self._wheel: Wheel | None = None
        self.ledger = ledger

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is open."""
        return self._endpoint.port

    async def open(self) -> None:
        """Begin to listen."""
        self._wheel = Wheel(time.monotonic)
        await self._endpoint.open()
        # Left in the opposite order: the last entries are those of the sessions' ends.
        self._exit.callback(self.ledger.close)
        self._exit.callback(self._wheel.close)
        self._exit.push_async_callback(self._endpoint.close)
        self._exit.callback(asyncio.create_task(self.ledger.keep_writing()).cancel)

    async def close(self) -> None:
        """End every session, and write the rest of the ledger."""
        await self._exit.aclose()

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is open."""
        await self._endpoint.serve_forever()

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, DirectConnection) and self._wheel is not None
        await Peer(connection, self._begin(connection), self._wheel).converse()
