"""Whose fault it was: Amazon's exceptions, by their names, in the contract's words."""

from collections.abc import Mapping
from typing import Any, Final

from awscrt.exceptions import AwsCrtError
from botocore import exceptions
from smithy_aws_event_stream.exceptions import EventError, UnmodeledEventError
from smithy_core.exceptions import CallError
from smithy_http.exceptions import SmithyHTTPError

from mediaproviders.aws.errors import NAMED, Verdict, causes, from_transport, name_of
from mediaproviders.contract import ProviderError

_BAD: Final = Verdict("invalid_configuration", False)
_NO_KEY: Final = Verdict("invalid_api_key", False)
_TOO_MANY: Final = Verdict("rate_limit_exceeded", True)
_BROKEN: Final = Verdict("server_error", True)
_KINDS: Final[Mapping[str, Verdict]] = {
    **NAMED,
    "InvalidClientTokenId": _NO_KEY,
    "SignatureDoesNotMatch": _NO_KEY,
    "ExpiredToken": _NO_KEY,
    "TooManyRequestsException": _TOO_MANY,
    "LimitExceededException": _TOO_MANY,
    "ServiceQuotaExceededException": Verdict("insufficient_quota", False),
    "LexiconNotFoundException": _BAD,
    "ServiceFailureException": _BROKEN,
    "InternalFailureException": _BROKEN,
    "ConflictException": _BROKEN,
}
_STATUSES: Final[Mapping[int, Verdict]] = {
    401: _NO_KEY,
    403: NAMED["AccessDeniedException"],
    404: NAMED["ResourceNotFoundException"],
    429: _TOO_MANY,
}


def from_name(name: str, message: str, status: int | None = None) -> ProviderError:
    """An exception of a service; those not listed are about what was asked for, unless the status says otherwise."""
    verdict = _KINDS.get(name) or _STATUSES.get(status or 0)
    if verdict is None:
        verdict = _BROKEN if status is not None and status >= 500 else _BAD
    return verdict.error(f"{name}: {message[:300]}")


def from_botocore(error: Exception) -> ProviderError:
    """What a call by boto3 failed with."""
    match error:
        case ProviderError():
            return error
        case exceptions.ClientError():
            return _from_client_error(error.response)
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError() | exceptions.TokenRetrievalError():
            return ProviderError(f"no credentials for Amazon: {error}", code="invalid_api_key", retryable=False)
        case exceptions.CredentialRetrievalError():
            return ProviderError(f"no credentials for Amazon: {error}", code="invalid_api_key", retryable=True)
        case exceptions.SSLError():
            return ProviderError(f"the service's certificate was refused: {error}", code="tls", retryable=False)
        case exceptions.ReadTimeoutError() | TimeoutError():
            return ProviderError("the service did not answer in time", code="timeout", retryable=True)
        case (
            exceptions.EndpointConnectionError() | exceptions.ConnectTimeoutError() | exceptions.ProxyConnectionError()
        ):
            return ProviderError(f"the service cannot be reached: {error}", code="unreachable", retryable=True)
        case exceptions.HTTPClientError() | exceptions.IncompleteReadError() | OSError():
            return ProviderError(f"the service broke off: {error}", code="connection_lost", retryable=True)
        case exceptions.BotoCoreError():
            return _BAD.error(f"the request cannot be made: {error}")
    return ProviderError(f"{type(error).__name__}: {error}", code="connection_lost", retryable=True)


def from_smithy(error: Exception) -> ProviderError:
    """What a call by the new SDKs failed with."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("the service did not answer in time", code="timeout", retryable=True)
    if isinstance(error, KeyError):
        # The SDK's way of saying that it does not know an exception of the service's.
        return from_name(str(error.args[0]), "the service ended the stream")
    for cause in causes(error):
        if isinstance(cause, ProviderError):
            return cause
        if isinstance(cause, UnmodeledEventError):
            return from_name(cause.code, cause.message)
        if isinstance(cause, EventError):
            return ProviderError(f"bytes that are no event: {cause}", code="protocol", retryable=True)
        if isinstance(cause, CallError) and not isinstance(cause.__cause__, AwsCrtError):
            return from_name(name_of(cause), cause.message, cause.response_metadata.http_status_code)
        if isinstance(cause, AwsCrtError):
            return from_transport(cause)
        if isinstance(cause, SmithyHTTPError):
            return ProviderError(f"no HTTP/2 at the service: {cause}", code="handshake", retryable=True)
    return ProviderError(f"{type(error).__name__}: {error}"[:300], code="connection_lost", retryable=True)


def _from_client_error(response: Any) -> ProviderError:
    said = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return from_name(str(said.get("Code", "")), str(said.get("Message", "")), status)
