"""RTP and RTCP sockets of one leg: an even port and the odd one above it, out of a configured range."""

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from mediaserver.errors import MediaServerError

type Address = tuple[str, int]
type Arrived = Callable[[bytes, Address, float], None]
"""A datagram, its source, and when it was read (monotonic seconds)."""

_LARGEST_DATAGRAM = 2048
_RECEIVE_BUFFER = 1 << 17
EF = 46
"""The class of telephony (RFC 4594 4.1)."""


class NoPortError(MediaServerError):
    """Every pair of the range is in use or resting."""


class Numbered(Protocol):
    """A pair that was lent."""

    number: int

    def close(self) -> None:
        """Close both sockets."""


class RtpPort:
    """A bound pair of sockets. Datagrams are handed over as they are read; sending never waits.

    A raw socket with a reader costs half of what a datagram transport costs per packet.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._loop = loop
        self._rtp = rtp
        self._rtcp = rtcp
        self.number: int = rtp.getsockname()[1]
        self.unsent = 0

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Begin to hand over datagrams."""
        self._loop.add_reader(self._rtp, self._reader(self._rtp, rtp))
        self._loop.add_reader(self._rtcp, self._reader(self._rtcp, rtcp))

    def _reader(self, sock: socket.socket, arrived: Arrived) -> Callable[[], None]:
        receive, clock = sock.recvfrom, time.monotonic

        def read() -> None:
            # One datagram per call: readiness is level-triggered, and a second try would mostly cost an exception.
            try:
                packet, source = receive(_LARGEST_DATAGRAM)
            except OSError:  # an ICMP error from an earlier send
                return
            arrived(packet, source[:2], clock())

        return read

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Send now or lose it: a full socket buffer counts as loss, as on any network."""
        try:
            self._rtp.sendto(packet, destination)
        except OSError:
            self.unsent += 1

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        """As `send_rtp`, from the RTCP port."""
        try:
            self._rtcp.sendto(packet, destination)
        except OSError:
            self.unsent += 1

    def close(self) -> None:
        """Close both sockets; safe to call twice."""
        for sock in (self._rtp, self._rtcp):
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock)
                sock.close()


class PortRange:
    """Hands out port pairs in turn; a freed pair rests before it is used again, so that a stray stream of the last
    call does not reach the next one. `dscp` (0-63) marks what we send (RFC 2474).
    """

    def __init__(self, host: str, first: int, last: int, rest_s: float = 5.0, dscp: int = EF) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._free = deque(range(first + first % 2, last, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._rest_s = rest_s
        self._dscp = dscp

    def take(self, loop: asyncio.AbstractEventLoop) -> RtpPort:
        """Bind the next pair. Raises NoPortError when there is none."""
        now = time.monotonic()
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        for _ in range(len(self._free)):
            number = self._free.popleft()
            try:
                rtp = self._bind(number)
            except OSError:  # another program has it
                self._free.append(number)
                continue
            try:
                return RtpPort(loop, rtp, self._bind(number + 1))
            except OSError:
                rtp.close()
                self._free.append(number)
        raise NoPortError(f"no free RTP port pair on {self._host}: widen rtp.ports")

    def give_back(self, port: Numbered) -> None:
        """Close a pair and let its numbers rest."""
        port.close()
        self._resting.append((time.monotonic() + self._rest_s, port.number))

    def _bind(self, number: int) -> socket.socket:
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            if self._family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, self._dscp << 2)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, self._dscp << 2)
            sock.bind((self._host, number))
        except OSError:
            sock.close()
            raise
        return sock
