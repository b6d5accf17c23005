"""Whose fault it was: exceptions of the SDK and error codes of the service, in the contract's words."""

import ssl
from collections.abc import Iterator
from typing import Any, Final

import orjson
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from mediaproviders.contract import ProviderError

_STATUS_CODES: Final = {
    401: "invalid_api_key",
    403: "forbidden",
    404: "model_not_found",
    408: "timeout",
    429: "rate_limit_exceeded",
}
_FATAL: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "account_deactivated"})
_AZURE_CODES: Final = {"DeploymentNotFound": "model_not_found", "RateLimitReached": "rate_limit_exceeded"}


def from_exception(error: Exception) -> ProviderError:
    """What a request failed with."""
    if isinstance(error, ProviderError):
        return error
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _causes(error)):
        return ProviderError(f"the service's certificate was refused: {error}", code="tls", retryable=False)
    if isinstance(error, APIStatusError):
        return _from_status(error)
    if isinstance(error, APITimeoutError | TimeoutError):
        return ProviderError("the service did not answer in time", code="timeout", retryable=True)
    if isinstance(error, APIConnectionError):
        # The SDK has one word for both; the HTTP client below it has two.
        if type(error.__cause__).__name__.startswith("Connect"):
            return ProviderError(f"the service cannot be reached: {_root(error)}", code="unreachable", retryable=True)
        return ProviderError(f"the service broke off: {_root(error)}", code="connection_lost", retryable=True)
    if isinstance(error, APIError):
        # An error event in the middle of an answer.
        code = error.code or "server_error"
        return ProviderError(f"{code}: {error.message}", code=code, retryable=code not in _FATAL)
    if isinstance(error, ValueError):
        return ProviderError(f"the service's answer makes no sense: {error}", code="protocol", retryable=True)
    if isinstance(error, OpenAIError):
        return ProviderError(f"the request cannot be made: {error}", code="invalid_configuration", retryable=False)
    # What is left comes from the HTTP client, reading an answer that had begun.
    return ProviderError(
        f"the service broke off: {type(error).__name__}: {error}", code="connection_lost", retryable=True
    )


def from_event(error: Any) -> ProviderError:
    """An error event, by its `error` object."""
    said = error if isinstance(error, dict) else {}
    code = str(said.get("code") or "server_error")
    retryable = code in ("server_error", "rate_limit_exceeded", "session_expired")
    return ProviderError(f"{code}: {str(said.get('message'))[:300]}", code=code, retryable=retryable)


def from_refusal(status: int, body: bytes | bytearray | None) -> ProviderError:
    """A refused WebSocket handshake."""
    try:
        said = orjson.loads(body or b"")["error"]
        code, message = said.get("code"), said.get("message")
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = None, None
    return _refused(status, code if isinstance(code, str) else None, str(message or ""))


def from_os(error: OSError) -> ProviderError:
    """A connection that cannot be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProviderError(f"the service's certificate was refused: {error}", code="tls", retryable=False)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return ProviderError(f"the service broke off: {error}", code="connection_lost", retryable=True)
    return ProviderError(f"the service cannot be reached: {error}", code="unreachable", retryable=True)


def _from_status(error: APIStatusError) -> ProviderError:
    # The service's own sentence, without what the SDK or a proxy put around it.
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return _refused(error.status_code, error.code, str(said or error.message))


def _refused(status: int, code: str | None, message: str) -> ProviderError:
    if code is None or code.isdigit():
        code = _STATUS_CODES.get(status) or ("server_error" if status >= 500 else "bad_request")
    code = _AZURE_CODES.get(code, code)
    retryable = (status in (408, 409, 429) or status >= 500) and code not in _FATAL
    return ProviderError(f"the service refused with {status}: {message[:300]}", code=code, retryable=retryable)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _root(error: BaseException) -> BaseException:
    return list(_causes(error))[-1]
