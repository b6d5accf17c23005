"""Where credentials come from: given ones, or boto3's chain of environment, profiles, single sign-on and roles."""

import asyncio
import os
from datetime import datetime
from typing import Any

from boto3.session import Session
from botocore.exceptions import BotoCoreError, ClientError
from smithy_aws_core.identity import AWSCredentialsIdentity

from mediaproviders.contract import ProviderError


class Credentials:
    """Credentials for the next session; those of the chain are refreshed before they expire."""

    def __init__(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        profile: str | None = None,
    ) -> None:
        if (access_key_id is None) != (secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        self._given = (
            AWSCredentialsIdentity(
                access_key_id=access_key_id, secret_access_key=secret_access_key, session_token=session_token
            )
            if access_key_id is not None and secret_access_key is not None
            else None
        )
        self._profile = profile
        self._session: Any = None
        self._found: Any = None
        self._lock = asyncio.Lock()

    async def identity(self) -> AWSCredentialsIdentity:
        """Credentials that hold now. Raises ProviderError if there are none."""
        if self._given is not None:
            return self._given
        async with self._lock:
            try:
                # The chain reads files and asks other services.
                return await asyncio.to_thread(self._resolve)
            except (BotoCoreError, ClientError) as error:
                raise ProviderError(
                    f"no credentials for Amazon: {error}", code="invalid_api_key", retryable=False
                ) from error

    async def region(self) -> str | None:
        """The region of the environment or the profile."""
        region = os.environ.get("AWS_REGION")
        if region is None:
            async with self._lock:
                region = await asyncio.to_thread(lambda: self._opened().region_name)
        return region

    def _opened(self) -> Any:
        if self._session is None:
            self._session = Session(profile_name=self._profile)
        return self._session

    def _resolve(self) -> AWSCredentialsIdentity:
        if self._found is None:
            self._found = self._opened().get_credentials()
        if self._found is None:
            raise ProviderError(
                "no credentials for Amazon: neither given nor in the environment, a profile or a role",
                code="invalid_api_key",
                retryable=False,
            )
        frozen = self._found.get_frozen_credentials()
        # botocore keeps it to itself; without it a session would not know that it has to be replaced.
        expires: datetime | None = getattr(self._found, "_expiry_time", None)
        return AWSCredentialsIdentity(
            access_key_id=frozen.access_key,
            secret_access_key=frozen.secret_key,
            session_token=frozen.token,
            expiration=expires,
        )
