"""The UDP socket of SIP."""

import socket
from collections import deque
from collections.abc import Callable

from mediaserver.net import bounced
from mediaserver.net.bounced import Bounced
from mediaserver.net.local_address import SCOPES, Address, LocalAddress
from mediaserver.net.readiness import Readiness

_LARGEST = 65535
_BATCH = 8
"""Datagrams per wake-up: enough to keep up with a burst, few enough not to delay the audio of the same loop."""
_BACKLOG = 1000
"""Datagrams that wait for the system to take them."""


class SipDatagrams:
    """Hands every datagram with its source to `receive`, and to `undelivered` what came back.

    A raw socket rather than a datagram transport: per datagram it costs the same, but in a burst it loses fewer.
    """

    def __init__(
        self,
        sock: socket.socket,
        local: LocalAddress,
        receive: "Callable[[bytes, Address, SipDatagrams], None]",
        undelivered: Callable[[Bounced], None],
    ):
        self._sock = sock
        self._receive = receive
        self._undelivered = undelivered
        bounced.watch(sock)
        self._backlog: deque[tuple[bytes, Address]] = deque(maxlen=_BACKLOG)
        self.local = local
        self.family = sock.family
        self._readiness = Readiness(sock, self._readable, self._writable)

    def send(self, data: bytes, remote: Address) -> None:
        """Send a datagram; one that cannot be sent is as good as lost, the timers see to it."""
        if self._backlog:
            self._backlog.append((data, remote))
            return
        if not self._sent(data, remote):
            self._backlog.append((data, remote))
            self._readiness.write(wanted=True)

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        if self._sock.fileno() >= 0:
            self._readiness.close()
            self._sock.close()

    def _readable(self) -> None:
        for place in range(_BATCH):
            try:
                data, source = self._sock.recvfrom(_LARGEST)
            except OSError as error:  # no more, or what an earlier datagram met with, or closed meanwhile
                if place == 0 or not isinstance(error, BlockingIOError):
                    self._take_back()
                return
            if len(source) > 2 and source[3]:
                SCOPES.learn(source[0], source[3])
            self._receive(data, (source[0], source[1]), self)

    def _take_back(self) -> None:
        for each in bounced.take(self._sock):
            self._undelivered(each)

    def _sent(self, data: bytes, remote: Address) -> bool:
        """False if the system takes nothing now; what cannot be sent at all is sent as far as we are concerned."""
        for _ in range(2):  # the first error may be that of a datagram sent before
            try:
                self._sock.sendto(data, SCOPES.full(remote))
            except BlockingIOError:
                return False
            except (OSError, ValueError):  # no such address, none of this family, or the socket is closed
                continue
            break
        return True

    def _writable(self) -> None:
        while self._backlog:
            if not self._sent(*self._backlog[0]):
                return
            self._backlog.popleft()
        self._readiness.write(wanted=False)
