"""The provider: what it can do, and the opening of a session."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from openai import AsyncOpenAI

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, Brief, Conversation, ProviderError, Traits
from mediaproviders.openai_realtime import configuration
from mediaproviders.openai_realtime.connection import Access
from mediaproviders.openai_realtime.conversation import DELAYS_S, OpenAIConversation, Patience
from mediaproviders.openai_realtime.uplink import Uplink

TRAITS: Final = Traits(
    input_formats=(PCMU, PCMA, PCM16_24K),
    output_formats=(PCMU, PCMA, PCM16_24K),
    server_vad=True,
    hears_speech_start=True,
    can_truncate=True,
    can_cancel=True,
    reversible_interrupt=True,
    text_output=False,
    can_update_instructions=False,
    can_update_tools=False,
    max_connection_s=3600.0,
    resume="replay",
    greeting="response",
    uplink_ms=20,
)


class OpenAIRealtime:
    """OpenAI's Realtime API, and what speaks it at another `base_url`.

    `api_key` may be a coroutine function that is asked at every connect. `queue_ms` bounds the caller audio kept while
    the service does not read; `reconnect_delays_s` has one entry per attempt, all of them within `reconnect_total_s`.
    A TLS context of one's own replaces the system's trust store.
    """

    def __init__(
        self,
        api_key: str | Callable[[], Awaitable[str]],
        base_url: str | None = None,
        *,
        open_timeout_s: float = 10.0,
        reconnect_delays_s: Sequence[float] = DELAYS_S,
        reconnect_total_s: float = 6.0,
        uplink_ms: int = TRAITS.uplink_ms,
        queue_ms: int = 2000,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._client = AsyncOpenAI(api_key=api_key, base_url=base_url)
        self._open_timeout_s = open_timeout_s
        self._patience = Patience(tuple(reconnect_delays_s), reconnect_total_s)
        self._queue_ms = queue_ms
        self._extra_headers = dict(extra_headers or {})
        # Reading the trust store takes tens of milliseconds: once, not for every call.
        encrypted = str(self._client.base_url).startswith("https:")
        self._tls = tls or (ssl.create_default_context() if encrypted else None)
        self._traits = replace(TRAITS, uplink_ms=uplink_ms)

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._traits

    async def start(self) -> None:
        """Nothing: the trust store is read already, and sessions are opened by call."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; entering completes when it is configured.

        Raises ProviderError, also for a brief that cannot be served.
        """
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        access = self._access(brief)
        uplink = Uplink(brief.input_format, uplink_ms=self._traits.uplink_ms, queue_ms=self._queue_ms)
        conversation = OpenAIConversation(access, brief, uplink, self._patience)
        await conversation.open()
        try:
            yield conversation
        finally:
            await conversation.close()

    def _access(self, brief: Brief) -> Access:
        traits = self._traits
        if brief.input_format not in traits.input_formats or brief.output_format not in traits.output_formats:
            formats = f"{brief.input_format} in, {brief.output_format} out"
            raise ProviderError(f"formats it does not know: {formats}", code="invalid_configuration", retryable=False)
        try:
            session = configuration.session(brief)
        except ValueError as faults:
            raise ProviderError(str(faults), code="invalid_configuration", retryable=False) from faults
        return Access(self._client, brief.model, session, self._open_timeout_s, self._extra_headers, self._tls)
