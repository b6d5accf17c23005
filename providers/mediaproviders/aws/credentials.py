"""Who we are at Amazon: given keys, or boto3's chain of environment, profiles, single sign-on, roles and machines."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from smithy_aws_core.identity import AWSCredentialsIdentity, AWSIdentityProperties
from smithy_core.aio.interfaces.identity import IdentityResolver

from mediaproviders.contract import ProviderError


@dataclass(frozen=True, slots=True)
class Account:
    """An account and where it is used; what is None is left to boto3's chain. Raises ValueError for half a key."""

    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")

    def session(self) -> Any:
        """A boto3 session; blocks, since it reads files. Raises botocore's exceptions."""
        import boto3  # a tenth of a second, and only Amazon's services need it

        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            profile_name=self.profile,
            # The other SDKs' variable, of which boto3 knows nothing.
            region_name=self.region or os.environ.get("AWS_REGION"),
        )


class Credentials:
    """An account's region and credentials, for the new SDKs; those of the chain are renewed before they expire."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._region = account.region
        self._session: Any = None
        self._found: Any = None
        self._asking = asyncio.Lock()

    async def identity(self) -> AWSCredentialsIdentity:
        """Credentials that hold now. Raises ProviderError if there are none."""
        account = self._account
        if account.access_key_id is not None and account.secret_access_key is not None:
            return AWSCredentialsIdentity(
                access_key_id=account.access_key_id,
                secret_access_key=account.secret_access_key,
                session_token=account.session_token,
            )
        return await self._ask(self._resolve)

    async def region(self) -> str | None:
        """The region: given, or of the environment or the profile. Raises ProviderError."""
        if self._region is None:
            self._region = await self._ask(lambda: self._opened().region_name)
        return self._region

    async def _ask[T](self, question: Callable[[], T]) -> T:
        # Sessions that begin at the same time share one request to whoever gives credentials out.
        async with self._asking:
            try:
                # The chain reads files and asks other services.
                return await asyncio.to_thread(question)
            except ProviderError:
                raise
            except Exception as error:
                raise _failure(error) from error

    def _opened(self) -> Any:
        if self._session is None:
            self._session = self._account.session()
        return self._session

    def _resolve(self) -> AWSCredentialsIdentity:
        if self._found is None:
            self._found = self._opened().get_credentials()
        if self._found is None:
            said = "no credentials for Amazon: neither given nor in the environment, a profile or a role"
            raise ProviderError(said, code=_NONE, retryable=False)
        frozen = self._found.get_frozen_credentials()
        # botocore keeps it to itself; without it a session would not know that it has to be replaced.
        expires: datetime | None = getattr(self._found, "_expiry_time", None)
        return AWSCredentialsIdentity(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            expiration=expires,
        )


class Pinned(IdentityResolver[AWSCredentialsIdentity, AWSIdentityProperties]):
    """The credentials a stream began with. Its events are signed in a chain that other ones would break."""

    def __init__(self, identity: AWSCredentialsIdentity) -> None:
        self._identity = identity

    async def get_identity(self, *, properties: AWSIdentityProperties) -> AWSCredentialsIdentity:
        """Those, at any time."""
        return self._identity


_NONE: Final = "invalid_api_key"
_BUSY: Final = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown")


def _failure(error: Exception) -> ProviderError:
    from botocore import exceptions  # loaded with boto3, by the time something of it has failed

    said = f"no credentials for Amazon: {error}"
    match error:
        case exceptions.HTTPClientError() | exceptions.ConnectionError() | exceptions.CredentialRetrievalError():
            return ProviderError(said, code="unreachable", retryable=True)
        case exceptions.ClientError(response=response):
            code = str(response.get("Error", {}).get("Code", ""))
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0
            if status >= 500 or code.startswith(_BUSY):
                return ProviderError(said, code="server_error", retryable=True)
    return ProviderError(said, code=_NONE, retryable=False)
