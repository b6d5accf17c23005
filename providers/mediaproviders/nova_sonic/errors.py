"""Whose fault it was: exceptions of the SDK and its transport, as ProviderError."""

import re
from typing import Final, TypedDict

from awscrt.exceptions import AwsCrtError
from smithy_aws_event_stream.exceptions import EventError, UnmodeledEventError
from smithy_core.exceptions import CallError
from smithy_http.exceptions import SmithyHTTPError

from mediaproviders.contract import ProviderError

SURVIVED: Final = "Tool Response parsing error"
"""A refusal after which the stream goes on."""
EXPIRED: Final = "ExpiredTokenException"
_TRANSIENT: Final = ("RST_STREAM closed stream", "System instability detected")
_KINDS: Final = {
    "AccessDeniedException": ("forbidden", False),
    "ExpiredTokenException": ("invalid_api_key", False),
    "IncompleteSignatureException": ("invalid_api_key", False),
    "InvalidSignatureException": ("invalid_api_key", False),
    "MissingAuthenticationTokenException": ("invalid_api_key", False),
    "UnrecognizedClientException": ("invalid_api_key", False),
    "ResourceNotFoundException": ("model_not_found", False),
    "ServiceQuotaExceededException": ("rate_limit_exceeded", True),
    "ThrottlingException": ("rate_limit_exceeded", True),
    "InternalServerException": ("server_error", True),
    "ModelErrorException": ("server_error", True),
    "ModelNotReadyException": ("server_error", True),
    "ModelStreamErrorException": ("server_error", True),
    "ServiceUnavailableException": ("server_error", True),
    "ModelTimeoutException": ("timeout", True),
}
_NAMED: Final = re.compile(r"#(\w+(?:Exception|Error))\b")
_UNREACHABLE: Final = ("AWS_IO_SOCKET", "AWS_IO_DNS", "AWS_IO_CONNECT")


def from_exception(error: BaseException, *, opening: bool) -> ProviderError:
    """What opening a stream or reading it failed with, in the contract's words."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("the provider did not answer in time", code="timeout", retryable=True)
    if isinstance(error, UnmodeledEventError):
        message = f"the provider ended the stream: {error.code}: {error.message}"[:300]
        if error.code == EXPIRED and not opening:
            # The next session begins with credentials that are asked for anew.
            return ProviderError(message, code="session_expired", retryable=True)
        return ProviderError(message, **_of(error.code))
    if isinstance(error, EventError):
        return ProviderError(f"bytes that are no event: {error}", code="protocol", retryable=True)
    if isinstance(error, CallError):
        return _from_call(error, opening)
    for cause in _causes(error):
        if isinstance(cause, AwsCrtError):
            return _from_transport(cause, opening)
        if isinstance(cause, CallError):
            return _from_call(cause, opening)
        if isinstance(cause, SmithyHTTPError):
            return ProviderError(f"no HTTP/2 at the provider: {cause}", code="handshake", retryable=True)
    return ProviderError(f"{type(error).__name__}: {error}"[:300], code="connection_lost", retryable=True)


def _from_call(error: CallError, opening: bool) -> ProviderError:
    kind = _kind(error)
    status = error.response_metadata.http_status_code or 0
    message = f"{kind} (HTTP {status})" if type(error) is CallError else f"{kind}: {error.message}"[:300]
    if kind in _KINDS:
        return ProviderError(message, **_of(kind))
    if kind == "ValidationException":
        return ProviderError(message, **_validation(error.message, opening))
    if status >= 500 or not status:
        return ProviderError(message, code="server_error", retryable=True)
    return ProviderError(message, code=f"http_{status}", retryable=status in (408, 429))


def _of(kind: str) -> "_Verdict":
    code, retryable = _KINDS.get(kind[:1].upper() + kind[1:], ("server_error", True))
    return {"code": code, "retryable": retryable}


def _validation(message: str, opening: bool) -> "_Verdict":
    if any(each in message for each in _TRANSIENT):
        return {"code": "server_error", "retryable": True}
    if "model identifier" in message:
        return {"code": "model_not_found", "retryable": False}
    if "imed out" in message:
        return {"code": "timeout", "retryable": True}
    if opening:
        return {"code": "invalid_configuration", "retryable": False}
    return {"code": "protocol", "retryable": True}


def _from_transport(error: AwsCrtError, opening: bool) -> ProviderError:
    message = f"{error.name}: {error.message}"
    if "TLS" in error.name:
        return ProviderError(f"no trusted connection to the provider: {message}", code="tls", retryable=False)
    if opening and any(error.name.startswith(each) for each in _UNREACHABLE):
        return ProviderError(f"the provider cannot be reached: {message}", code="unreachable", retryable=True)
    return ProviderError(f"the connection broke: {message}", code="connection_lost", retryable=True)


def _causes(error: BaseException) -> "list[BaseException]":
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < 10:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


class _Verdict(TypedDict):
    code: str
    retryable: bool


def _kind(error: CallError) -> str:
    # What is not in the service's model is told by its name in a sentence of the SDK's.
    named = _NAMED.search(error.message)
    return named[1] if named is not None and type(error) is CallError else type(error).__name__
