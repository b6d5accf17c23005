"""The UDP socket of SIP, and which of our addresses a peer can reach."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import cast

type Address = tuple[str, int]
"""IP literal and port."""

_REMEMBERED = 4096
_ANY_PORT = 9


class LocalAddress:
    """Our address as a given peer sees it: the bound one, or the one the route to the peer starts from."""

    def __init__(self, bound: Address) -> None:
        self._bound = bound
        self._wildcard = ip_address(bound[0]).is_unspecified
        self._known: dict[str, Address] = {}

    def towards(self, remote: str) -> Address:
        """The local address for a peer's IP literal; the bound one when there is no route."""
        if not self._wildcard:
            return self._bound
        known = self._known.get(remote)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()  # sources can be forged without end
            known = self._known[remote] = (self._discover(remote), self._bound[1])
        return known

    def _discover(self, remote: str) -> str:
        family = socket.AF_INET6 if ":" in remote else socket.AF_INET
        try:
            # Connecting a datagram socket sends nothing; it only asks the kernel for a route.
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((remote, _ANY_PORT))
                return str(probe.getsockname()[0])
        except OSError:
            return self._bound[0]


class SipDatagrams(asyncio.DatagramProtocol):
    """Hands every datagram with its source to `receive`."""

    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # Not an isinstance check: uvloop has transport classes of its own.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a datagram."""
        self._receive(data, (addr[0], addr[1]))

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram; one that cannot be sent is as good as lost, the timers see to it."""
        if self._transport is not None and not self._transport.is_closing():
            try:
                self._transport.sendto(data, remote)
            except (OSError, ValueError):  # uvloop: ValueError for an address that does not fit the socket
                pass

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
