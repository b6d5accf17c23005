import ssl

import pytest
from openai import OpenAIError
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidMessage, InvalidURI
from websockets.frames import Close

from mediaproviders.contract import ProviderError
from mediaproviders.openai_realtime import errors


@pytest.mark.parametrize(
    ("raised", "code", "retryable"),
    [
        (TimeoutError(), "timeout", True),
        (ConnectionRefusedError("no"), "unreachable", True),
        (OSError("name not known"), "unreachable", True),
        (ssl.SSLCertVerificationError("self-signed"), "tls", False),
        (InvalidURI("x", "no scheme"), "invalid_configuration", False),
        (OpenAIError("no key"), "invalid_configuration", False),
        (InvalidMessage("no HTTP"), "handshake", True),
        (ConnectionClosedError(Close(1011, "boom"), None), "closed_1011", True),
        (ConnectionClosedError(Close(1008, "policy"), None), "closed_1008", False),
        (ConnectionClosedError(None, None), "closed_1006", True),
        (ConnectionClosedError(None, Close(1009, "")), "closed_1009", True),
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), "closed_1000", True),
        (KeyError("a bug"), "unknown", False),
    ],
)
def test_exceptions(raised, code, retryable):
    error = errors.from_exception(raised)
    assert (error.code, error.retryable) == (code, retryable)
    assert str(error)


def test_our_own_pass_unchanged():
    own = ProviderError("x", code="y", retryable=True)
    assert errors.from_exception(own) is own


@pytest.mark.parametrize("code", sorted(errors.FATAL))
def test_fatal_codes_are_not_retried(code):
    assert not errors.from_code(code, "m").retryable
