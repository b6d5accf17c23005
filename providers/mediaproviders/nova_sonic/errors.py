"""Whose fault it was: exceptions of the SDK and its transport, as ProviderError."""

from collections.abc import Mapping
from typing import Final

from awscrt.exceptions import AwsCrtError
from smithy_aws_event_stream.exceptions import EventError, UnmodeledEventError
from smithy_core.exceptions import CallError
from smithy_http.exceptions import SmithyHTTPError

from mediaproviders.aws.errors import NAMED, Verdict, causes, from_transport, name_of
from mediaproviders.contract import ProviderError

SURVIVED: Final = "Tool Response parsing error"
"""A refusal after which the stream goes on."""
EXPIRED: Final = "ExpiredTokenException"
_TRANSIENT: Final = ("RST_STREAM closed stream", "System instability detected")
_KINDS: Final[Mapping[str, Verdict]] = {
    **NAMED,
    "ServiceQuotaExceededException": Verdict("rate_limit_exceeded", True),
    "InternalServerException": Verdict("server_error", True),
    "ModelErrorException": Verdict("server_error", True),
    "ModelNotReadyException": Verdict("server_error", True),
    "ModelStreamErrorException": Verdict("server_error", True),
    "ModelTimeoutException": Verdict("timeout", True),
}


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
        return _of(error.code).error(message)
    if isinstance(error, EventError):
        return ProviderError(f"bytes that are no event: {error}", code="protocol", retryable=True)
    if isinstance(error, CallError):
        return _from_call(error, opening)
    for cause in causes(error):
        if isinstance(cause, AwsCrtError):
            return from_transport(cause)
        if isinstance(cause, CallError):
            return _from_call(cause, opening)
        if isinstance(cause, SmithyHTTPError):
            return ProviderError(f"no HTTP/2 at the provider: {cause}", code="handshake", retryable=True)
    return ProviderError(f"{type(error).__name__}: {error}"[:300], code="connection_lost", retryable=True)


def _from_call(error: CallError, opening: bool) -> ProviderError:
    kind = name_of(error)
    status = error.response_metadata.http_status_code or 0
    message = f"{kind} (HTTP {status})" if type(error) is CallError else f"{kind}: {error.message}"[:300]
    if kind in _KINDS:
        return _of(kind).error(message)
    if kind == "ValidationException":
        return _validation(error.message, opening).error(message)
    if status >= 500 or not status:
        return ProviderError(message, code="server_error", retryable=True)
    return ProviderError(message, code=f"http_{status}", retryable=status in (408, 429))


def _of(kind: str) -> Verdict:
    return _KINDS.get(kind[:1].upper() + kind[1:], Verdict("server_error", True))


def _validation(message: str, opening: bool) -> Verdict:
    if any(each in message for each in _TRANSIENT):
        return Verdict("server_error", True)
    if "model identifier" in message:
        return Verdict("model_not_found", False)
    if "imed out" in message:
        return Verdict("timeout", True)
    if opening:
        return Verdict("invalid_configuration", False)
    return Verdict("protocol", True)
