"""Whose fault it was: what a WebSocket fails with, as far as it has nothing to do with the protocol inside."""

import ssl
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidURI, WebSocketException

from mediaproviders.contract import ProviderError

LOST: Final = 1006
"""The code of a connection that ended without one."""
_STATUSES: Final = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}


def code_of(status: int) -> str:
    """What a handshake was refused for, as far as its HTTP status says."""
    return _STATUSES.get(status) or ("server_error" if status >= 500 else f"http_{status}")


def may_pass(status: int) -> bool:
    """Another attempt may go better."""
    return status in (408, 429) or status >= 500


def close_code(closed: ConnectionClosed) -> int:
    """The code of a close: the peer's, else ours, else 1006 for a connection that just broke (RFC 6455 7.1.5)."""
    if closed.rcvd is not None:
        return closed.rcvd.code
    return closed.sent.code if closed.sent is not None else LOST


def from_exception(error: BaseException) -> ProviderError:
    """What opening a connection failed with; for refusals and closes, protocols have words of their own."""
    match error:
        case ProviderError():
            return error
        case TimeoutError():
            return ProviderError("the provider did not answer in time", code="timeout", retryable=True)
        case ssl.SSLCertVerificationError():
            return ProviderError(f"the provider's certificate was refused: {error}", code="tls", retryable=False)
        case OSError():
            return ProviderError(f"the provider cannot be reached: {error}", code="unreachable", retryable=True)
        case InvalidURI():
            said = f"the connection cannot be set up: {error}"
            return ProviderError(said, code="invalid_configuration", retryable=False)
        case WebSocketException():
            return ProviderError(f"no WebSocket at the provider: {error}", code="handshake", retryable=True)
    return ProviderError(f"{type(error).__name__}: {error}", code="unknown", retryable=False)
