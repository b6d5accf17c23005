"""Who we are at Amazon: an account's settings, and its credentials by boto3's chain, which knows them all.

Keys given here go first; else environment, profiles, SSO, assumed roles, containers and instances are asked in boto3's
order. The new SDKs know only some of these, so :class:`Identities` hands them boto3's.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smithy_aws_core.identity import AWSCredentialsIdentity, AWSIdentityProperties
from smithy_core.aio.interfaces.identity import IdentityResolver

from mediaproviders.contract import ProviderError


@dataclass(frozen=True, slots=True)
class Account:
    """An account and where it is used. What is None is left to boto3's chain."""

    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None

    def session(self) -> Any:
        """A boto3 session; blocks, since it reads files. Raises botocore's exceptions."""
        import boto3  # a tenth of a second, and only Amazon's services need it

        return boto3.Session(
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            profile_name=self.profile,
            region_name=self.region,
        )


class Identities(IdentityResolver[AWSCredentialsIdentity, AWSIdentityProperties]):
    """boto3's credentials for the new SDKs; refreshed by boto3 before they expire."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._credentials: Any = None
        self._asking = asyncio.Lock()

    async def get_identity(self, *, properties: AWSIdentityProperties) -> AWSCredentialsIdentity:
        """The credentials now. Raises ProviderError if there are none."""
        # Calls that begin at the same time share one request to whoever gives credentials out.
        async with self._asking:
            try:
                return await asyncio.to_thread(self._ask)
            except ProviderError:
                raise
            except Exception as error:
                raise ProviderError(f"no credentials for Amazon: {error}", code=_NONE, retryable=False) from error

    async def region(self) -> str | None:
        """The account's region: given, or of the environment or profile."""
        return self._account.region or await asyncio.to_thread(lambda: self._account.session().region_name)

    def _ask(self) -> AWSCredentialsIdentity:
        if self._credentials is None:
            self._credentials = self._account.session().get_credentials()
        if self._credentials is None:
            raise ProviderError("no credentials for Amazon: boto3's chain finds none", code=_NONE, retryable=False)
        frozen = self._credentials.get_frozen_credentials()
        # Only those that boto3 renews have one.
        expiry: datetime | None = getattr(self._credentials, "_expiry_time", None)
        return AWSCredentialsIdentity(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            expiration=expiry,
        )


_NONE = "invalid_api_key"
