"""The opening of a session: the SDK finds the way in, authenticates and configures; from then on the socket is ours."""

import asyncio
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Any, Final

from google.genai import Client, types
from google.genai.live import AsyncSession

from mediaproviders.gemini_live import errors
from mediaproviders.gemini_live.events import MalformedError, SetupComplete, read
from mediaproviders.websocket import CLOSE_S, MOST_BYTES, PING_S, WRITE_BYTES, Wire

_made: ContextVar[list[Wire]] = ContextVar("wires made by the SDK on our behalf")


def _make(*args: Any, **kwargs: Any) -> Wire:
    wire = Wire(*args, **kwargs)
    _made.get().append(wire)
    return wire


SOCKET: Final[dict[str, object]] = {
    "create_connection": _make,
    "compression": None,
    "max_size": MOST_BYTES,
    "write_limit": WRITE_BYTES,
    "ping_interval": PING_S,
    "ping_timeout": PING_S,
    "close_timeout": CLOSE_S,
}
"""What the SDK is to tell the WebSocket library, as `async_client_args`."""


class Link:
    """One connection to the service, configured and ready to speak."""

    def __init__(self, entered: AbstractAsyncContextManager[AsyncSession], wire: Wire) -> None:
        self._entered = entered
        self.wire = wire

    @classmethod
    async def open(cls, client: Client, model: str, setup: types.LiveConnectConfig, timeout_s: float) -> "Link":
        """Connect and configure, all within the deadline. Raises ProviderError.

        `client` was made with :data:`SOCKET`.
        """
        link: Link | None = None
        wires: list[Wire] = []
        _made.set(wires)
        try:
            async with asyncio.timeout(timeout_s):
                entered = client.aio.live.connect(model=model, config=setup)
                session = await entered.__aenter__()
                link = cls(entered, wires[-1])
                if session.setup_complete is None:
                    await link._configured()
            return link
        except BaseException as error:
            if link is not None:
                await link.close()
            if isinstance(error, Exception):
                raise errors.from_exception(error) from error
            raise

    async def receive(self) -> bytes:
        """The next message. Raises websockets' ConnectionClosed. May be cancelled without losing one."""
        return await self.wire.recv(decode=False)

    async def close(self) -> None:
        """Leave; the peer has two seconds to take note of it."""
        await self.wire.leave()
        # The socket is closed already; this only lets the SDK's generator come to its end.
        await self._entered.__aexit__(None, None, None)

    async def _configured(self) -> None:
        """The service said something else first."""
        while True:
            try:
                signals = read(await self.receive())
            except MalformedError:
                continue
            if any(isinstance(each, SetupComplete) for each in signals):
                return
