"""Whose fault it was: Amazon's exceptions, by their names, in the contract's words."""

import re
from typing import Any, Final

from awscrt.exceptions import AwsCrtError
from botocore import exceptions
from smithy_aws_event_stream.exceptions import EventError, UnmodeledEventError
from smithy_core.exceptions import CallError

from mediaproviders.contract import ProviderError

_CODES: Final = {
    "UnrecognizedClientException": "invalid_api_key",
    "InvalidClientTokenId": "invalid_api_key",
    "InvalidSignatureException": "invalid_api_key",
    "SignatureDoesNotMatch": "invalid_api_key",
    "IncompleteSignatureException": "invalid_api_key",
    "MissingAuthenticationTokenException": "invalid_api_key",
    "ExpiredTokenException": "invalid_api_key",
    "ExpiredToken": "invalid_api_key",
    "AccessDeniedException": "forbidden",
    "ThrottlingException": "rate_limit_exceeded",
    "TooManyRequestsException": "rate_limit_exceeded",
    "LimitExceededException": "rate_limit_exceeded",
    "ServiceQuotaExceededException": "insufficient_quota",
    "ResourceNotFoundException": "model_not_found",
    "LexiconNotFoundException": "invalid_configuration",
    "ServiceFailureException": "server_error",
    "InternalFailureException": "server_error",
    "ServiceUnavailableException": "server_error",
    "ConflictException": "server_error",
}
_RETRYABLE: Final = frozenset({"rate_limit_exceeded", "server_error"})
_STATUS_CODES: Final = {401: "invalid_api_key", 403: "forbidden", 404: "model_not_found", 429: "rate_limit_exceeded"}
_NAMED: Final = re.compile(r"#(\w+(?:Exception|Error))\b")
_BAD: Final = "invalid_configuration"


def from_name(name: str, message: str, status: int | None = None) -> ProviderError:
    """An exception of a service; those not listed are about what was asked for, unless the status says otherwise."""
    code = _CODES.get(name) or _STATUS_CODES.get(status or 0)
    if code is None:
        code = "server_error" if status is not None and status >= 500 else _BAD
    return ProviderError(f"{name}: {message[:300]}", code=code, retryable=code in _RETRYABLE)


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
            return ProviderError(f"the request cannot be made: {error}", code=_BAD, retryable=False)
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
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ProviderError):
            return cause
        if isinstance(cause, UnmodeledEventError):
            return from_name(cause.code, cause.message)
        if isinstance(cause, EventError):
            return ProviderError(f"bytes that are no event: {cause}", code="protocol", retryable=True)
        if isinstance(cause, CallError) and not isinstance(cause.__cause__, AwsCrtError):
            return from_name(_name(cause), cause.message, cause.response_metadata.http_status_code)
        if isinstance(cause, AwsCrtError):
            return _from_transport(cause)
        cause = cause.__cause__ or cause.__context__
    return ProviderError(f"{type(error).__name__}: {error}"[:300], code="connection_lost", retryable=True)


def _name(error: CallError) -> str:
    # What is not in the service's model is named in a sentence of the SDK's.
    named = _NAMED.search(error.message)
    return named[1] if named is not None and type(error) is CallError else type(error).__name__


def _from_transport(error: AwsCrtError) -> ProviderError:
    said = f"{error.name}: {error.message}"
    if "TLS" in error.name:
        return ProviderError(f"no trusted connection to the service: {said}", code="tls", retryable=False)
    if error.name.startswith(("AWS_IO_SOCKET_CONNECT", "AWS_IO_SOCKET_NO", "AWS_IO_SOCKET_TIMEOUT", "AWS_IO_DNS")):
        return ProviderError(f"the service cannot be reached: {said}", code="unreachable", retryable=True)
    return ProviderError(f"the connection broke: {said}", code="connection_lost", retryable=True)


def _from_client_error(response: Any) -> ProviderError:
    said = response.get("Error", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return from_name(str(said.get("Code", "")), str(said.get("Message", "")), status)
