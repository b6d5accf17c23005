"""How the sockets of SIP are made: family, marking, buffers, and what is given up when the far end is dead."""

import socket
from dataclasses import dataclass

from mediaserver.net.local_address import SCOPES, Address, family_of

CS3 = 24
"""The class of signalling (RFC 4594 section 4.2)."""
_BACKLOG = 512
_DATAGRAM_BUFFER = 1 << 22
_UNACKNOWLEDGED_MS = 30_000


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """`dscp` (0-63) marks what we send (RFC 2474). `reuse_port`: several processes may share a port."""

    dscp: int = CS3
    reuse_port: bool = False


def datagrams(address: Address, settings: SocketSettings) -> socket.socket:
    """A bound UDP socket. OSError that names the address if it cannot be had."""
    sock = _made(address[0], socket.SOCK_DGRAM, settings)
    # The more the system keeps the fewer are lost while we do something else; it gives what it allows.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DATAGRAM_BUFFER)
    return _bound(sock, address, settings, "udp")


def listening(address: Address, settings: SocketSettings) -> socket.socket:
    """A listening TCP socket; what it accepts inherits its options. OSError as for `datagrams`."""
    sock = _made(address[0], socket.SOCK_STREAM, settings)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _watched(sock)
    _bound(sock, address, settings, "tcp")
    sock.listen(_BACKLOG)
    return sock


def outgoing(remote: str, source: str | None, settings: SocketSettings) -> socket.socket:
    """A TCP socket to connect to `remote` with, from `source` if given. OSError if that is no address of ours."""
    sock = _made(remote, socket.SOCK_STREAM, settings)
    _watched(sock)
    if source is not None:
        try:
            sock.bind(SCOPES.full((source, 0)))
        except OSError:
            sock.close()
            raise
    return sock


def _made(host: str, kind: socket.SocketKind, settings: SocketSettings) -> socket.socket:
    family = family_of(host)
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    if family == socket.AF_INET6:
        # An address is an address: IPv4 peers do not come as ::ffff:192.0.2.1 here, they have a listener of their own.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, settings.dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, settings.dscp << 2)
    return sock


def _watched(sock: socket.socket) -> None:
    """A peer that is gone without a word is found out by what it does not acknowledge, in half a minute."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_USER_TIMEOUT", _UNACKNOWLEDGED_MS)):
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _bound(sock: socket.socket, address: Address, settings: SocketSettings, kind: str) -> socket.socket:
    try:
        if settings.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        host, _, scope = address[0].partition("%")
        if scope:
            SCOPES.learn(host, int(scope) if scope.isdigit() else socket.if_nametoindex(scope))
        sock.bind(SCOPES.full((host, address[1])))
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno, f"cannot listen on {kind} {address[0]} port {address[1]}: {error.strerror}"
        ) from None
    return sock
