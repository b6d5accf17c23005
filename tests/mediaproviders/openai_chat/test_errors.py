"""Whose fault it was."""

import json
import ssl

import httpx2
import pytest
from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError, OpenAIError

from mediaproviders.contract import ProviderError
from mediaproviders.openai_chat import errors

REQUEST = httpx2.Request("POST", "http://127.0.0.1/v1/chat/completions")


def status(code: int, body: object = None, **headers: str) -> APIStatusError:
    return APIStatusError("said", response=httpx2.Response(code, request=REQUEST, headers=headers), body=body)


def caused(by: Exception) -> APIConnectionError:
    error = APIConnectionError(request=REQUEST)
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (status(400), "bad_request", False),
        (status(401), "invalid_api_key", False),
        (status(401, {"code": "invalid_api_key"}), "invalid_api_key", False),
        (status(401, {"code": "401"}), "invalid_api_key", False),
        (status(403), "forbidden", False),
        (status(404, {"code": "DeploymentNotFound"}), "model_not_found", False),
        (status(408), "timeout", True),
        (status(418), "http_418", False),
        (status(429), "rate_limit_exceeded", True),
        (status(429, {"code": "insufficient_quota"}), "insufficient_quota", False),
        (status(500), "server_error", True),
        (status(529, {"code": "overloaded"}), "overloaded", True),
        (APITimeoutError(request=REQUEST), "timeout", True),
        (TimeoutError(), "timeout", True),
        (caused(ConnectionRefusedError("no")), "unreachable", True),
        (caused(ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")), "tls", False),
        (OSError("gone"), "unreachable", True),
        (json.JSONDecodeError("no", "x", 0), "protocol", True),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), "protocol", True),
        (ValueError("odd"), "protocol", True),
        (APIError("said", REQUEST, body={"code": "server_error"}), "server_error", True),
        (APIError("said", REQUEST, body={"code": "insufficient_quota"}), "insufficient_quota", False),
        (APIError("said", REQUEST, body=None), "server_error", True),
        (OpenAIError("no key"), "invalid_configuration", False),
        (ProviderError("mine", code="mine", retryable=False), "mine", False),
    ],
)
def test_every_failure_has_a_code_and_says_whether_trying_again_may_help(
    error: Exception, code: str, retryable: bool
) -> None:
    mapped = errors.from_exception(error)
    assert (mapped.code, mapped.retryable) == (code, retryable)
    assert str(mapped)


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2.0), ("0.5", 0.5), ("soon", 0.0), ("-1", 0.0), ("inf", 0.0), ("nan", 0.0)]
)
def test_how_long_a_service_wants_to_be_left_alone(header: str, seconds: float) -> None:
    assert errors.retry_after_s(status(429, **{"retry-after": header})) == seconds
    assert errors.retry_after_s(status(429)) == errors.retry_after_s(OSError()) == 0.0
