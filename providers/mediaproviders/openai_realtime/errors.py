"""Whose fault it was: exceptions of the SDK and its socket, and error codes of the service, as ProviderError."""

import ssl
from typing import Final

import orjson
from openai import OpenAIError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from mediaproviders.contract import ProviderError

FATAL: Final = frozenset(
    {
        "account_deactivated",
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
    }
)
"""Codes after which nothing will work, however often it is tried."""
RECOVERABLE_CLOSES: Final = frozenset({1000, 1001, 1002, 1005, 1006, 1009, 1011, 1012, 1013, 1015})
"""Close codes after which another session may work.

1000 is here for a server that left before we did, 1002 and 1009 for our own answer to a senseless or a huge frame.
"""

_CODES: Final = {"DeploymentNotFound": "model_not_found", "OperationNotSupported": "model_not_found"}
"""Azure's own words for what others call so."""
_STATUS_CODES: Final = {
    400: "bad_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}


def from_exception(error: BaseException) -> ProviderError:
    """What opening a connection or talking over it failed with, in the contract's words."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, InvalidStatus):
        return _from_status(error)
    if isinstance(error, ConnectionClosed):
        return from_close(error)
    if isinstance(error, TimeoutError):
        return ProviderError("the provider did not answer in time", code="timeout", retryable=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProviderError(f"the provider's certificate was refused: {error}", code="tls", retryable=False)
    if isinstance(error, OSError):
        return ProviderError(f"the provider cannot be reached: {error}", code="unreachable", retryable=True)
    if isinstance(error, InvalidURI | OpenAIError):
        return ProviderError(f"the connection cannot be set up: {error}", code="invalid_configuration", retryable=False)
    if isinstance(error, InvalidHandshake | WebSocketException):
        return ProviderError(f"no WebSocket at the provider: {error}", code="handshake", retryable=True)
    return ProviderError(f"{type(error).__name__}: {error}", code="unknown", retryable=False)


def from_close(closed: ConnectionClosed) -> ProviderError:
    """The end of a connection that was not ours to end."""
    code, reason = close_code(closed), closed.rcvd.reason if closed.rcvd else ""
    said = f": {reason}" if reason else ""
    return ProviderError(
        f"the provider closed the connection with {code}{said}",
        code=f"closed_{code}",
        retryable=code in RECOVERABLE_CLOSES,
    )


def close_code(closed: ConnectionClosed) -> int:
    """The code of a close: the peer's, else ours, else 1006 for a connection that just broke (RFC 6455 7.1.5)."""
    if closed.rcvd is not None:
        return closed.rcvd.code
    return closed.sent.code if closed.sent is not None else 1006


def stalled() -> ProviderError:
    """The peer has not read for so long that it is given up."""
    return ProviderError("the provider does not read any more", code="stalled", retryable=True)


def from_code(code: str, message: str) -> ProviderError:
    """An error event that ends the session."""
    return ProviderError(f"{code}: {message}", code=code, retryable=code not in FATAL)


def _from_status(error: InvalidStatus) -> ProviderError:
    status = error.response.status_code
    code, message = _body_error(error.response.body)
    code = _CODES.get(code, code) if code is not None and not code.isdigit() else None
    code = code or _STATUS_CODES.get(status) or ("server_error" if status >= 500 else f"http_{status}")
    said = f": {message}" if message else ""
    retryable = (status in (408, 429) or status >= 500) and code not in FATAL
    return ProviderError(f"the provider refused the connection with {status}{said}", code=code, retryable=retryable)


def _body_error(body: bytes | bytearray | None) -> tuple[str | None, str | None]:
    try:
        error = orjson.loads(body or b"")["error"]
        if isinstance(error, str):
            # xAI's bodies: a text, and a code that is a sentence.
            return None, error
        code, message = error.get("code"), error.get("message")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, None
    return (code if isinstance(code, str) else None), (message if isinstance(message, str) else None)
