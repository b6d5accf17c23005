"""SIP over TCP: connections in and out, each a stream of messages (RFC 3261 18, RFC 5626 3.5.1)."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol, cast

from mediaserver.errors import RemoteProtocolError
from mediaserver.net.sip_udp import Address, LocalAddress
from mediaserver.sip.events import Flow
from mediaserver.sip.stream import StreamParser

_PONG = b"\r\n"


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What connections may cost; times in seconds, `buffered` in bytes not read by the peer."""

    connections: int = 2000
    idle_s: float = 300.0
    connect_s: float = 8.0
    buffered: int = 1 << 20
    waiting: int = 64
    """Messages that wait for one connection to be opened."""
    linger_s: float = 2.0
    """What a peer may take to read the rest on a connection we close."""


class FlowUser(Protocol):
    """Who takes what comes by a connection."""

    def received(self, data: bytes, flow: Flow) -> None:
        """Take one message."""

    def closed(self, flow: Flow, error: str | None) -> None:
        """Take note that the connection is gone."""

    def needs(self, flow: Flow) -> bool:
        """Whether a call still counts on the connection, however silent it is."""


class SipConnection(asyncio.Protocol):
    """One connection. `flows` are the names it goes by; a connection we opened has key 0."""

    def __init__(self, table: "TcpConnections", flow: Flow | None = None) -> None:
        self._table = table
        self._parser = StreamParser()
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._heard_at = asyncio.get_running_loop().time()
        self.flows: list[Flow] = [] if flow is None else [flow]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, or end it at once when there are too many or the peer has gone already."""
        # Not an isinstance check: uvloop has transport classes of its own.
        self._transport = cast(asyncio.Transport, transport)
        peer = _peer(transport)
        if peer is None or not self._table.register(self, peer):
            self._transport.abort()
            return
        self._watch(self._table.limits.idle_s)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages, answer pings, close what cannot be followed."""
        flow = self.flows[0]
        try:
            messages = self._parser.feed(data)
        except RemoteProtocolError:
            self.close()
            return
        if messages or self._parser.pings:
            # Bytes that complete nothing keep no connection alive.
            self._heard_at = asyncio.get_running_loop().time()
        for message in messages:
            self._table.user.received(message, flow)
        if self._parser.pings:
            self.send(_PONG * self._parser.pings)
            self._parser.pings = 0
        if self._parser.fault is not None:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever used the connection."""
        for timer in (self._idle, self._linger):
            if timer is not None:
                timer.cancel()
        self._table.forget(self, None if exc is None else str(exc))

    def send(self, data: bytes) -> None:
        """Write a message; a peer that does not read loses the connection."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._table.limits.buffered:
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written; a peer that does not read it in time loses it."""
        if self._transport is None or self._linger is not None:
            return
        if self._idle is not None:
            self._idle.cancel()
        # Not at once even when idle: on uvloop what was written this very moment is still in the buffer.
        self._linger = asyncio.get_running_loop().call_later(self._table.limits.linger_s, self._transport.abort)
        self._transport.close()

    def abort(self) -> None:
        """Close now; what was written and not read is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _watch(self, delay: float) -> None:
        self._idle = asyncio.get_running_loop().call_later(delay, self._check_idle)

    def _check_idle(self) -> None:
        limit = self._table.limits.idle_s
        silent = asyncio.get_running_loop().time() - self._heard_at
        if silent < limit:
            self._watch(limit - silent)
        elif any(self._table.user.needs(flow) for flow in self.flows):
            self._watch(limit)
        else:
            self.close()


def _peer(transport: asyncio.BaseTransport) -> Address | None:
    """The far end; None if it broke the connection before we took it."""
    try:
        name = transport.get_extra_info("peername")
    except OSError:
        return None
    return (str(name[0]), int(name[1])) if name else None


class TcpConnections:
    """Every connection by its flow; opens one when something is to be sent and there is none."""

    def __init__(self, user: FlowUser, limits: TcpLimits, local: LocalAddress) -> None:
        self.user = user
        self.limits = limits
        self._local = local
        self._by_flow: dict[Flow, SipConnection] = {}
        self._by_remote: dict[Address, SipConnection] = {}
        self._connections: set[SipConnection] = set()
        self._waiting: dict[Flow, list[bytes]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._last_key = 0
        self._closed = False
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def accept(self) -> SipConnection:
        """A protocol for a connection that was opened to us."""
        return SipConnection(self)

    def register(self, connection: SipConnection, peer: Address) -> bool:
        """Enter an open connection; false when there are too many, or we are closing."""
        if self._closed or len(self._connections) >= self.limits.connections:
            return False
        self._connections.add(connection)
        if not connection.flows:
            self._last_key += 1
            connection.flows.append(Flow("tcp", peer, self._local.towards(peer[0]), self._last_key))
        self._by_flow[connection.flows[0]] = connection
        self._by_remote[connection.flows[0].remote] = connection
        return True

    def forget(self, connection: SipConnection, error: str | None) -> None:
        """The connection is gone: tell the user of every flow it served."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        if self._by_remote.get(connection.flows[0].remote) is connection:
            del self._by_remote[connection.flows[0].remote]
        for flow in connection.flows:
            self._by_flow.pop(flow, None)
            self.user.closed(flow, error)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send by the connection of `flow`, opening one if the flow only names a peer (key 0)."""
        connection = self._by_flow.get(flow)
        if connection is None and flow.key == 0:
            connection = self._by_remote.get(flow.remote)
            if connection is not None:
                connection.flows.append(flow)
                self._by_flow[flow] = connection
        if connection is not None:
            connection.send(data)
        elif flow.key:
            self._soon_closed(flow, "the connection is gone")
        else:
            self._open(flow, data)

    async def close(self) -> None:
        """Close every connection and stop opening any; peers that do not read are waited for `linger_s`."""
        self._closed = True
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        self._empty.clear()
        for connection in tuple(self._connections):
            connection.close()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), self.limits.linger_s)
        for connection in tuple(self._connections):
            connection.abort()

    def _open(self, flow: Flow, data: bytes) -> None:
        waiting = self._waiting.get(flow)
        if waiting is not None:
            if len(waiting) < self.limits.waiting:
                waiting.append(data)
            return
        if self._closed or len(self._connections) + len(self._opening) >= self.limits.connections:
            self._soon_closed(flow, "closing" if self._closed else "too many connections")
            return
        self._waiting[flow] = [data]
        task = asyncio.get_running_loop().create_task(self._connect(flow))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, flow: Flow) -> None:
        loop = asyncio.get_running_loop()
        connection = SipConnection(self, flow)
        try:
            async with asyncio.timeout(self.limits.connect_s):
                await loop.create_connection(lambda: connection, *flow.remote)
        except (OSError, ValueError) as error:  # TimeoutError is an OSError; ValueError: an address uvloop cannot use
            del self._waiting[flow]
            self.user.closed(flow, str(error) or "timeout")
            return
        waiting = self._waiting.pop(flow)
        if flow not in self._by_flow:
            self.user.closed(flow, "refused, or lost at once")
        for data in waiting:
            connection.send(data)

    def _soon_closed(self, flow: Flow, error: str) -> None:
        # Not at once: we are in the midst of what the endpoint wants sent.
        asyncio.get_running_loop().call_soon(self.user.closed, flow, error)

    def flow_to(self, remote: Address) -> Flow:
        """A flow that stands for a connection to `remote`, opened when first used."""
        return Flow("tcp", remote, self._local.towards(remote[0]))
