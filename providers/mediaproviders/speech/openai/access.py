"""How to get in: the SDK's client for OpenAI, for Azure's GA endpoint, and for Azure's deployments of old."""

from collections.abc import Awaitable, Callable
from ssl import SSLContext
from typing import Any, Final

from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAsyncHttpxClient, OpenAIError, Timeout

from mediaproviders.contract import ProviderError
from mediaproviders.speech.loopback import is_loopback

type Key = str | Callable[[], Awaitable[str]]
"""An API key, or a coroutine function that fetches a token whenever one is needed."""

CONNECT_S: Final = 3.0
RETRIES: Final = 1
"""The caller waits: one more attempt at what may have been bad luck, within the same time limit."""
_GA_PATH: Final = "/openai/v1"
_BAD: Final = "invalid_configuration"


def client(
    key: Key, base_url: str | None, *, azure: bool, api_version: str | None, timeout_s: float, tls: SSLContext | None
) -> AsyncOpenAI:
    """The client. On Azure, `base_url` is the resource's endpoint, with or without `/openai/v1`.

    Raises ProviderError when it cannot be made.
    """
    try:
        options: dict[str, Any] = {
            "max_retries": RETRIES,
            "timeout": Timeout(timeout_s, connect=CONNECT_S),
            "http_client": _http(base_url, tls),
        }
        if not azure and api_version is None:
            return AsyncOpenAI(api_key=key, base_url=base_url, **options)
        if base_url is None:
            raise ProviderError("Azure needs the endpoint of the resource", code=_BAD, retryable=False)
        return _azure(key, base_url, api_version, options)
    except (OpenAIError, ValueError) as error:
        raise ProviderError(f"the client cannot be made: {error}", code=_BAD, retryable=False) from error


def _azure(key: Key, base_url: str, api_version: str | None, options: dict[str, Any]) -> AsyncOpenAI:
    endpoint = base_url.rstrip("/").removesuffix(_GA_PATH)
    if api_version is None:
        # There a key and a token travel alike.
        return AsyncOpenAI(api_key=key, base_url=endpoint + _GA_PATH, **options)
    credential: dict[str, Any] = {"api_key": key} if isinstance(key, str) else {"azure_ad_token_provider": key}
    return AsyncAzureOpenAI(azure_endpoint=endpoint, api_version=api_version, **credential, **options)


def _http(base_url: str | None, tls: SSLContext | None) -> DefaultAsyncHttpxClient:
    options: dict[str, Any] = {}
    if tls is not None:
        options["verify"] = tls
    if is_loopback(base_url):
        # No proxy stands between this machine and itself.
        options["trust_env"] = False
    return DefaultAsyncHttpxClient(**options)
