"""Bearer tokens of Microsoft Entra ID for Azure's services, from whatever identity the machine has."""

import asyncio
import time
from typing import Any, Final, Protocol

from mediaproviders.contract import ProviderError

SCOPE: Final = "https://cognitiveservices.azure.com/.default"
EARLY_S: Final = 300.0
"""A token is replaced so long before it expires."""


class Credential(Protocol):
    """What azure-identity's credentials have in common."""

    def get_token(self, *scopes: str) -> Any:
        """A token with the attributes `token` and `expires_on`, in s of the Unix epoch; blocks."""

    def close(self) -> None:
        """Release its connections."""


class EntraToken:
    """What Azure's adapters take for a `token` or key: call it for one, asked for once and kept while it is good.

    Without a credential it is azure-identity's `DefaultAzureCredential`: environment, workload or managed identity,
    the Azure CLI.
    """

    def __init__(self, credential: Credential | None = None, *, scope: str = SCOPE) -> None:
        self._credential = credential
        self._scope = scope
        self._token = ""
        self._good_until = 0.0
        self._asking = asyncio.Lock()

    async def __call__(self) -> str:
        """A bearer token. Raises ProviderError if there is none to be had."""
        if time.time() >= self._good_until:
            # Calls that begin at the same time share one request, and one thread: names are looked up in the others.
            async with self._asking:
                if time.time() >= self._good_until:
                    try:
                        await asyncio.to_thread(self._renew)
                    except Exception as error:
                        raise _failure(error) from error
        return self._token

    async def close(self) -> None:
        """Release the credential's connections."""
        if self._credential is not None:
            await asyncio.to_thread(self._credential.close)

    def _renew(self) -> None:
        if self._credential is None:
            from azure.identity import DefaultAzureCredential  # hundreds of milliseconds, and only Azure needs it

            self._credential = DefaultAzureCredential()
        got = self._credential.get_token(self._scope)
        self._token, self._good_until = got.token, got.expires_on - EARLY_S


def _failure(error: Exception) -> ProviderError:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError

    said = f"no token of Entra ID: {str(error).partition('\n')[0]}"
    if isinstance(error, OSError | ServiceRequestError | ServiceResponseError):
        return ProviderError(said, code="unreachable", retryable=True)
    return ProviderError(said, code="invalid_api_key", retryable=False)
