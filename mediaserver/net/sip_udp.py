"""The UDP socket of SIP."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from mediaserver.net.local_address import SCOPES, Address, LocalAddress

_LARGEST = 65535
_BATCH = 8
"""Datagrams per wake-up: enough to keep up with a burst, few enough not to delay the audio of the same loop."""
_BACKLOG = 1000
"""Datagrams that wait for the system to take them."""


class SipDatagrams:
    """Hands every datagram with its source to `receive`.

    A raw socket rather than a datagram transport: per datagram it costs the same, but in a burst it loses fewer.
    """

    def __init__(
        self, sock: socket.socket, local: LocalAddress, receive: "Callable[[bytes, Address, SipDatagrams], None]"
    ):
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._receive = receive
        self._backlog: deque[tuple[bytes, Address]] = deque(maxlen=_BACKLOG)
        self.local = local
        self.family = sock.family
        self._loop.add_reader(sock, self._readable)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram; one that cannot be sent is as good as lost, the timers see to it."""
        if self._backlog:
            self._backlog.append((data, remote))
            return
        try:
            self._sock.sendto(data, SCOPES.full(remote))
        except BlockingIOError:
            self._backlog.append((data, remote))
            self._loop.add_writer(self._sock, self._writable)
        except (OSError, ValueError):  # no such address, none of this family, or the socket is closed
            pass

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
            self._sock.close()

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                data, source = self._sock.recvfrom(_LARGEST)
            except OSError:  # no more, or an ICMP error from an earlier send, or closed meanwhile
                return
            if len(source) > 2 and source[3]:
                SCOPES.learn(source[0], source[3])
            self._receive(data, (source[0], source[1]), self)

    def _writable(self) -> None:
        while self._backlog:
            data, remote = self._backlog[0]
            try:
                self._sock.sendto(data, SCOPES.full(remote))
            except BlockingIOError:
                return
            except (OSError, ValueError):
                pass
            self._backlog.popleft()
        self._loop.remove_writer(self._sock)
