"""The sockets we listen on: UDP sockets, and servers whose connections go to the table."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from mediaserver.errors import ConfigurationError
from mediaserver.net.bounced import Bounced
from mediaserver.net.connections import Connections
from mediaserver.net.listener import Bound, Listener
from mediaserver.net.local_address import Address, LocalAddress, LocalAddresses, family_of
from mediaserver.net.sip_udp import SipDatagrams
from mediaserver.net.sockets import SocketSettings, datagrams, listening
from mediaserver.net.tls import TlsServer
from mediaserver.sip.events import Flow

_TLS_ABOVE = {"tls": True, "wss": True}

type Arrived = Callable[[bytes, Address, SipDatagrams], None]
"""A datagram, its source, and the socket it came by."""
type Undelivered = Callable[[Bounced], None]
"""A datagram of ours that came back."""


class ListeningPorts:
    """Every listener that is open."""

    def __init__(self, addresses: LocalAddresses, sockets: SocketSettings) -> None:
        self._addresses = addresses
        self._sockets = sockets
        self._udp: list[SipDatagrams] = []
        self._servers: list[asyncio.Server] = []
        self._tls: list[TlsServer] = []
        self.bound: list[Bound] = []

    @property
    def has_udp(self) -> bool:
        """Whether datagrams can be sent at all."""
        return bool(self._udp)

    async def open(
        self, listeners: Sequence[Listener], arrived: Arrived, undelivered: Undelivered, connections: Connections
    ) -> None:
        """Open them all, or none. OSError if an address cannot be had, ConfigurationError for a certificate."""
        try:
            for listener in listeners:
                if listener.transport == "udp":
                    self._open_udp(listener, arrived, undelivered)
                else:
                    await self._open_server(listener, connections)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the sockets; connections that were accepted are not touched."""
        for server in self._servers:
            server.close()
        for each in self._udp:
            each.close()

    def identities(self) -> Iterator[TlsServer]:
        """What shows our certificates."""
        return iter(self._tls)

    def datagrams_for(self, flow: Flow) -> SipDatagrams | None:
        """The UDP socket that a flow is of; None if there is none of its family."""
        try:
            family = family_of(flow.remote[0])
        except ValueError:
            return None
        fitting = [each for each in self._udp if each.family == family]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        exact = (each for each in fitting if each.local.towards(flow.remote[0]) == flow.local)
        return next(exact, fitting[0])

    def _open_udp(self, listener: Listener, arrived: Arrived, undelivered: Undelivered) -> None:
        sock = datagrams(listener.address, self._sockets)
        local = self._note(listener, sock.getsockname())
        self._udp.append(SipDatagrams(sock, local, arrived, undelivered))

    async def _open_server(self, listener: Listener, connections: Connections) -> None:
        tls: TlsServer | None = None
        if listener.transport in _TLS_ABOVE:
            if listener.tls is None:
                raise ConfigurationError([f"the {listener.transport} listener needs tls: a certificate and its key"])
            tls = TlsServer(listener.tls)
            self._tls.append(tls)
        sock = listening(listener.address, self._sockets)
        local = self._note(listener, sock.getsockname())
        self._servers.append(
            await asyncio.get_running_loop().create_server(
                lambda: connections.accept(listener.transport, local, tls, listener.origins), sock=sock
            )
        )

    def _note(self, listener: Listener, sockname: tuple[str | int, ...]) -> LocalAddress:
        address = str(sockname[0]).partition("%")[0], int(sockname[1])
        local = LocalAddress(address, listener.advertised, listener.advertised_to)
        self._addresses.add(listener.transport, local)
        self.bound.append(Bound(listener.transport, address))
        return local
