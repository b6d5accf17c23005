"""The socket of a session: opened by the SDK, configured before anyone uses it, written to without waiting."""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from ssl import SSLContext
from typing import Any, Final, cast
from urllib.parse import urlsplit

from openai import AsyncOpenAI, Omit
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.asyncio.client import ClientConnection
from websockets.protocol import State

from mediaproviders.contract import ProviderError
from mediaproviders.openai_realtime import commands, errors
from mediaproviders.openai_realtime.dialects import EXPIRED, Dialect
from mediaproviders.openai_realtime.events import MalformedError, Opened, ServerError, SessionUpdated, read
from mediaproviders.openai_realtime.uplink import Uplink

MOST_BYTES: Final = 16 * 1024 * 1024
"""The longest message taken; nothing sensible comes near it."""
WRITE_BYTES: Final = 8192
"""Congestion begins here: half a second of G.711. What is in the socket cannot be dropped any more, so it is short."""
STALL_S: Final = 10.0
"""A congested socket that takes nothing for so long is lost."""
PING_S: Final = 10.0
CLOSE_S: Final = 1.0
"""Patience for the closing handshake."""


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


class Wire(ClientConnection):
    """A WebSocket that can be written to from plain code while it is not congested.

    The SDK's `send_raw` and the library's `send` are coroutines: they need a task, woken for every 20 ms of audio.
    Their ingredients are public: the sans-I/O `protocol`, and the flow control of :class:`asyncio.Protocol`.
    """

    uplink: Uplink | None = None
    """What to flush when the congestion is over."""
    stalled = False
    """It was given up because the peer did not read."""
    _congested = False
    _stall: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Open, and not congested."""
        # A transport knows of a reset before the protocol is told; uvloop's raises when written to in between.
        return not self._congested and self.state is State.OPEN and not self.transport.is_closing()

    def write(self, message: bytes) -> None:
        """Send one text message; only while :attr:`ready`."""
        self.protocol.send_text(message)
        self.send_data()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection stands."""
        super().connection_made(transport)
        # The system's own send buffer grows to megabytes: minutes of audio that would all be heard late.
        if hasattr(socket, "TCP_NOTSENT_LOWAT") and (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_BYTES)

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        super().pause_writing()
        self._congested = True
        self._stall = self.loop.call_later(STALL_S, self._give_up)

    def resume_writing(self) -> None:
        """The congestion is over."""
        super().resume_writing()
        self._congested = False
        self._calm()
        if self.uplink is not None:
            self.uplink.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._calm()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Drop the TCP connection without a word."""
        self.transport.abort()

    def _give_up(self) -> None:
        self.stalled = True
        self.abort()

    def _calm(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class Link:
    """One connection to the service, configured and ready to speak."""

    def __init__(self, connection: AsyncRealtimeConnection, wire: Wire, dialect: Dialect) -> None:
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
        self.wire.uplink = None
        try:
            # A close frame has to queue behind what a congested peer does not read.
            if self.wire.ready:
                async with asyncio.timeout(2 * CLOSE_S):
                    await self._connection.close()
        except Exception:
            # It is left in any case.
            pass
        finally:
            self.wire.abort()

    @classmethod
    async def _connect(cls, access: Access) -> "Link":
        wires: list[Wire] = []

        def create_wire(*args: Any, **kwargs: Any) -> Wire:
            wires.append(Wire(*args, **kwargs))
            return wires[-1]

        options: dict[str, object] = {
            "create_connection": create_wire,
            "compression": None,
            "max_size": MOST_BYTES,
            "write_limit": WRITE_BYTES,
            "ping_interval": PING_S,
            "ping_timeout": PING_S,
            "open_timeout": access.open_timeout_s,
            "close_timeout": CLOSE_S,
        }
        base_url = str(access.client.websocket_base_url or access.client.base_url)
        if is_loopback(base_url):
            options["proxy"] = None
        if access.tls is not None and base_url.startswith(("https:", "wss:")):
            options["ssl"] = access.tls
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


def is_loopback(url: str) -> bool:
    """The URL leads to this machine, so no proxy may stand between."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
