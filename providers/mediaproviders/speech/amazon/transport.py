"""A connection of the new SDKs' HTTP/2 client: trusted as one likes, told of its stream's end, closed within bounds."""

import asyncio
from copy import copy
from typing import Any, Final, Self

from awscrt import io as crt_io
from smithy_http.aio.crt import AWSCRTHTTPClient, AWSCRTHTTPResponse

from mediaproviders.contract import ProviderError

CLOSE_S: Final = 1.0
_HEAD_S: Final = 0.1
"""An answer's head may be handed over just after the news that its stream is over."""


class Transport(AWSCRTHTTPClient):
    """One HTTP/2 connection for one stream; all of them share the thread and the trust store of the first."""

    def __init__(self, ca_file: str | None = None) -> None:
        super().__init__()
        if ca_file is not None:
            options = crt_io.TlsContextOptions()
            options.override_default_trust_store_from_path(None, ca_file)
            self._tls_ctx = crt_io.ClientTlsContext(options)
        self._writer: asyncio.Task[None] | None = None
        self._ended: asyncio.Future[int] | None = None

    def another(self) -> "Transport":
        """One with a connection of its own."""
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
                if self._writer is not None:
                    self._writer.cancel()
                    await asyncio.wait((self._writer,))
                connections = tuple(self._connections.values())
                self._connections.clear()
                await asyncio.gather(*(connection.close() for connection in connections), return_exceptions=True)
        except Exception:
            # It is left in any case.
            pass

    def __deepcopy__(self, memo: Any) -> Self:
        # The SDK copies its configuration for every operation: the connection has to stay ours.
        return self

    async def _await_response(self, stream: Any) -> AWSCRTHTTPResponse:
        # Both fail in places nobody else looks at.
        self._writer = stream._writer
        self._writer.add_done_callback(_heed)
        self._ended = asyncio.ensure_future(stream.wait_for_completion())
        self._ended.add_done_callback(_heed)
        head = asyncio.ensure_future(super()._await_response(stream))
        try:
            await asyncio.wait((head, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if not head.done():
                await asyncio.wait((head,), timeout=_HEAD_S)
            if head.done():
                return head.result()
            # A stream that breaks before it is answered never has a head.
            await self._ended
            raise ProviderError("the service ended the stream unanswered", code="connection_lost", retryable=True)
        finally:
            head.cancel()


def _heed(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()
