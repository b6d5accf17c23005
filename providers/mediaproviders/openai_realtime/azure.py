"""Realtime models of Azure OpenAI: the GA interface, and the preview interface of old deployments."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

from openai import AsyncAzureOpenAI, AsyncOpenAI, Omit

from mediaproviders.openai_realtime.dialects import AZURE, AZURE_PREVIEW
from mediaproviders.openai_realtime.provider import NOT_OPENAI, TRAITS, RealtimeService

AZURE_TRAITS: Final = replace(TRAITS, max_connection_s=1800.0)


class AzureRealtime(RealtimeService):
    """The realtime deployments of one Azure OpenAI resource; a brief's model is the name of a deployment.

    `endpoint` is the resource's, `https://NAME.openai.azure.com`. Give `api_key`, or `token`: a coroutine function that
    is asked for a bearer token at every connect (see :class:`mediaproviders.entra.EntraToken`). Without `api_version`
    the GA interface is used; a preview version (`2025-04-01-preview`) means the preview interface. `transcription` is
    the name of the deployment that transcribes the caller. The rest is as with :class:`RealtimeService`.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        api_key: str | None = None,
        token: Callable[[], Awaitable[str]] | None = None,
        api_version: str | None = None,
        transcription: str | None = None,
        open_timeout_s: float = 10.0,
        uplink_ms: int = TRAITS.uplink_ms,
        queue_ms: int = 2000,
        max_connection_s: float | None = AZURE_TRAITS.max_connection_s,
        extra_headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if (api_key is None) is (token is None):
            raise ValueError("Azure OpenAI: give either api_key or token")
        resource = endpoint.rstrip("/").removesuffix("/openai/v1").removesuffix("/openai")
        dialect = AZURE if api_version is None else AZURE_PREVIEW
        if transcription is not None:
            dialect = replace(dialect, transcription={"model": transcription})
        headers: dict[str, str | Omit] = dict(extra_headers or {})
        if api_version is not None:
            client: AsyncOpenAI = _preview(resource, api_version, api_key, token)
        else:
            client = _current(resource, api_key, token)
            if api_key is not None:
                headers["Authorization"] = Omit()
        super().__init__(
            client,
            dialect,
            replace(AZURE_TRAITS, uplink_ms=uplink_ms, max_connection_s=max_connection_s),
            open_timeout_s=open_timeout_s,
            queue_ms=queue_ms,
            extra_headers=headers,
            tls=tls,
        )


def _current(resource: str, api_key: str | None, token: Callable[[], Awaitable[str]] | None) -> AsyncOpenAI:
    # The Azure client of the SDK would add an api-version, for which this interface answers 401.
    headers: dict[str, str | Omit] = dict(NOT_OPENAI)
    if api_key is not None:
        headers["api-key"] = api_key
    credential = api_key or token
    # default_headers is typed for strings, but takes what extra_headers takes.
    return AsyncOpenAI(api_key=credential, base_url=f"{resource}/openai/v1", default_headers=headers)  # type: ignore[arg-type]


def _preview(
    resource: str, api_version: str, api_key: str | None, token: Callable[[], Awaitable[str]] | None
) -> AsyncAzureOpenAI:
    # Derived from the endpoint alone, the SDK's URL is wss whatever the endpoint says.
    socket = resource.replace("http", "ws", 1) + "/openai"
    return AsyncAzureOpenAI(
        azure_endpoint=resource,
        api_version=api_version,
        api_key=api_key,
        azure_ad_token_provider=token,
        websocket_base_url=socket,
        default_headers=NOT_OPENAI,  # type: ignore[arg-type]
    )
