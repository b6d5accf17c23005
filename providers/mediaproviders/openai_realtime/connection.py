"""The socket of a session: opened by the SDK, configured before anyone uses it, written to without waiting."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, cast

from openai import AsyncOpenAI, Omit
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from mediaproviders.contract import ProviderError
from mediaproviders.openai_realtime import commands, errors
from mediaproviders.openai_realtime.dialects import EXPIRED, Dialect
from mediaproviders.openai_realtime.events import MalformedError, Opened, ServerError, SessionUpdated, read
from mediaproviders.websocket import CLOSE_S, MOST_BYTES, PING_S, WRITE_BYTES, Wire, way_to


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in: the SDK's client, the model, and what is wanted of the connection."""

    client: AsyncOpenAI
    dialect: Dialect
    model: str
    session: dict[str, object]
    open_timeout_s: float = 10.0
    extra_headers: Mapping[str, str | Omit] = field(default_factory=dict)
    tls: SSLContext | None = None


class Socket(Wire):
    """A wire that knows whether it was given up because the peer did not read."""

    stalled = False

    def abort(self) -> None:
        """Drop the connection without a word."""
        # Besides us, who take `on_ready` away before we leave, only the watch over a congestion does this.
        self.stalled = self.on_ready is not None
        super().abort()


class Link:
    """One connection to the service, configured and ready to speak."""

    def __init__(self, connection: AsyncRealtimeConnection, wire: Socket, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self.wire = wire

    @classmethod
    async def open(cls, access: Access) -> "Link":
        """Connect and configure, all within the deadline. Raises ProviderError."""
        link: Link | None = None
        try:
            async with asyncio.timeout(access.open_timeout_s):
                link = await cls._connect(access)
                await link._configure(access.session)
            return link
        except BaseException as error:
            if link is not None:
                await link.close()
            if isinstance(error, Exception):
                raise errors.from_exception(error) from error
            raise

    async def receive(self) -> bytes:
        """The next message. Raises websockets' ConnectionClosed."""
        return await self._connection.recv_bytes()

    async def close(self) -> None:
        """Leave; the peer has two seconds to take note of it."""
        await self.wire.leave()

    @classmethod
    async def _connect(cls, access: Access) -> "Link":
        wires: list[Socket] = []

        def create_wire(*args: Any, **kwargs: Any) -> Socket:
            wires.append(Socket(*args, **kwargs))
            return wires[-1]

        base_url = str(access.client.websocket_base_url or access.client.base_url)
        options: dict[str, object] = {
            "create_connection": create_wire,
            "compression": None,
            "max_size": MOST_BYTES,
            "write_limit": WRITE_BYTES,
            "ping_interval": PING_S,
            "ping_timeout": PING_S,
            "open_timeout": access.open_timeout_s,
            "close_timeout": CLOSE_S,
            **way_to(base_url, access.tls),
        }
        manager = access.client.realtime.connect(
            model=access.model,
            extra_headers=dict(access.extra_headers),
            websocket_connection_options=cast(Any, options),
        )
        connection = await manager.enter()
        return cls(connection, wires[-1], access.dialect)

    async def _configure(self, session: dict[str, object]) -> None:
        opens = self._dialect.opens
        await self._until(lambda happening: isinstance(happening, Opened) and happening.event in opens)
        await self._connection.send_raw(commands.update_session(session).decode())
        # Audio sent earlier would be heard in the default format.
        await self._until(lambda happening: isinstance(happening, SessionUpdated))

    async def _until(self, awaited: Callable[[object], bool]) -> None:
        while True:
            try:
                happening = read(await self.receive())
            except MalformedError as fault:
                raise ProviderError(str(fault), code="protocol", retryable=True) from fault
            if awaited(happening):
                return
            if isinstance(happening, ServerError):
                raise refusal(happening, self._dialect)


def refusal(error: ServerError, dialect: Dialect) -> ProviderError:
    """An error before the session stands: what we asked for does not suit, unless it is the service's own trouble."""
    code = dialect.code_of(error.code, error.message)
    retryable = code in ("server_error", "rate_limit_exceeded", EXPIRED)
    return ProviderError(f"{code}: {error.message}", code=code, retryable=retryable)
