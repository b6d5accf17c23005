"""The provider: what it can do, and the opening of a session."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from os import PathLike
from typing import Final, Literal

from mediaproviders.aws.credentials import Account, Credentials
from mediaproviders.aws.transport import Transports
from mediaproviders.contract import (
    PCM16_8K,
    PCM16_16K,
    PCM16_24K,
    AudioFormat,
    Brief,
    Conversation,
    ProviderError,
    Traits,
)
from mediaproviders.nova_sonic import configuration
from mediaproviders.nova_sonic.connection import Access
from mediaproviders.nova_sonic.conversation import Limits, NovaConversation

type Generation = Literal[1, 2]
type Cue = Callable[[AudioFormat], Awaitable[bytes]]

CONNECTION_S: Final = 480.0
"""The service's limit on a stream."""


def traits_of(generation: Generation = 2, *, uplink_ms: int = 60, can_greet: bool = True) -> Traits:
    """What a model of that generation can do. The first one speaks only when it is spoken to."""
    second = generation > 1
    return Traits(
        input_formats=(PCM16_8K, PCM16_16K, PCM16_24K),
        output_formats=(PCM16_8K, PCM16_16K, PCM16_24K),
        server_vad=True,
        hears_speech_start=False,
        can_truncate=False,
        can_cancel=False,
        reversible_interrupt=False,
        text_output=False,
        can_update_instructions=False,
        can_update_tools=False,
        max_connection_s=CONNECTION_S,
        resume="replay",
        greeting="response" if second or can_greet else "none",
        uplink_ms=uplink_ms,
        text_input=second,
    )


class NovaSonic:
    """Amazon Nova Sonic.

    Without keys, credentials come from boto3's chain, of `profile` if one is named. `generation` is that of the models
    it is used for: one of the first has to be spoken to before it speaks, so that its greeting needs a `cue`, a
    coroutine function that gives a spoken sentence asking it to begin, in the format it is called with. `ca_file`
    replaces the system's trust store. `queue_ms` bounds the caller audio kept while the service does not read.
    """

    def __init__(
        self,
        region: str | None = None,
        *,
        endpoint_url: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
        generation: Generation = 2,
        cue: Cue | None = None,
        uplink_ms: int = 60,
        queue_ms: int = 2000,
        open_timeout_s: float = 10.0,
        connection_s: float = CONNECTION_S,
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._credentials = Credentials(Account(region, access_key_id, secret_access_key, session_token, profile))
        self._generation, self._cue = generation, cue
        self._limits = Limits(uplink_ms, queue_ms, connection_s)
        self._open_timeout_s = open_timeout_s
        self._transports = Transports(ca_file)
        traits = traits_of(generation, uplink_ms=uplink_ms, can_greet=cue is not None)
        self._traits = replace(traits, max_connection_s=connection_s)

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._traits

    async def start(self) -> None:
        """Read the trust store, and find region and credentials. Raises ProviderError."""
        await self._access("")
        await self._transports.start()

    async def close(self) -> None:
        """Give up what sessions share."""
        await self._transports.close()

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; entering completes when it is configured.

        Raises ProviderError, also for a brief that cannot be served.
        """
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        try:
            setup = configuration.setup(brief, self._generation, cued=self._cue is not None and self._generation == 1)
        except ValueError as faults:
            raise ProviderError(str(faults), code="invalid_configuration", retryable=False) from faults
        cue = None
        if self._generation == 1 and brief.greeting and self._cue is not None:
            cue = await self._cue(setup.heard)
        access = await self._access(brief.model)
        conversation = NovaConversation(access, brief, setup, self._generation, self._limits, cue)
        await conversation.open(await self._transports.another())
        try:
            yield conversation
        finally:
            await conversation.close()

    async def _access(self, model: str) -> Access:
        region = await self._credentials.region()
        if self._endpoint_url is not None and not self._endpoint_url.startswith("https://"):
            # Without TLS there is no HTTP/2, and without that no stream that flows both ways.
            raise ProviderError("endpoint_url has to be https", code="invalid_configuration", retryable=False)
        if region is None:
            raise ProviderError("no region of Amazon is given", code="invalid_configuration", retryable=False)
        identity = await self._credentials.identity()
        return Access(region, self._endpoint_url, identity, model, self._open_timeout_s)
