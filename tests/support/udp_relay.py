"""A relay of datagrams before a server, as a NAT that now and then gives a client another port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _Side(asyncio.DatagramProtocol):
    """One socket; what comes to it is given to `take`."""

    def __init__(self, relay: "Relay") -> None:
        self.relay = relay
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.relay.came(self, data, addr)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])


class Relay:
    """What one client sends to `port` goes to the server from another port, which `move` changes."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._client: tuple[str, int] | None = None
        self._front = _Side(self)
        self._back = _Side(self)
        self.answered = False
        """The server has sent to where the client is now."""

    @property
    def port(self) -> int:
        """Where the client sends to."""
        return self._front.port

    async def start(self) -> None:
        """Open both sides."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self._front, local_addr=("127.0.0.1", 0))
        await self._open_back()

    async def move(self) -> None:
        """From now on the client is somewhere else; nothing that is sent to where it was reaches it."""
        before = self._back
        self._back = _Side(self)
        self.answered = False
        await self._open_back()
        assert before.transport is not None
        before.transport.close()

    def came(self, side: _Side, data: bytes, source: tuple[str, int]) -> None:
        """Pass on a datagram."""
        if side is self._front:
            self._client = source
            assert self._back.transport is not None
            self._back.transport.sendto(data, self._server)
        elif side is self._back and self._client is not None:
            assert self._front.transport is not None
            self._front.transport.sendto(data, self._client)
            self.answered = True

    def close(self) -> None:
        """Close both sides."""
        for side in (self._front, self._back):
            if side.transport is not None:
                side.transport.close()

    async def _open_back(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self._back, local_addr=("127.0.0.1", 0))


@asynccontextmanager
async def relay(server: tuple[str, int]) -> AsyncIterator[Relay]:
    """A relay on loopback before `server`, closed on leaving."""
    made = Relay(server)
    try:
        await made.start()
        yield made
    finally:
        made.close()
