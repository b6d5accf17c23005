"""A connection of a browser: uvicorn's, with an end to its patience, and to how many there are.

uvicorn waits for ever for the rest of a request's head, and for a client to read on; whoever opens connections and
does neither would in the end leave none for others.
"""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


class Connection(H11Protocol):
    """One of at most `most`, which gets `patience_s` for each step that it has to take."""

    def __init__(self, config: Config, state: ServerState, loop: asyncio.AbstractEventLoop, most: int,
                 patience_s: float) -> None:  # fmt: skip
        super().__init__(config, state, {}, loop)
        self._most = most
        self._patience_s = patience_s
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has come."""
        if len(self.connections) >= self._most:
            transport.abort()
        super().connection_made(transport)
        self._reading = self.loop.call_later(self._patience_s, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Some more of a request."""
        super().data_received(data)
        self._wait()

    def pause_writing(self) -> None:
        """The client does not read on."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(self._patience_s, self._give_up)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _wait(self) -> None:
        """Have an eye on a head that has begun, and on the rest of a body that nobody wants any more."""
        pending = self.conn.their_state is h11.IDLE or (
            self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete
        )
        if pending and self._reading is None:
            self._reading = self.loop.call_later(self._patience_s, self._give_up)
        elif not pending and self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        self._reading = self._writing = None
        self.transport.abort()


def config_of(app: Any, proxies: list[str]) -> Config:
    """The part of uvicorn: no log of accesses, no signals, no lifespan; what `proxies` say of a client is believed."""
    config = Config(
        app,
        loop="none",
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_keep_alive=5,
        h11_max_incomplete_event_size=32 * 1024,
    )
    config.load()
    return config
