"""Ports of loopback for whoever takes part, below the range that the system hands out by itself: they stay free."""

import contextlib
import os
import socket

_FIRST, _LAST = 10_000, 19_998
_MEDIA_FIRST, _MEDIA_LAST, _MEDIA_EACH = 20_000, 31_998, 400


class Ports:
    """Hands out each port once in a run. Where another process has one, it is passed over."""

    def __init__(self) -> None:
        self._next = _FIRST + os.getpid() * 64 % (_LAST - _FIRST) // 2 * 2
        self._media = _MEDIA_FIRST + os.getpid() % 7 * _MEDIA_EACH

    def one(self) -> int:
        """An even port, free for UDP and TCP, and so are the three above it: SIPp takes them for media."""
        while True:
            port, self._next = self._next, self._next + 4
            if self._next > _LAST - 4:
                self._next = _FIRST
            if all(_free(each) for each in range(port, port + 4)):
                return port

    def media(self) -> tuple[int, int]:
        """The first and last port of a server's media."""
        first = self._media
        self._media += _MEDIA_EACH
        if self._media + _MEDIA_EACH > _MEDIA_LAST:
            self._media = _MEDIA_FIRST
        return first, first + _MEDIA_EACH - 1


def _free(port: int) -> bool:
    with contextlib.ExitStack() as held:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            try:
                held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def listens(port: int, transport: str) -> bool:
    """Whether somebody has bound this port, as the kernel says."""
    kinds = ("udp", "udp6") if transport.startswith("udp") else ("tcp", "tcp6")
    wanted = f":{port:04X}"
    for kind in kinds:
        with open(f"/proc/net/{kind}") as table:
            next(table)
            for line in table:
                _, local, remote, state, *_ = line.split()
                if local.endswith(wanted) and (kind.startswith("udp") or state == "0A") and remote.endswith(":0000"):
                    return True
    return False
