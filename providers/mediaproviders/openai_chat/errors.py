"""Whose fault it was: exceptions of the SDK, as ProviderError."""

import json
import math
from typing import Final

from openai import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    OpenAIError,
)

from mediaproviders.contract import ProviderError

FATAL: Final = frozenset(
    {
        "account_deactivated",
        "billing_hard_limit_reached",
        "forbidden",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
    }
)
"""Codes after which nothing will work, however often it is tried."""
REFUSED: Final = frozenset({"content_filter", "content_policy_violation"})
"""Codes by which a service declines to answer what was said: the conversation goes on."""
TOO_LONG: Final = "context_length_exceeded"
"""The conversation has outgrown the model's memory."""

_STATUS_CODES: Final = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limit_exceeded",
}
_GENERIC: Final = frozenset({"DeploymentNotFound", "401", "403", "404", "Unauthorized", "PermissionDenied"})
"""Codes of other services' bodies that say no more than the status does."""


def from_exception(error: BaseException) -> ProviderError:
    """What a request failed with, in the contract's words."""
    match error:
        case ProviderError():
            return error
        case APIStatusError():
            return _from_status(error)
        case APITimeoutError() | TimeoutError():
            return ProviderError("the model did not answer in time", code="timeout", retryable=True)
        case APIResponseValidationError() | json.JSONDecodeError() | UnicodeDecodeError():
            return ProviderError(f"the model's answer makes no sense: {error}", code="protocol", retryable=True)
        case APIConnectionError():
            return _from_connection(error)
        case APIError():
            return _from_event(error)
        case OpenAIError():
            return ProviderError(f"the request cannot be made: {error}", code="invalid_configuration", retryable=False)
        case OSError():
            return ProviderError(f"the model cannot be reached: {error}", code="unreachable", retryable=True)
        case _:
            said = f"the model's answer makes no sense: {type(error).__name__}: {error}"
            return ProviderError(said, code="protocol", retryable=True)


def retry_after_s(error: BaseException) -> float:
    """The seconds a refusing service wants to be left alone; 0 if it does not say."""
    if not isinstance(error, APIStatusError):
        return 0.0
    try:
        seconds = float(error.response.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _from_status(error: APIStatusError) -> ProviderError:
    status = error.status_code
    code = error.code if error.code not in _GENERIC else None
    code = code or _STATUS_CODES.get(status) or ("server_error" if status >= 500 else f"http_{status}")
    retryable = (status in (408, 409, 429) or status >= 500) and code not in FATAL
    return ProviderError(f"the model refused with {status}: {error.message}", code=code, retryable=retryable)


def _from_connection(error: APIConnectionError) -> ProviderError:
    cause = _root(error)
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        return ProviderError(f"the model's certificate was refused: {cause}", code="tls", retryable=False)
    return ProviderError(f"the connection to the model failed: {cause}", code="unreachable", retryable=True)


def _from_event(error: APIError) -> ProviderError:
    """An error told within the answer."""
    code = error.code or "server_error"
    return ProviderError(f"the model failed: {error.message}", code=code, retryable=code not in FATAL)


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
