"""Whose fault it was: exceptions of the SDK and its socket, and error codes of the service, as ProviderError."""

from typing import Final

import orjson
from openai import OpenAIError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mediaproviders.contract import ProviderError
from mediaproviders.websocket import errors
from mediaproviders.websocket.errors import close_code, code_of, may_pass

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


def from_exception(error: BaseException) -> ProviderError:
    """What opening a connection or talking over it failed with, in the contract's words."""
    if isinstance(error, InvalidStatus):
        return _from_status(error)
    if isinstance(error, ConnectionClosed):
        return from_close(error)
    if isinstance(error, OpenAIError):
        return ProviderError(f"the connection cannot be set up: {error}", code="invalid_configuration", retryable=False)
    return errors.from_exception(error)


def from_close(closed: ConnectionClosed) -> ProviderError:
    """The end of a connection that was not ours to end."""
    code, reason = close_code(closed), closed.rcvd.reason if closed.rcvd else ""
    said = f": {reason}" if reason else ""
    return ProviderError(
        f"the provider closed the connection with {code}{said}",
        code=f"closed_{code}",
        retryable=code in RECOVERABLE_CLOSES,
    )


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
    code = code or code_of(status)
    said = f": {message}" if message else ""
    retryable = may_pass(status) and code not in FATAL
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
