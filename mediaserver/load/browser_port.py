"""The one socket of a caller that calls as a browser does: the face of an RTP port, around ICE, DTLS and SRTP."""

import asyncio
import socket
import time
from collections.abc import Callable

from mediaserver.load.browser_ice import Address
from mediaserver.load.browser_leg import BrowserLeg
from mediaserver.webrtc.srtp import UNSEALABLE

type Arrived = Callable[[bytes, Address, float], None]

_LARGEST_DATAGRAM = 2048
_RECEIVE_BUFFER = 1 << 18


def bound(address: str) -> socket.socket:
    """A socket on every address of the family of `address`: which of them the server can be reached from, ICE finds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", 0))
    except OSError:
        sock.close()
        raise
    return sock


class CallerPort:
    """Datagrams of one call. `lost` is told once why there will be no more media; None: the server has ended them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: str) -> None:
        self._loop = loop
        self._socket = bound(address)
        self.number: int = self._socket.getsockname()[1]
        self.unsent = 0
        self.lost: Callable[[str | None], None] = lambda why: None
        self._leg: BrowserLeg | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._connected: asyncio.Future[None] = loop.create_future()
        self._told_rtp: Arrived | None = None
        self._told_rtcp: Arrived | None = None
        loop.add_reader(self._socket, self._read)

    async def connect(self, leg: BrowserLeg, timeout_s: float) -> None:
        """Until media can go both ways. Raises ConnectionError with the reason, or when it takes too long."""
        self._leg = leg
        self._timed_out()
        try:
            async with asyncio.timeout(timeout_s):
                await self._connected
        except TimeoutError:
            way = "DTLS is not done" if leg.milestones.found_at is not None else "no ICE check was answered"
            raise ConnectionError(f"{way} after {timeout_s:g} s") from None

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Begin to hand over packets, opened."""
        self._told_rtp, self._told_rtcp = rtp, rtcp

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._leg = self._told_rtp = self._told_rtcp = None
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    # --- hot --------------------------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Seal and send now, to the pair that ICE has nominated; or lose it."""
        leg = self._leg
        to = None if leg is None else leg.ice.selected
        try:
            sealed = None if leg is None else leg.sealed(packet)
        except UNSEALABLE:
            sealed = None
        if sealed is None or to is None:
            self.unsent += 1
        else:
            self.send(sealed, to)

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        """As `send_rtp`: it is the same port."""
        self.send_rtp(packet, destination)

    def send(self, datagram: bytes, destination: Address) -> None:
        """Send a datagram as it is."""
        try:
            self._socket.sendto(datagram, destination)
        except OSError:
            self.unsent += 1

    def _read(self) -> None:
        try:
            datagram, source = self._socket.recvfrom(_LARGEST_DATAGRAM)
        except OSError:  # an ICMP error from an earlier send
            return
        leg, now = self._leg, time.monotonic()
        if leg is None:
            return
        packet = leg.opened(datagram, source[:2], now)
        if packet is None:
            self._look()
            return
        told = self._told_rtcp if 192 <= packet[1] <= 223 else self._told_rtp
        if told is not None:
            told(packet, source[:2], now)

    # --- rare -------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """See what has become of it, and when it has to be looked after."""
        leg = self._leg
        if leg is None:
            return
        if leg.failure is not None:
            self._leg = None
            if not self._connected.done():
                self._connected.set_exception(ConnectionError(leg.failure))
            self.lost(leg.failure)
            return
        if leg.closed:
            self._leg = None
            self.lost(None)
            return
        if leg.ready and not self._connected.done():
            self._connected.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        due = leg.deadline(now)
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - now), self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        if self._leg is not None:
            self._leg.handle_timer(time.monotonic())
            self._look()
