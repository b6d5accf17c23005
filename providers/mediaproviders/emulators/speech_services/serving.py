"""An HTTP application on a real socket for as long as a context lasts; connections can be cut in the middle."""

import asyncio
import socket
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mediaproviders.emulators.reset import reset


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # With the protocol named: asyncio leaves Nagle's algorithm on where it is not, and pieces come 40 ms late.
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


class GoneError(Exception):
    """The client has left."""


class Waiting:
    """Sleeps on behalf of a client whose request has been read, as long as it stays."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def sleep(self, seconds: float) -> None:
        """Raises GoneError as soon as it has left."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._request.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return
        raise GoneError


class HttpServer:
    """Serves `app` at `host` and `port`; 0: any free one."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host = host
        self._wanted_port = port
        self._server = uvicorn.Server(
            uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, http=H11Protocol, ws="none")
        )
        self._stopped = asyncio.Event()

    @property
    def port(self) -> int:
        """The port it listens at. Raises RuntimeError unless it is started."""
        if not self._server.started:
            raise RuntimeError("the emulator is not running")
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises OSError."""
        # uvicorn's own loop watches for signals, which are not an emulator's business.
        listening = _listening(self._host, self._wanted_port)
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=[listening])

    async def close(self) -> None:
        """Stop at once, whatever is under way; safe without `start`."""
        self._stopped.set()
        if not self._server.started:
            return
        self._server.started = False
        for server in self._server.servers:
            server.close()
        state = self._server.server_state
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self._server.servers:
            await server.wait_closed()

    async def serve_forever(self) -> None:
        """Wait until it is closed."""
        await self._stopped.wait()

    def reset(self, client: tuple[str, int] | None) -> None:
        """Cut the TCP connection to `client` (the scope's) with a reset."""
        for connection in list(self._server.server_state.connections):
            transport: Any = connection.transport
            if transport.get_extra_info("peername") == client:
                reset(transport)
