"""A WebSocket connection that is written to without waiting."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.protocol import State

from mediaproviders.websocket import frame

MOST_BYTES: Final = 16 * 1024 * 1024
"""The longest message taken; nothing sensible comes near it."""
WRITE_BYTES: Final = 8192
"""Congestion begins here. What is in the socket cannot be dropped any more, so it is short."""
STALL_S: Final = 10.0
"""A congested socket that takes nothing for so long is lost."""
PING_S: Final = 10.0
CLOSE_S: Final = 1.0
"""Patience for the closing handshake."""


class Wire(ClientConnection):
    """A WebSocket that can be written to from plain code while it is not congested.

    The `send` of the library and of the SDKs is a coroutine: it needs a task, woken for every 20 ms of audio. Its
    ingredients are public: the sans-I/O `protocol`, and the flow control of :class:`asyncio.Protocol`.
    """

    on_ready: Callable[[], None] | None = None
    """Told when a congestion is over."""
    _congested = False
    _stall: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Open, and not congested."""
        # A transport knows of a reset before the protocol is told; uvloop's raises when written to in between.
        return not self._congested and self.protocol.state is State.OPEN and not self.transport.is_closing()

    def write(self, message: bytes) -> None:
        """Send one text message; only while :attr:`ready`."""
        protocol = self.protocol
        if protocol.extensions or protocol.expect_continuation_frame:
            protocol.send_text(message)
            self.send_data()
        else:
            self.transport.write(frame.text(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        super().connection_made(transport)
        # The system's own send buffer grows to megabytes: minutes of audio that would all be heard late.
        if hasattr(socket, "TCP_NOTSENT_LOWAT") and (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_BYTES)

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        super().pause_writing()
        self._congested = True
        self._stall = self.loop.call_later(STALL_S, self.abort)

    def resume_writing(self) -> None:
        """The congestion is over."""
        super().resume_writing()
        self._congested = False
        self._calm()
        if self.on_ready is not None:
            self.on_ready()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._calm()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Drop the connection without a word."""
        self.transport.abort()

    async def leave(self) -> None:
        """Close; the peer has two seconds to take note of it."""
        self.on_ready = None
        try:
            # A close frame has to queue behind what a congested peer does not read.
            if self.ready:
                async with asyncio.timeout(2 * CLOSE_S):
                    await self.close()
        except Exception:
            # It is left in any case.
            pass
        finally:
            self.abort()

    def _calm(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
