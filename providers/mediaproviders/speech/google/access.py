"""How to get in: Google's own credentials, a key file, or an API key; another endpoint, unencrypted on this machine."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from mediaproviders.contract import ProviderError
from mediaproviders.speech.google import errors
from mediaproviders.speech.loopback import is_loopback


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are. Without a file or a key, Google's libraries look for credentials themselves."""

    credentials_file: str | None = None
    """The key file of a service account."""
    api_key: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    """`host:port`; None: Google's."""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each request."""
        # Elsewhere the client itself sends the key.
        return (("x-goog-api-key", self.api_key),) if self.api_key and is_loopback(self.endpoint) else ()

    def client(self, client: Any, transport: Any) -> Any:
        """A client of that class; `transport` is the class of its transport. Blocks."""
        if is_loopback(self.endpoint):
            import grpc.aio

            return client(transport=transport(channel=grpc.aio.insecure_channel(self.endpoint)))
        from google.api_core.client_options import ClientOptions

        options = ClientOptions(api_endpoint=self.endpoint, api_key=self.api_key)
        return client(credentials=self._credentials(), client_options=options)

    def _credentials(self) -> Any:
        if self.credentials_file is None:
            return None
        from google.oauth2 import service_account

        kind: Any = service_account.Credentials
        try:
            return kind.from_service_account_file(self.credentials_file)
        except (OSError, ValueError) as error:
            said = f"the key file of Google's service account cannot be used: {error}"
            raise ProviderError(said, code="invalid_api_key", retryable=False) from error


class Lazily:
    """A client made when it is first needed. Google's libraries take a third of a second to be imported."""

    def __init__(self, package: str, make: Callable[[Any], Any]) -> None:
        self._package = package
        self._make = make
        self._made: tuple[Any, Any] | None = None
        self._making = asyncio.Lock()

    async def get(self) -> tuple[Any, Any]:
        """The package and the client. Raises ProviderError."""
        async with self._making:
            if self._made is None:
                try:
                    package = await asyncio.to_thread(import_module, self._package)
                except ImportError as error:
                    said = f"{self._package} is not installed; it comes with the extra google-speech"
                    raise ProviderError(said, code="not-installed", retryable=False) from error
                try:
                    # Here, not in a thread: its channel belongs to this event loop.
                    self._made = package, self._make(package)
                except Exception as error:
                    raise errors.from_exception(error) from error
        return self._made

    async def close(self) -> None:
        """Close the client's channel."""
        if self._made is not None:
            await self._made[1].transport.close()
            self._made = None
