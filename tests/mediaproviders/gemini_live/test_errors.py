"""Whose fault it was."""

import ssl

import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from google.genai.errors import APIError
from websockets.exceptions import ConnectionClosedError, InvalidURI
from websockets.frames import Close

from mediaproviders.contract import ProviderError
from mediaproviders.gemini_live.errors import from_close, from_exception


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (TimeoutError(), "timeout", True),
        (ConnectionRefusedError("no"), "unreachable", True),
        (ssl.SSLCertVerificationError("bad"), "tls", False),
        (TransportError("no net"), "unreachable", True),
        (RefreshError("revoked"), "invalid_api_key", False),
        (DefaultCredentialsError("none"), "invalid_configuration", False),
        (InvalidURI("x", "y"), "invalid_configuration", False),
        (ValueError("Failed to parse response"), "protocol", True),
        (APIError(1011, "Internal error encountered.", None), "closed_1011", True),
        (APIError(1006, "Abnormal closure.", None), "connection_lost", True),
        (ConnectionClosedError(Close(1008, "models/x is not found"), None), "model_not_found", False),
        (ConnectionClosedError(None, Close(1009, "")), "closed_1009", True),
        (ConnectionClosedError(None, None), "connection_lost", True),
        (RuntimeError("?"), "unknown", False),
    ],
)
def test_what_opening_failed_with(error, code, retryable):
    mapped = from_exception(error)
    assert (mapped.code, mapped.retryable) == (code, retryable)


def test_our_own_stay_what_they_are():
    own = ProviderError("x", code="y", retryable=True)
    assert from_exception(own) is own


@pytest.mark.parametrize(
    ("code", "reason", "ready", "expected"),
    [
        (1007, "Request contains an invalid argument.", False, ("invalid_configuration", False)),
        (1007, "Request contains an invalid argument.", True, ("closed_1007", True)),
        (1007, "User location is not supported for the API use.", False, ("forbidden", False)),
        (1008, "Permission denied.", False, ("forbidden", False)),
        (1011, "The service is currently unavailable.", False, ("closed_1011", True)),
        (1000, "not found", True, ("closed_1000", True)),
    ],
)
def test_close_codes_tell_little_and_reasons_more(code, reason, ready, expected):
    error = from_close(code, reason, ready=ready)
    assert (error.code, error.retryable) == expected
