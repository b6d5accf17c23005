"""The new SDKs' HTTP/2, for streams that flow both ways: a connection for each, one thread and trust store for all."""

import asyncio
from copy import copy
from os import PathLike, fspath
from typing import Any, Final, Self

from awscrt import io as crt_io
from awscrt.exceptions import AwsCrtError
from smithy_http.aio.crt import AWSCRTHTTPClient, AWSCRTHTTPClientConfig, AWSCRTHTTPResponse

from mediaproviders.contract import ProviderError

CLOSE_S: Final = 1.0
"""Patience for the end of what is being closed."""
_HEAD_S: Final = 0.1
"""An answer's head may be handed over just after the news that its stream is over."""


class Transport(AWSCRTHTTPClient):
    """One HTTP/2 connection for one stream; :meth:`another` shares its thread and trust store."""

    def __init__(self, ca_file: str | None = None) -> None:
        super().__init__(client_config=AWSCRTHTTPClientConfig(force_http_2=True))
        if ca_file is not None:
            options = crt_io.TlsContextOptions()
            options.override_default_trust_store_from_path(None, ca_file)
            self._tls_ctx = crt_io.ClientTlsContext(options)
        self._writer: asyncio.Task[None] | None = None
        self._building: set[asyncio.Future[Any]] = set()
        self._ended: asyncio.Future[int] | None = None

    def another(self) -> "Transport":
        """One with a connection of its own. A new one would read the trust store again, which takes 10 ms."""
        transport = copy(self)
        transport._connections, transport._writer, transport._ended = {}, None, None
        return transport

    @property
    def breakage(self) -> BaseException | None:
        """What broke the stream, of which reading it shows only an end."""
        ended = self._ended
        return ended.exception() if ended is not None and ended.done() and not ended.cancelled() else None

    async def leave(self) -> None:
        """Close the connection within a second, whatever is still under way."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.close()
        except Exception:
            # It is left in any case.
            pass

    async def close(self) -> None:
        """Close the connection; a request whose body is still being written is given up."""
        self._closed = True
        if self._writer is not None:
            self._writer.cancel()
        # Not the SDK's own: that closes once, but a connection may have been about to be made.
        connections, self._connections = self._connections, {}
        await asyncio.gather(*(each.close() for each in connections.values()), return_exceptions=True)
        if self._writer is not None:
            # It wants to say that the body ends, which a service that does not read never takes.
            await asyncio.wait((self._writer,))

    async def calm_down(self) -> None:
        """Wait a moment for connections that are being made for nobody."""
        if self._building:
            await asyncio.wait(tuple(self._building), timeout=CLOSE_S)

    def __deepcopy__(self, memo: Any) -> Self:
        # The SDK copies its configuration for every operation: the connection has to stay ours.
        return self

    async def _build_new_connection(self, url: Any) -> Any:
        # The transport cannot take it that nobody waits for a connection any more.
        building = asyncio.ensure_future(super()._build_new_connection(url))
        building.add_done_callback(_heed)
        self._building.add(building)
        building.add_done_callback(self._building.discard)
        try:
            return await asyncio.shield(building)
        except asyncio.CancelledError:
            building.add_done_callback(_discard)
            raise

    async def _await_response(self, stream: Any) -> AWSCRTHTTPResponse:
        # Writing to a stream that is over fails in a task nobody else looks at.
        self._writer = stream._writer
        self._writer.add_done_callback(_heed)
        self._ended = asyncio.ensure_future(stream.wait_for_completion())
        self._ended.add_done_callback(_heed)
        head = asyncio.ensure_future(super()._await_response(stream))
        try:
            await asyncio.wait((head, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if not head.done():
                await asyncio.wait((head,), timeout=_HEAD_S)
            # A stream that breaks before it is answered never has a head.
            return head.result() if head.done() else await _unanswered(self._ended)
        finally:
            head.cancel()


class Transports:
    """The transports of one adapter. `ca_file` replaces the system's trust store."""

    def __init__(self, ca_file: str | PathLike[str] | None = None) -> None:
        self._ca_file = None if ca_file is None else fspath(ca_file)
        self._first: Transport | None = None
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Read the trust store. Raises ProviderError."""
        await self._shared()

    async def another(self) -> Transport:
        """A transport for one stream. Raises ProviderError."""
        return (await self._shared()).another()

    async def close(self) -> None:
        """Give up what they share; each has been left by whoever used it."""
        first, self._first = self._first, None
        if first is not None:
            await first.calm_down()

    async def _shared(self) -> Transport:
        async with self._reading:
            if self._first is None:
                # Reading the trust store takes tens of milliseconds: once, and not on the loop.
                try:
                    self._first = await asyncio.to_thread(Transport, self._ca_file)
                except (OSError, AwsCrtError) as error:
                    said = f"ca_file: {error}"
                    raise ProviderError(said, code="invalid_configuration", retryable=False) from error
            return self._first


async def _unanswered(ended: asyncio.Future[int]) -> AWSCRTHTTPResponse:
    await ended
    raise ProviderError("the service ended the stream unanswered", code="connection_lost", retryable=True)


def _heed(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def _discard(built: asyncio.Future[Any]) -> None:
    if not built.cancelled() and built.exception() is None:
        # Closing begins at once; its end is nobody's business.
        asyncio.ensure_future(built.result().close())  # noqa: RUF006
