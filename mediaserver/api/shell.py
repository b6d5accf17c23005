"""HTTP on the wire: one listening socket in the server's own loop, and an end that holds up nobody."""

import asyncio
import logging
import ssl
import time
from email.utils import formatdate
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn.server import ServerState

from mediaserver.api.connection import Connection, config_of
from mediaserver.api.door import Door
from mediaserver.config.http import Http
from mediaserver.config.section import split_host

_GRACE_S: Final = 1.0
"""What responses under way get to end by themselves when the server stops."""
_CANCEL_S: Final = 1.0
_STEP_S: Final = 0.005
_ANY_PORT: Final = 0


class HttpShell:
    """Serves `app` as the settings say; `context` makes it HTTPS. Used once."""

    def __init__(self, app: ASGIApp, settings: Http, context: ssl.SSLContext | None = None) -> None:
        # Its warnings are of requests that are none, which anybody can send as many of as they like.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._settings = settings
        self._context = context
        self._state = ServerState()
        self._config = config_of(app, list(settings.proxies))
        self._door: Door | None = None
        self._clock: asyncio.TimerHandle | None = None
        self.moved = False
        """The usual port was taken, and it is another one."""
        self.address: tuple[str, int] = ("", 0)
        """Where it listens."""

    async def start(self) -> None:
        """Listen. Raises OSError if the address was chosen and cannot be had; from the usual one it moves away."""
        assert self._settings.address is not None
        host, port = split_host(self._settings.address)
        try:
            self._door = self._listen(host, port)
        except OSError:
            if self._settings.chosen:
                raise
            self._door = self._listen(host, _ANY_PORT)
            self.moved = True
        self.address = self._door.address
        self._tell_time()

    @property
    def connections(self) -> int:
        """Those that are open."""
        return len(self._state.connections)

    async def close(self) -> None:
        """No new connection; what is under way may end within a second, and is then cut off."""
        if self._door is None:
            return
        self._door.close()
        if self._clock is not None:
            self._clock.cancel()
        for connection in tuple(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_GRACE_S)
        for connection in tuple(self._state.connections):
            connection.transport.abort()
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._door.closed()
                await self._gone()
        except TimeoutError:
            pass
        # Whoever waits for a client has been told that it is gone; this is for the rest.
        if rest := set(self._state.tasks):
            for task in rest:
                task.cancel()
            await asyncio.wait(rest, timeout=_CANCEL_S)

    # --- within -------------------------------------------------------------------------------------------------------

    async def _gone(self) -> None:
        """Until the last connection is."""
        while self._state.connections:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(_STEP_S)

    def _listen(self, host: str, port: int) -> Door:
        loop, given = asyncio.get_running_loop(), self._settings

        def connection() -> Connection:
            return Connection(self._config, self._state, loop, given.connections, given.request_s)

        secure: dict[str, Any] = {}
        if self._context is not None:
            secure = {"ssl": self._context, "ssl_handshake_timeout": given.request_s, "ssl_shutdown_timeout": 1.0}
        return Door(host, port, connection, self._state.connections, given.connections, secure)

    def _tell_time(self) -> None:
        """The Date of responses (RFC 9110 6.6.1)."""
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
        self._clock = asyncio.get_running_loop().call_later(1.0, self._tell_time)
