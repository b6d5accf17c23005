"""When a socket can be read or written, on an event loop that bears no errors on sockets."""

import asyncio
import select
import socket
from collections.abc import Callable


class Readiness:
    """Calls `readable` when there is something to read or an error to take, and `writable` while that is wanted.

    By an epoll of its own where there is one, which the loop watches in the socket's place: libuv, which uvloop stands
    on, gives a socket up for good at the first error that it shows.
    """

    def __init__(self, sock: socket.socket, readable: Callable[[], None], writable: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._readable = readable
        self._writable = writable
        self._writing = False
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        if self._epoll is None:
            self._loop.add_reader(sock, readable)
        else:
            self._epoll.register(sock, select.EPOLLIN)
            self._loop.add_reader(self._epoll, self._ready)

    def write(self, *, wanted: bool) -> None:
        """Whether `writable` is to be called."""
        if wanted == self._writing or (self._epoll is not None and self._epoll.closed):
            return
        self._writing = wanted
        if self._epoll is not None:
            self._epoll.modify(self._sock, select.EPOLLIN | (select.EPOLLOUT if wanted else 0))
        elif wanted:
            self._loop.add_writer(self._sock, self._writable)
        else:
            self._loop.remove_writer(self._sock)

    def close(self) -> None:
        """Call nobody any more; before the socket is closed."""
        if self._epoll is None:
            self._loop.remove_reader(self._sock)
            self._loop.remove_writer(self._sock)
        elif not self._epoll.closed:
            self._loop.remove_reader(self._epoll)
            self._epoll.close()

    def _ready(self) -> None:
        if not self._writing or self._epoll is None:
            self._readable()
            return
        for _, events in self._epoll.poll(0):
            if events & ~select.EPOLLOUT:
                self._readable()
            if events & select.EPOLLOUT and self._writing:
                self._writable()
