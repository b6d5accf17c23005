"""The stream of a session: opened by the SDK on a connection of its own, closed within bounds."""

import asyncio
from dataclasses import dataclass
from typing import Any

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient  # type: ignore[import-untyped]
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig  # type: ignore[import-untyped]
from aws_sdk_bedrock_runtime.models import InvokeModelWithBidirectionalStreamOperationInput  # type: ignore[import-untyped]
from smithy_aws_core.identity import AWSCredentialsIdentity

from mediaproviders.aws.credentials import Pinned
from mediaproviders.aws.transport import CLOSE_S, Transport
from mediaproviders.nova_sonic import errors
from mediaproviders.nova_sonic.streams import Publisher, Receiver, StreamProtocol


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
            await transport.leave()
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
        return self._transport.breakage

    async def close(self) -> None:
        """Give the connection up, within a second."""
        await self._transport.leave()


async def _configuration(access: Access, transport: Transport) -> AsyncBedrockRuntimeConfig:
    return await AsyncBedrockRuntimeConfig.resolve(
        region=access.region,
        endpoint_uri=access.endpoint_url,
        transport=transport,
        protocol=StreamProtocol,
        aws_credentials_identity_resolver=Pinned(access.identity),
    )


async def _forget(stream: Any) -> None:
    """Take note of how an attempt ended that nobody waits for any more."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await stream.await_output()
    except (Exception, asyncio.CancelledError):
        pass
