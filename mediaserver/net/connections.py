"""Every connection of SIP by its flow; opens one when something is to be sent and there is none."""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from mediaserver.errors import ConfigurationError
from mediaserver.net.framing import Framing, StreamFraming
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.local_address import SCOPES, Address, LocalAddress, LocalAddresses
from mediaserver.net.sip_tcp import SipConnection, Stack
from mediaserver.net.sip_ws import WebSocketClientFraming, WebSocketServerFraming
from mediaserver.net.sockets import SocketSettings, outgoing
from mediaserver.net.tls import TlsClient, TlsServer
from mediaserver.net.tls_layer import TlsLayer
from mediaserver.sip.events import Flow, Transport

_SECURE = ("tls", "wss")
_ON_WEB = ("ws", "wss")

type _Way = tuple[Transport, Address, str, str]
"""What two flows have in common if one connection can serve both: transport, peer, its proven name, trunk."""


class FlowUser(Protocol):
    """Who takes what comes by a connection."""

    def received(self, data: bytes, flow: Flow) -> None:
        """Take one message."""

    def closed(self, flow: Flow, error: str | None) -> None:
        """Take note that the connection is gone."""

    def needs(self, flow: Flow) -> bool:
        """Whether a call still counts on the connection, however silent it is."""

    def pong(self, flow: Flow) -> None:
        """Take note that the peer has answered a ping."""


class Connections:
    """The table of connections.

    One that was opened to us serves requests of ours too if it comes from the very address they go to; by TLS only if
    the peer has proved by its certificate to be who is called (RFC 5923 section 4).
    """

    def __init__(
        self,
        user: FlowUser,
        limits: ConnectionLimits,
        addresses: LocalAddresses,
        clients: Callable[[str], TlsClient],
        sockets: SocketSettings | None = None,
    ) -> None:
        """`clients` gives the TLS of a trunk by its profile."""
        self.limits = limits
        self._user = user
        self._addresses = addresses
        self._clients = clients
        self._sockets = sockets or SocketSettings()
        self._by_flow: dict[Flow, SipConnection] = {}
        self._by_way: dict[_Way, SipConnection] = {}
        self._connections: set[SipConnection] = set()
        self._from: Counter[str] = Counter()
        self._beginning = 0
        self._waiting: dict[Flow, list[bytes]] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._last_key = 0
        self._closed = False
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def accept(
        self, transport: Transport, local: LocalAddress, tls: TlsServer | None, origins: tuple[str, ...] | None = None
    ) -> SipConnection:
        """A protocol for a connection that was opened to us."""
        framing: Framing = WebSocketServerFraming(origins) if transport in _ON_WEB else StreamFraming()
        layer = None if tls is None else TlsLayer(tls.context, peer="the client", role="server")
        return SipConnection(self, Stack(transport, framing, layer, local))

    def flow_to(self, transport: Transport, remote: Address, name: str = "", profile: str = "") -> Flow:
        """A flow that stands for a connection to `remote`, opened when first used."""
        if transport not in _SECURE:
            name = profile = ""
        return Flow(transport, remote, self._addresses.towards(transport, remote[0]), 0, name, profile)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send by the connection of `flow`, opening one if the flow only names a peer (key 0)."""
        connection = self._of(flow)
        if connection is not None:
            connection.send(data)
        elif flow.key:
            self._soon_closed(flow, "the connection is gone")
        else:
            self._open(flow, data)

    def ping(self, flow: Flow) -> bool:
        """Ask the peer for a sign of life; false if there is no connection."""
        connection = self._of(flow)
        if connection is None:
            return False
        connection.ping()
        return True

    def abort(self, flow: Flow, why: str) -> None:
        """End a connection that is as good as gone."""
        if (connection := self._by_flow.get(flow)) is not None:
            connection.abort(why)

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

    # What a connection tells (ConnectionOwner)

    def admit(self, connection: SipConnection) -> bool:
        """Enter a connection; false when there are too many, or we are closing."""
        limits, source = self.limits, connection.peer[0]
        if self._closed or len(self._connections) >= limits.connections:
            return False
        if not connection.flows and (self._from[source] >= limits.per_source or self._beginning >= limits.handshakes):
            return False
        self._connections.add(connection)
        self._from[source] += 1
        self._beginning += not connection.flows
        return True

    def opened(self, connection: SipConnection) -> None:
        """Give the connection its name, and send what waited for it."""
        if not connection.flows:
            self._beginning -= 1
            connection.flows.append(self._name(connection))
        flow = connection.flows[0]
        self._by_flow[flow] = connection
        self._by_way[_way(flow)] = connection
        for data in self._waiting.pop(flow, ()):
            connection.send(data)

    def received(self, connection: SipConnection, message: bytes) -> None:
        """Hand a message on."""
        self._user.received(message, connection.flows[0])

    def pong(self, connection: SipConnection) -> None:
        """Hand on that the peer has answered a ping."""
        for flow in connection.flows:
            self._user.pong(flow)

    def needs(self, connection: SipConnection) -> bool:
        """Whether a call counts on it by any of its names."""
        return any(self._user.needs(flow) for flow in connection.flows)

    def retire(self, connection: SipConnection, error: str | None) -> None:
        """The connection is over, or was not to be had: tell the user of every flow it served, once."""
        if connection.retired:
            return
        connection.retired = True
        if not connection.flows:
            return  # it never had a name
        if self._by_way.get(way := _way(connection.flows[0])) is connection:
            del self._by_way[way]
        for flow in connection.flows:
            self._by_flow.pop(flow, None)
            self._waiting.pop(flow, None)
        why = error if connection.open else error or "closed during the handshake"
        for flow in connection.flows:
            self._user.closed(flow, why)

    def forget(self, connection: SipConnection) -> None:
        """The connection is gone: its place is free."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
        source = connection.peer[0]
        self._from[source] -= 1
        if not self._from[source]:
            del self._from[source]
        if not connection.flows:
            self._beginning -= 1

    # Within

    def _of(self, flow: Flow) -> SipConnection | None:
        connection = self._by_flow.get(flow)
        if connection is None and flow.key == 0 and (connection := self._by_way.get(_way(flow))) is not None:
            connection.flows.append(flow)
            self._by_flow[flow] = connection
        return connection

    def _name(self, connection: SipConnection) -> Flow:
        """The flow of a connection that was opened to us; its `name` is what the client's certificate proves."""
        self._last_key += 1
        stack, peer = connection.stack, connection.peer
        assert stack.local is not None
        name = "" if stack.tls is None else stack.tls.peer_name()
        return Flow(stack.transport, peer, stack.local.towards(peer[0]), self._last_key, name)

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
        try:
            connection = SipConnection(self, self._stack_to(flow), flow)
            sock = outgoing(flow.remote[0], self._addresses.source(flow.transport, flow.remote[0]), self._sockets)
            try:
                async with asyncio.timeout(self.limits.connect_s):
                    await loop.sock_connect(sock, SCOPES.full(flow.remote))
                await loop.create_connection(lambda: connection, sock=sock)
            except BaseException:
                sock.close()
                raise
        except (OSError, ValueError, ConfigurationError) as error:  # ValueError: an address uvloop cannot use
            self._waiting.pop(flow, None)
            self._user.closed(flow, f"cannot connect to {flow.remote[0]} port {flow.remote[1]}: {_why(error)}")

    def _stack_to(self, flow: Flow) -> Stack:
        framing: Framing = StreamFraming()
        if flow.transport in _ON_WEB:
            framing = WebSocketClientFraming(
                flow.name or flow.remote[0], flow.remote[1], secure=flow.transport == "wss"
            )
        if flow.transport not in _SECURE:
            return Stack(flow.transport, framing)
        client = self._clients(flow.profile)
        name = client.expected(flow.name or flow.remote[0])
        layer = TlsLayer(client.context, peer=name, role="client", server_name=name)
        return Stack(flow.transport, framing, layer)

    def _soon_closed(self, flow: Flow, error: str) -> None:
        # Not at once: we are in the midst of what the endpoint wants sent.
        asyncio.get_running_loop().call_soon(self._user.closed, flow, error)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    number = getattr(error, "errno", None)
    return os.strerror(number).lower() if number else str(error)


def _way(flow: Flow) -> _Way:
    if flow.transport in _SECURE:
        return flow.transport, flow.remote, flow.name, flow.profile
    return flow.transport, flow.remote, "", ""
