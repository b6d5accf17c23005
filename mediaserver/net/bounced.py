"""Datagrams that came back as ICMP errors (RFC 3261 18.4): Linux keeps those of a socket in a queue, if asked to."""

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT

from mediaserver.net.local_address import Address

_OPTIONS = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}
"""IP_RECVERR and IPV6_RECVERR of linux/in.h and in6.h, which Python's socket module does not name."""
_EXTENDED_ERROR = struct.Struct("=IB")
"""How sock_extended_err begins: the error number, and who says so."""
_FROM_ICMP = (2, 3)
_UNREACHABLE = frozenset({ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT})
_QUOTED, _ANCILLARY = 2048, 512
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Bounced:
    """A datagram of ours that did not arrive: as much of it as the ICMP error quotes, and where it was sent.

    Anybody can make up such an error; who relies on it looks for something in the quote that others cannot know.
    """

    quoted: bytes
    remote: Address
    error: int
    """As in `errno`."""


def watch(sock: socket.socket) -> None:
    """Have the system keep the errors of a UDP socket; where it cannot, there are none to take.

    From now on sending and receiving may raise the error of an earlier datagram, once.
    """
    if sys.platform == "linux":
        level, option = _OPTIONS[sock.family]
        with contextlib.suppress(OSError):
            sock.setsockopt(level, option, 1)


def take(sock: socket.socket) -> Iterator[Bounced]:
    """Some of what the system has kept."""
    if sys.platform != "linux":
        return
    for _ in range(_BATCH):
        try:
            quoted, ancillary, _, remote = sock.recvmsg(_QUOTED, _ANCILLARY, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, said in ancillary:
            if (level, kind) == _OPTIONS[sock.family] and len(said) >= _EXTENDED_ERROR.size:
                error, origin = _EXTENDED_ERROR.unpack_from(said)
                if origin in _FROM_ICMP and error in _UNREACHABLE and len(remote) >= 2:
                    yield Bounced(quoted, (remote[0].partition("%")[0], remote[1]), error)
