"""The door of HTTP: so many come in and no more, those included with whom a TLS handshake is under way.

A listener of asyncio's takes on handshakes without end, each with a file of the process: whoever connects and says
nothing would in the end leave none for calls.
"""

import asyncio
import socket
from collections.abc import Callable, Set
from typing import Any, Final

from mediaserver.api.connection import Connection

_BACKLOG: Final = 128
_AT_ONCE: Final = 32
"""Taken in before others have their turn."""
_AGAIN_S: Final = 1.0
"""After the process had no file left for one more."""


class Door:
    """Listens, from the beginning; OSError if the address cannot be had.

    Whoever comes is a connection that `make` makes, while those that are `open` and those on the way are fewer than
    `most`. `secure` are asyncio's words for TLS; none: there is none.
    """

    def __init__(
        self,
        host: str,
        port: int,
        make: Callable[[], Connection],
        is_open: Set[Any],
        most: int,
        secure: dict[str, Any],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._make = make
        self._open = is_open
        self._most = most
        self._secure = secure
        self._coming: dict[Connection, asyncio.Task[None]] = {}
        self._again: asyncio.TimerHandle | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        """Where it listens."""
        self._listen()

    def close(self) -> None:
        """Let nobody in any more, nor those with whom a handshake is under way; safe to call twice."""
        if self._again is not None:
            self._again.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()
        for task in self._coming.values():
            task.cancel()

    async def closed(self) -> None:
        """Until nothing is left of those who were on the way."""
        if self._coming:
            await asyncio.wait(self._coming.values())

    # --- within -------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._again = None
        self._loop.add_reader(self._socket, self._come)

    def _come(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no file is left, and whoever waits would be announced again at once
                self._loop.remove_reader(self._socket)
                self._again = self._loop.call_later(_AGAIN_S, self._listen)
                return
            if len(self._coming.keys() | self._open) >= self._most:
                client.close()
                continue
            connection = self._make()
            self._coming[connection] = self._loop.create_task(self._welcome(connection, client))

    async def _welcome(self, connection: Connection, client: socket.socket) -> None:
        try:
            client.setblocking(False)
            await self._loop.connect_accepted_socket(lambda: connection, client, **self._secure)
        except OSError:
            pass  # gone, or there was no handshake: nobody has come
        finally:
            del self._coming[connection]
