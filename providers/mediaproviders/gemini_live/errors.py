"""Whose fault it was: exceptions of the SDK and its socket, and the service's close codes, as ProviderError."""

from typing import Final

from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.genai.errors import APIError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mediaproviders.contract import ProviderError
from mediaproviders.websocket import errors
from mediaproviders.websocket.errors import LOST, close_code, code_of, may_pass

EXPIRED: Final = "session_expired"
INVALID: Final = 1007
POLICY: Final = 1008
INTERNAL: Final = 1011

_REASONS: Final[tuple[tuple[str, str, bool], ...]] = (
    ("api key", "invalid_api_key", False),
    ("api_key", "invalid_api_key", False),
    ("authentication", "invalid_api_key", False),
    ("credential", "invalid_api_key", False),
    ("session not found", EXPIRED, True),
    ("duration", EXPIRED, True),
    ("not found", "model_not_found", False),
    ("not supported for bidi", "model_not_found", False),
    ("permission", "forbidden", False),
    ("location is not supported", "forbidden", False),
    ("quota", "rate_limit_exceeded", True),
    ("resource exhausted", "rate_limit_exceeded", True),
    ("token count", "invalid_configuration", False),
    ("context", "invalid_configuration", False),
    ("/models/", "model_not_found", False),
    ("models/gemini", "model_not_found", False),
)
"""Part of a close reason, its meaning, and whether trying again can help. The codes alone tell little.

A reason is cut to 123 bytes, which the full name of a model can fill.
"""


def from_exception(error: BaseException, *, ready: bool = False) -> ProviderError:
    """What opening a connection or talking over it (`ready`) failed with, in the contract's words."""
    if isinstance(error, ConnectionClosed):
        return from_closed(error, ready=ready)
    if isinstance(error, APIError):
        # The SDK's name for a connection that was closed before it was configured.
        return from_close(error.code, str(error.message or error.details or ""), ready=ready)
    return _from_library(error)


def from_closed(closed: ConnectionClosed, *, ready: bool = True) -> ProviderError:
    """The end of a connection. `ready`: the session stood."""
    return from_close(close_code(closed), closed.rcvd.reason if closed.rcvd is not None else "", ready=ready)


def from_close(code: int, reason: str, *, ready: bool) -> ProviderError:
    """The meaning of a close code and its reason."""
    if code == LOST:
        return ProviderError("the connection to the provider broke", code="connection_lost", retryable=True)
    said = f"the provider closed the connection with {code}" + (f": {reason}" if reason else "")
    lower = reason.lower()
    if code in (INVALID, POLICY, INTERNAL):
        for part, name, retryable in _REASONS:
            if part in lower:
                return ProviderError(said, code=name, retryable=retryable)
    if not ready and code in (INVALID, POLICY):
        # Before the session stands it is our configuration that does not suit.
        return ProviderError(said, code="invalid_configuration", retryable=False)
    return ProviderError(said, code=f"closed_{code}", retryable=True)


def expired(error: ProviderError) -> ProviderError:
    """The end of a connection that was announced."""
    return ProviderError(f"the session's time was over: {error}", code=EXPIRED, retryable=True)


def _from_library(error: BaseException) -> ProviderError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        message = f"the provider refused the connection with {status}"
        return ProviderError(message, code=code_of(status), retryable=may_pass(status))
    if isinstance(error, TransportError):
        return ProviderError(f"no token could be fetched: {error}", code="unreachable", retryable=True)
    if isinstance(error, RefreshError):
        return ProviderError(f"the credentials were refused: {error}", code="invalid_api_key", retryable=False)
    if isinstance(error, GoogleAuthError):
        return ProviderError(f"the connection cannot be set up: {error}", code="invalid_configuration", retryable=False)
    if isinstance(error, ValueError | TypeError | KeyError | AttributeError) and not isinstance(error, OSError):
        # The SDK trips over a first message that is none of the protocol's; TLS's errors are ValueErrors as well.
        return ProviderError(f"the provider's first message makes no sense: {error}", code="protocol", retryable=True)
    return errors.from_exception(error)
