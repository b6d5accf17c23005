"""The stream of a session: opened by the SDK on a connection of its own, closed within bounds."""

import asyncio
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, Self

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient  # type: ignore[import-untyped]
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig  # type: ignore[import-untyped]
from aws_sdk_bedrock_runtime.models import InvokeModelWithBidirectionalStreamOperationInput  # type: ignore[import-untyped]
from awscrt import io as crt_io
from smithy_aws_core.identity import AWSCredentialsIdentity, AWSIdentityProperties
from smithy_core.aio.interfaces.identity import IdentityResolver
from smithy_http.aio.crt import AWSCRTHTTPClient, AWSCRTHTTPClientConfig, AWSCRTHTTPResponse

from mediaproviders.contract import ProviderError
from mediaproviders.nova_sonic import errors
from mediaproviders.nova_sonic.streams import Publisher, Receiver, StreamProtocol

CLOSE_S: Final = 1.0
"""Patience for the service's end of a stream that we ended, and again for the connection's."""


class Transport(AWSCRTHTTPClient):
    """One HTTP/2 connection; all of them share the thread and the trust store of the first."""

    def __init__(self, ca_file: str | None = None) -> None:
        super().__init__(client_config=AWSCRTHTTPClientConfig(force_http_2=True))
        if ca_file is not None:
            options = crt_io.TlsContextOptions()
            options.override_default_trust_store_from_path(None, ca_file)
            self._tls_ctx = crt_io.ClientTlsContext(options)
        self._writer: asyncio.Task[None] | None = None
        self._building: set[asyncio.Future[Any]] = set()
        self.ended: asyncio.Future[int] | None = None
        """How the stream ended: with a status, or with an error that reading it does not show."""

    def another(self) -> "Transport":
        """One with a connection of its own. A new one would read the trust store again, which takes 10 ms."""
        transport = copy(self)
        transport._connections, transport._writer, transport.ended = {}, None, None
        return transport

    async def close(self) -> None:
        """Close the connection; a request whose body is still being written is given up."""
        if self._writer is not None:
            self._writer.cancel()
        await super().close()
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
        self.ended = asyncio.ensure_future(stream.wait_for_completion())
        self.ended.add_done_callback(_heed)
        head = asyncio.ensure_future(super()._await_response(stream))
        try:
            # A stream that breaks before it is answered never has a head.
            await asyncio.wait((head, self.ended), return_when=asyncio.FIRST_COMPLETED)
            if not head.done():
                await asyncio.wait((head,), timeout=0.1)
            return head.result() if head.done() else await self._broken(self.ended)
        finally:
            head.cancel()

    async def _broken(self, ended: asyncio.Future[int]) -> AWSCRTHTTPResponse:
        await ended
        raise ProviderError("the provider ended the stream unanswered", code="connection_lost", retryable=True)


def _heed(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


def _discard(built: asyncio.Future[Any]) -> None:
    if not built.cancelled() and built.exception() is None:
        # Closing begins at once; its end is nobody's business.
        asyncio.ensure_future(built.result().close())  # noqa: RUF006


class _Pinned(IdentityResolver[AWSCredentialsIdentity, AWSIdentityProperties]):
    """The credentials a stream began with. Its events are signed in a chain that other ones would break."""

    def __init__(self, identity: AWSCredentialsIdentity) -> None:
        self._identity = identity

    async def get_identity(self, *, properties: AWSIdentityProperties) -> AWSCredentialsIdentity:
        return self._identity


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in."""

    region: str
    endpoint_url: str | None
    identity: AWSCredentialsIdentity
    model: str
    open_timeout_s: float


class Link:
    """An open stream."""

    def __init__(self, transport: Transport, publisher: Publisher, receiver: Receiver) -> None:
        self._transport = transport
        self.publisher = publisher
        self._receiver = receiver

    @classmethod
    async def open(cls, access: Access, transport: Transport, first: list[bytes]) -> "Link":
        """Open a stream; `first` are the events the service wants to see before it answers. Raises ProviderError."""
        stream: Any = None
        try:
            async with asyncio.timeout(access.open_timeout_s):
                client = AsyncBedrockRuntimeClient(config=await _configuration(access, transport))
                stream = await client.invoke_model_with_bidirectional_stream(
                    InvokeModelWithBidirectionalStreamOperationInput(model_id=access.model)
                )
                for event in first:
                    await stream.input_stream.send(event)
                _, receiver = await stream.await_output()
            return cls(transport, stream.input_stream, receiver)
        except BaseException as error:
            await _close(transport)
            if stream is not None:
                await _forget(stream)
            if isinstance(error, Exception):
                raise errors.from_exception(error, opening=True) from error
            raise

    async def receive(self) -> bytes | None:
        """The next event; None at the end. Raises the SDK's exceptions."""
        return await self._receiver.receive()

    @property
    def breakage(self) -> BaseException | None:
        """What broke the stream, of which reading it shows only an end."""
        ended = self._transport.ended
        return ended.exception() if ended is not None and ended.done() and not ended.cancelled() else None

    async def close(self) -> None:
        """Give the connection up, within a second."""
        await _close(self._transport)


async def _configuration(access: Access, transport: Transport) -> AsyncBedrockRuntimeConfig:
    return await AsyncBedrockRuntimeConfig.resolve(
        region=access.region,
        endpoint_uri=access.endpoint_url,
        transport=transport,
        protocol=StreamProtocol,
        aws_credentials_identity_resolver=_Pinned(access.identity),
    )


async def _close(transport: Transport) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await transport.close()
    except Exception:
        # It is left in any case.
        pass


async def _forget(stream: Any) -> None:
    """Take note of how an attempt ended that nobody waits for any more."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await stream.await_output()
    except (Exception, asyncio.CancelledError):
        pass
