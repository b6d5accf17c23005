"""One UDP port for all browsers: each call has a place on it, found by where its browser sends from.

A source becomes a place's by a connectivity check that has proved itself there (RFC 8445 7.3.1), and only by that; who
a check is for is told by our user fragment, with which its USERNAME begins (RFC 8445 7.2.2).
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from mediaserver.errors import LocalProtocolError
from mediaserver.webrtc.binding import fragment_called
from mediaserver.webrtc.secure_port import Address, Arrived, Port

_LARGEST_DATAGRAM: Final = 2048
_BUFFER: Final = 1 << 22
"""Octets the system is asked to keep for all calls together; it gives what it allows (net.core.rmem_max)."""
_MOST_AT_ONCE: Final = 16
"""Datagrams read before others have their turn."""
_SINGLY: Final = 16
"""Wake-ups with one datagram each, after one at which no second one waited."""
_MOST_SOURCES: Final = 16
"""Of one place: as many as its agent remembers."""
_EF: Final = 46


class Place:
    """A call's part of the port, with the face of a port pair of its own. RTCP goes and comes with RTP.

    `unsent` counts packets that the socket did not take.
    """

    __slots__ = ("_fragments", "_port", "_rtp", "_sources", "number", "unsent")

    def __init__(self, port: "BrowserPort", number: int) -> None:
        self._port = port
        self._rtp: Arrived | None = None
        self._fragments: set[str] = set()
        self._sources: dict[Address, None] = {}
        self.number = number
        self.unsent = 0

    @property
    def fragments(self) -> frozenset[str]:
        """Our user fragments that lead here."""
        return frozenset(self._fragments)

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Hand over datagrams from now on; all of them to `rtp`, for there is one port."""
        self._rtp = rtp

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Send now or lose it."""
        try:
            self._port.send(packet, destination)
        except OSError:
            self.unsent += 1

    send_rtcp = send_rtp

    def rename(self, *fragments: str) -> None:
        """Answer to these fragments of ours from now on, and to no other. Raises LocalProtocolError if one is taken."""
        self._port.call(self, self._fragments, set(fragments))
        self._fragments = set(fragments)

    def vouch(self, source: Address) -> None:
        """A check from there has proved to be this call's peer: what else comes from there is for it."""
        sources = self._sources
        sources.pop(source, None)
        sources[source] = None
        self._port.settle(source, self)
        if len(sources) > _MOST_SOURCES:
            self._port.forget(next(iter(sources)), self)

    def lose(self, source: Address) -> None:
        """The source is another's, or nobody's, from now on."""
        self._sources.pop(source, None)

    def close(self) -> None:
        """Leave the port, which forgets all that led here; safe to call twice."""
        self._rtp = None
        self._port.call(self, self._fragments, set())
        self._fragments = set()
        for source in tuple(self._sources):
            self._port.forget(source, self)

    # --- hot --------------------------------------------------------------------------------------------------------

    def take(self, packet: bytes, source: Address, now: float) -> None:
        """A datagram has come from a source of this place, or for its name."""
        rtp = self._rtp
        if rtp is not None:
            rtp(packet, source, now)


class BrowserPort:
    """The sockets, bound when it is made: OSError if an address cannot be had.

    `also` are further local addresses with the same port, as of the other family. `dscp` (0-63) marks what we send
    (RFC 2474). Places come and go with calls.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        *,
        also: Sequence[str] = (),
        dscp: int = _EF,
    ) -> None:
        self._loop = loop
        self._sockets: list[socket.socket] = []
        self._sources: dict[Address, Place] = {}
        self._places: dict[str, Place] = {}
        self.strangers = 0
        """Datagrams from sources that no call knows, and that name none."""
        self.hosts = (host, *also)
        """The local addresses it listens at."""
        try:
            self._bind(host, port, dscp)
            self.number: int = self._sockets[0].getsockname()[1]
            for each in also:
                self._bind(each, self.number, dscp)
        except OSError:
            self.close()
            raise
        self._four, self._six = self._sender(socket.AF_INET), self._sender(socket.AF_INET6)

    def __len__(self) -> int:
        """Fragments and sources it knows: none after the last call."""
        return len(self._places) + len(self._sources)

    @property
    def places(self) -> int:
        """Places that are taken."""
        return len(set(self._places.values()))

    def place(self, ufrag: str) -> Place:
        """A place for the call whose descriptions name `ufrag`. Raises LocalProtocolError if that is taken."""
        made = Place(self, self.number)
        made.rename(ufrag)
        return made

    def give_back(self, place: Port) -> None:
        """The call is over."""
        place.close()

    def close(self) -> None:
        """Close the sockets; safe to call twice."""
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    # --- from the places ----------------------------------------------------------------------------------------------

    def call(self, place: Place, before: set[str], now: set[str]) -> None:
        """The place has other names. Raises LocalProtocolError if one is another's."""
        for name in now - before:
            if name in self._places:
                raise LocalProtocolError("two calls have drawn the same user fragment of ICE")
        for name in before - now:
            del self._places[name]
        for name in now - before:
            self._places[name] = place

    def settle(self, source: Address, place: Place) -> None:
        """What comes from `source` is for `place`."""
        former = self._sources.get(source)
        if former is not place:
            if former is not None:
                former.lose(source)
            self._sources[source] = place

    def forget(self, source: Address, place: Place) -> None:
        """A source of `place` is nobody's any more."""
        place.lose(source)
        self._sources.pop(source, None)

    # --- hot --------------------------------------------------------------------------------------------------------

    def send(self, packet: bytes, destination: Address) -> None:
        """Send now; OSError if the socket does not take it, or there is none of the family."""
        (self._six if ":" in destination[0] else self._four)(packet, destination)

    def _reader(self, sock: socket.socket) -> Callable[[], None]:
        receive, clock, find, take_check = sock.recvfrom, time.monotonic, self._sources.get, self._check

        singly = 0

        def read() -> None:
            # Many calls share the socket: when the loop is late, several datagrams wait, and have to get their share of
            # its time. Else a try for a second one would cost an exception each time.
            nonlocal singly
            for count in range(_MOST_AT_ONCE):
                try:
                    packet, source = receive(_LARGEST_DATAGRAM)
                except OSError:  # nothing more waits
                    singly = _SINGLY if count < 2 else 0
                    return
                source = source[:2]
                place = find(source)
                if place is None or packet[:1] <= b"\x03":
                    take_check(place, packet, source, clock())
                else:
                    place.take(packet, source, clock())
                if singly:
                    singly -= 1
                    return

        return read

    # --- rare -------------------------------------------------------------------------------------------------------

    def _check(self, place: Place | None, packet: bytes, source: Address, now: float) -> None:
        """STUN, or anything from nowhere. A check is for whom it names, wherever it comes from."""
        fragment = fragment_called(packet)
        if fragment is not None:
            place = self._places.get(fragment, place)
        if place is None:
            self.strangers += 1
        else:
            place.take(packet, source, now)

    def _sender(self, family: socket.AddressFamily) -> Callable[[bytes, Address], int]:
        return next((sock.sendto for sock in self._sockets if sock.family == family), _unreachable)

    def _bind(self, host: str, port: int, dscp: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sockets.append(sock)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        sock.bind((host, port))
        self._loop.add_reader(sock, self._reader(sock))


def _unreachable(packet: bytes, destination: Address) -> int:
    raise OSError(f"no socket of the family of {destination[0]}")
