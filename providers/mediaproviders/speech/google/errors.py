"""Whose fault it was: gRPC's status codes, by their names, in the contract's words."""

from typing import Any, Final

from mediaproviders.contract import ProviderError

_CODES: Final = {
    "UNAUTHENTICATED": "invalid_api_key",
    "PERMISSION_DENIED": "forbidden",
    "NOT_FOUND": "model_not_found",
    "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
    "DEADLINE_EXCEEDED": "timeout",
    "UNAVAILABLE": "connection_lost",
    "CANCELLED": "connection_lost",
    "INVALID_ARGUMENT": "invalid_configuration",
    "FAILED_PRECONDITION": "invalid_configuration",
    "OUT_OF_RANGE": "invalid_configuration",
    "UNIMPLEMENTED": "invalid_configuration",
}
_FATAL: Final = frozenset({"invalid_api_key", "forbidden", "model_not_found", "invalid_configuration"})


def check(response: object) -> None:
    """Raises ProviderError for what gRPC makes of an answer that is no message of the service's."""
    if response is None:
        raise ProviderError("the service's answer makes no sense", code="protocol", retryable=True)


def hidden(error: ProviderError) -> bool:
    """The service ended a stream that was still written to, and gRPC forgot what it had said."""
    return "Internal error from Core" in str(error)


def from_exception(error: Exception) -> ProviderError:
    """What a request failed with."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, TimeoutError):
        return ProviderError("the service did not answer in time", code="timeout", retryable=True)
    status = getattr(error, "grpc_status_code", None)
    if status is not None:
        return from_status(status.name, str(getattr(error, "message", error)))
    if type(error).__name__ == "AioRpcError":
        call: Any = error
        return from_status(call.code().name, str(call.details()))
    if type(error).__module__.startswith("google.auth"):
        retryable = bool(getattr(error, "retryable", False))
        return ProviderError(f"no credentials for Google: {error}", code="invalid_api_key", retryable=retryable)
    return ProviderError(f"{type(error).__name__}: {error}", code="connection_lost", retryable=True)


def from_status(name: str, message: str) -> ProviderError:
    """A status of the service, or of gRPC below it."""
    code = _CODES.get(name, "server_error")
    if code == "connection_lost" and "connect to all addresses" in message:
        code = "unreachable"
    return ProviderError(f"{name}: {message[:300]}", code=code, retryable=code not in _FATAL)
