"""The provider: what it can do, and the opening of a session."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Omit

from mediaproviders.contract import Brief, Conversation, ProviderError, Traits
from mediaproviders.openai_chat import errors
from mediaproviders.openai_chat.conversation import ChatConversation, Patience
from mediaproviders.openai_chat.request import LimitField, parameters

TRAITS: Final = Traits(
    input_formats=(),
    output_formats=(),
    server_vad=False,
    hears_speech_start=False,
    can_truncate=False,
    can_cancel=True,
    reversible_interrupt=False,
    text_output=True,
    can_update_instructions=False,
    can_update_tools=False,
    max_connection_s=None,
    resume="replay",
    greeting="response",
    uplink_ms=20,
)

_NOT_OPENAI: Final[Mapping[str, str | Omit]] = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
"""What the environment says of an organisation at OpenAI is none of another service's business."""

_CONNECTIONS: Final = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60.0)
"""A connection outlives the caller's turn, so that an answer need not wait for a handshake."""


class OpenAIChat:
    """A text model behind an OpenAI-compatible chat endpoint; `base_url` None is OpenAI's own.

    `api_key` may be a coroutine function that is asked at every request. `timeout_s` is how long the model may be
    silent before and within an answer; `max_retries` how often an answer that failed before its first word is asked
    for again. `limit_field` is what the endpoint calls the limit on an answer's length. `extra_parameters` go into
    every request as they are. A TLS context of one's own replaces the system's trust store.

    Nothing is sent before the first answer is wanted: a wrong key shows there, as the session's end.
    """

    def __init__(
        self,
        api_key: str | Callable[[], Awaitable[str]],
        base_url: str | None = None,
        *,
        timeout_s: float = 5.0,
        max_retries: int = 1,
        limit_field: LimitField = "max_completion_tokens",
        extra_parameters: Mapping[str, object] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._patience = Patience(silence_s=timeout_s, retries=max_retries)
        self._limit_field: LimitField = limit_field
        self._extra = dict(extra_parameters or {})
        try:
            self._client = AsyncOpenAI(
                api_key=api_key,
                base_url=base_url,
                timeout=openai.Timeout(timeout_s, connect=timeout_s),
                # Attempts are counted in one place, with those that stall and those that make no sense.
                max_retries=0,
                default_headers=_headers(base_url, extra_headers),  # type: ignore[arg-type]
                http_client=DefaultAsyncHttpxClient(
                    verify=tls if tls is not None else _needs_trust(base_url),
                    limits=_CONNECTIONS,
                    # No proxy stands between us and this machine.
                    trust_env=not _is_loopback(base_url or ""),
                ),
            )
        except openai.OpenAIError as error:
            raise errors.from_exception(error) from error

    @property
    def traits(self) -> Traits:
        """What it can do."""
        return TRAITS

    async def start(self) -> None:
        """Nothing: the trust store is read already."""

    async def close(self) -> None:
        """Close the SDK's client."""
        await self._client.close()

    def connect(self, brief: Brief) -> AbstractAsyncContextManager[Conversation]:
        """Open a session. Raises ProviderError for a brief that asks for audio."""
        return self._connect(brief)

    @asynccontextmanager
    async def _connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        if brief.modality != "text":
            raise ProviderError("it neither hears nor speaks", code="invalid_configuration", retryable=False)
        wanted = parameters(brief, self._limit_field, self._extra)
        conversation = ChatConversation(self._client, brief, wanted, self._patience)
        try:
            yield conversation
        finally:
            await conversation.close()


def _headers(base_url: str | None, extra: Mapping[str, str] | None) -> dict[str, str | Omit]:
    own = base_url is None or urlsplit(base_url).hostname == "api.openai.com"
    return ({} if own else dict(_NOT_OPENAI)) | dict(extra or {})


def _needs_trust(base_url: str | None) -> bool:
    """Reading the trust store takes tens of milliseconds: not for a plain connection."""
    return not (base_url or "https:").startswith("http:")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
