"""What all of Amazon's services say alike."""

import pytest
from awscrt.exceptions import AwsCrtError
from smithy_core.exceptions import CallError, ModeledError

from mediaproviders.aws.errors import causes, from_transport, name_of


@pytest.mark.parametrize(
    ("name", "code", "retryable"),
    [
        ("AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE", "tls", False),
        ("AWS_IO_SOCKET_CONNECTION_REFUSED", "unreachable", True),
        ("AWS_IO_SOCKET_NO_ROUTE_TO_HOST", "unreachable", True),
        ("AWS_IO_SOCKET_TIMEOUT", "unreachable", True),
        ("AWS_IO_DNS_INVALID_NAME", "unreachable", True),
        ("AWS_IO_SOCKET_CLOSED", "connection_lost", True),
        ("AWS_ERROR_HTTP_RST_STREAM_RECEIVED", "connection_lost", True),
    ],
)
def test_connections(name, code, retryable):
    told = from_transport(AwsCrtError(1, name, "said so"))
    assert (told.code, told.retryable) == (code, retryable)
    assert f"{name}: said so" in str(told)


def test_names_of_exceptions():
    modelled = type("ThrottlingException", (ModeledError,), {})
    unknown = CallError("Unknown error for operation com.amazonaws#Invoke - code: com.amazonaws#ExpiredTokenException")
    assert name_of(unknown) == "ExpiredTokenException"
    assert name_of(modelled("com.amazonaws#OtherException")) == "ThrottlingException"
    assert name_of(CallError("no name at all")) == "CallError"


def test_causes():
    root, middle, last = ValueError(), KeyError(), OSError()
    last.__cause__, middle.__context__ = middle, root
    assert list(causes(last)) == [last, middle, root]
    root.__cause__ = last
    assert len(list(causes(last))) == 10
