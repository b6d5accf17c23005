"""What the providers of this protocol have in common, and OpenAI's own."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from openai import AsyncOpenAI, Omit

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, Brief, Conversation, ProviderError, Traits
from mediaproviders.openai_realtime import configuration
from mediaproviders.openai_realtime.commands import append_audio
from mediaproviders.openai_realtime.connection import Access
from mediaproviders.openai_realtime.conversation import OpenAIConversation
from mediaproviders.openai_realtime.dialects import OPENAI, Dialect
from mediaproviders.websocket import Uplink

TRAITS: Final = Traits(
    input_formats=(PCMU, PCMA, PCM16_24K),
    output_formats=(PCMU, PCMA, PCM16_24K),
    server_vad=True,
    hears_speech_start=True,
    can_truncate=True,
    can_cancel=True,
    reversible_interrupt=True,
    text_output=True,
    can_update_instructions=False,
    can_update_tools=False,
    max_connection_s=3600.0,
    resume="replay",
    greeting="response",
    uplink_ms=20,
)

NOT_OPENAI: Final[Mapping[str, str | Omit]] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
"""Default headers for another service: what the environment says of an organisation at OpenAI is none of its business.
"""


class RealtimeService:
    """A provider of this protocol: `client` knows where it is and how to be let in, `dialect` how to talk to it.

    `queue_ms` bounds the caller audio kept while the service does not read. A TLS context of one's own replaces the
    system's trust store.
    """

    def __init__(
        self,
        client: AsyncOpenAI,
        dialect: Dialect,
        traits: Traits,
        *,
        open_timeout_s: float = 10.0,
        queue_ms: int = 2000,
        extra_headers: Mapping[str, str | Omit] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._traits = traits
        self._open_timeout_s = open_timeout_s
        self._queue_ms = queue_ms
        self._extra_headers = dict(extra_headers or {})
        # Reading the trust store takes tens of milliseconds: once, not for every call.
        encrypted = str(client.websocket_base_url or client.base_url).startswith(("https:", "wss:"))
        self._tls = tls or (ssl.create_default_context() if encrypted else None)

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return self._traits

    async def start(self) -> None:
        """Nothing: the trust store is read already, and sessions are opened by call."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()

    def validate(self, advanced: Mapping[str, object]) -> list[str]:
        """What is wrong with an agent's advanced settings for this service, one sentence each."""
        return configuration.validate(advanced, self._dialect)

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session; entering completes when it is configured.

        Raises ProviderError, also for a brief that cannot be served.
        """
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        access = self._access(brief)
        uplink_ms, queue_ms = self._traits.uplink_ms, self._queue_ms
        uplink = Uplink(brief.input_format, append_audio, uplink_ms=uplink_ms, queue_ms=queue_ms)
        conversation = OpenAIConversation(access, brief, uplink)
        await conversation.open()
        try:
            yield conversation
        finally:
            await conversation.close()

    def _access(self, brief: Brief) -> Access:
        traits, service = self._traits, self._dialect.service
        if brief.modality == "text":
            if not traits.text_output:
                raise _impossible(f"{service} is not run in the text modality")
        elif brief.input_format not in traits.input_formats or brief.output_format not in traits.output_formats:
            raise _impossible(f"formats it does not know: {brief.input_format} in, {brief.output_format} out")
        elif brief.interruption == "local" and not traits.reversible_interrupt:
            raise _impossible(f"{service} decides interruptions itself")
        try:
            session = configuration.session(brief, self._dialect)
        except ValueError as faults:
            raise _impossible(str(faults)) from faults
        return Access(
            self._client, self._dialect, brief.model, session, self._open_timeout_s, self._extra_headers, self._tls
        )


class OpenAIRealtime(RealtimeService):
    """OpenAI's Realtime API, and what speaks it at another `base_url`.

    `api_key` may be a coroutine function that is asked at every connect. See :class:`RealtimeService` for the rest;
    `max_connection_s` is the service's limit on the length of a session.
    """

    def __init__(
        self,
        api_key: str | Callable[[], Awaitable[str]],
        base_url: str | None = None,
        *,
        open_timeout_s: float = 10.0,
        uplink_ms: int = TRAITS.uplink_ms,
        queue_ms: int = 2000,
        max_connection_s: float | None = TRAITS.max_connection_s,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            AsyncOpenAI(api_key=api_key, base_url=base_url),
            OPENAI,
            replace(TRAITS, uplink_ms=uplink_ms, max_connection_s=max_connection_s),
            open_timeout_s=open_timeout_s,
            queue_ms=queue_ms,
            extra_headers=extra_headers,
            tls=tls,
        )


def _impossible(reason: str) -> ProviderError:
    return ProviderError(reason, code="invalid_configuration", retryable=False)
