"""An HTTP/2 server over TLS whose requests and responses flow at the same time."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, Self, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from mediaproviders.emulators.aws.refusal import Refusal
from mediaproviders.emulators.reset import reset

ALPN: Final = ("h2",)
_LEAVE_S: Final = 1.0


@dataclass(frozen=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    """Path and query as on the wire."""
    fields: tuple[tuple[str, str], ...]
    """Headers without the pseudo ones, names in lower case; `host` stands for `:authority`."""

    @cached_property
    def headers(self) -> dict[str, str]:
        """By name; the last of several."""
        return dict(self.fields)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Handler(Protocol):
    """Who takes what comes on one stream."""

    def received(self, piece: bytes) -> None:
        """A part of the request's body."""

    def ended(self) -> None:
        """The request's body is complete."""

    def over(self) -> None:
        """Both directions are complete, or the stream was reset, or its connection is gone. Nothing follows."""


class Stream:
    """The answering side of a request. What is written leaves in order, as fast as the client allows."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self._connection = connection
        self._number = number
        self._pending = bytearray()
        self._unread = 0
        self._reading = True
        self._ending = False
        self.closed = False
        """Nothing can be sent any more."""

    def respond(self, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Send the head of the response."""
        if not self.closed:
            self._connection.h2.send_headers(self._number, [(":status", str(status)), *headers])
            self._connection.flush_soon()

    def refuse(self, refusal: Refusal) -> None:
        """Answer with an error instead of a stream."""
        self.respond(refusal.status, refusal.headers)
        self.write(refusal.body)
        self.end()

    def write(self, data: bytes) -> None:
        """Send a part of the response's body."""
        if not self.closed and not self._ending:
            self._pending += data
            self.push()

    def end(self) -> None:
        """End the response after what is written."""
        if not self.closed and not self._ending:
            self._ending = True
            self.push()

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        """End the stream at once, with an error; what waits to be sent is lost."""
        if not self.closed:
            self.closed = True
            self._connection.h2.reset_stream(self._number, code)
            self._connection.forget(self._number)
            self._connection.flush_soon()

    def go_away(self, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Say that the whole connection ends, and end it."""
        self._connection.go_away(code)

    def abort(self) -> None:
        """Reset the TCP connection without a word."""
        self._connection.abort()

    def stop_reading(self) -> None:
        """Give the client no more room to send."""
        self._reading = False

    def read_on(self) -> None:
        """Give the room back."""
        self._reading = True
        unread, self._unread = self._unread, 0
        if unread and not self._connection.closed:
            self._connection.h2.acknowledge_received_data(unread, self._number)
            self._connection.flush_soon()

    def consumed(self, size: int) -> None:
        """So many bytes of the request came in; give their room back."""
        if self._reading:
            self._connection.h2.acknowledge_received_data(size, self._number)
        else:
            self._unread += size

    def push(self) -> None:
        """Send what the client has room for."""
        h2, number, pending = self._connection.h2, self._number, self._pending
        while pending and not self.closed:
            room = min(h2.local_flow_control_window(number), h2.max_outbound_frame_size)
            if room <= 0:
                break
            h2.send_data(number, bytes(pending[:room]))
            del pending[:room]
        if self._ending and not pending and not self.closed:
            h2.end_stream(number)
            self.closed = True
            self._connection.settle(number)
        self._connection.flush_soon()


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: "DuplexServer") -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, tuple[Stream, Handler]] = {}
        self._half_closed: set[int] = set()
        self._socket: socket.socket | None = None
        self._flush_due = False
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))

    @property
    def closed(self) -> bool:
        """It is gone, or going."""
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        self._transport = cast(asyncio.Transport, transport)
        chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        if chosen not in ALPN:
            transport.close()
            return
        self._server.connections.add(self)
        self._socket = transport.get_extra_info("socket")
        self.h2.initiate_connection()
        self.flush_soon()

    def data_received(self, data: bytes) -> None:
        """Bytes of the client's."""
        _acknowledge_at_once(self._socket)
        try:
            for event in self.h2.receive_data(data):
                self._take(event)
        except ProtocolError:
            # The library has the GOAWAY ready that says so.
            self._flush()
            self._leave()
        self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._server.connections.discard(self)
        self._transport = None
        for number in list(self._streams):
            self.forget(number)

    def go_away(self, code: ErrorCodes) -> None:
        """Send GOAWAY and close."""
        if not self.closed:
            self.h2.close_connection(code)
            self._flush()
            self._leave()

    def abort(self) -> None:
        """Reset the TCP connection."""
        if self._transport is not None:
            reset(self._transport)

    def flush_soon(self) -> None:
        """Send what is ready at the end of this turn of the loop: one write for all of it."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def settle(self, number: int) -> None:
        """Forget a stream if both its directions are complete."""
        held = self._streams.get(number)
        if held is not None and held[0].closed and number in self._half_closed:
            self.forget(number)

    def forget(self, number: int) -> None:
        """The stream is over."""
        self._half_closed.discard(number)
        held = self._streams.pop(number, None)
        if held is not None:
            held[0].closed = True
            held[1].over()

    def _flush(self) -> None:
        self._flush_due = False
        data = self.h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._open(event)
            case DataReceived():
                held = self._streams.get(event.stream_id)
                if held is None:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    return
                held[0].consumed(event.flow_controlled_length)
                held[1].received(event.data)
            case StreamEnded():
                if event.stream_id in self._streams:
                    self._half_closed.add(event.stream_id)
                    self._streams[event.stream_id][1].ended()
                    self.settle(event.stream_id)
            case StreamReset():
                self.forget(event.stream_id)
            case WindowUpdated():
                for stream, _ in list(self._streams.values()):
                    stream.push()
            case ConnectionTerminated():
                self._leave()
            case _:
                pass

    def _open(self, event: RequestReceived) -> None:
        # Decoded to text, as the configuration asks for; the library's types do not know.
        given = [(str(name), str(value)) for name, value in cast(list[tuple[str, str]], event.headers)]
        pseudo = {name: value for name, value in given if name.startswith(":")}
        fields = [(name, value) for name, value in given if not name.startswith(":")]
        if not any(name == "host" for name, _ in fields):
            fields.append(("host", pseudo.get(":authority", "")))
        request = Request(pseudo[":method"], pseudo[":path"], tuple(fields))
        number = event.stream_id
        assert number is not None
        stream = Stream(self, number)
        self._streams[number] = stream, self._server.accept(request, stream)

    def _leave(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _acknowledge_at_once(raw: socket.socket | None) -> None:
    """Have the kernel acknowledge what comes without waiting for an answer; it forgets the wish by and by.

    A client with Nagle's algorithm holds its next small frame back until then, which otherwise takes 40 ms.
    """
    if raw is not None and hasattr(socket, "TCP_QUICKACK"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class DuplexServer:
    """Listens while it is entered. `accept` is called for every request and returns who takes its body."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext, accept: Callable[[Request, Stream], Handler]) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._server: asyncio.Server | None = None
        self.accept = accept
        self.connections: set[Connection] = set()
        """Those under way."""

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), self._host, self._port, ssl=self._tls)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
            # Now, and not when the loop comes to it: who listens may be about to leave as well.
            connection.connection_lost(None)
        try:
            # A client stuck in the TLS handshake is not ours to end.
            async with asyncio.timeout(_LEAVE_S):
                await self._server.wait_closed()
        except TimeoutError:
            pass
        self._server = None

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the server is not running")
        await self._server.serve_forever()
