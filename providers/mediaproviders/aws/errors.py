"""Whose fault it was, as far as all of Amazon's services and SDKs say it alike, in the contract's words."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from awscrt.exceptions import AwsCrtError
from smithy_core.exceptions import CallError

from mediaproviders.contract import ProviderError


class Verdict(NamedTuple):
    """What an exception means in the contract's words."""

    code: str
    retryable: bool

    def error(self, message: str) -> ProviderError:
        """An error of this kind."""
        return ProviderError(message, code=self.code, retryable=self.retryable)


NAMED: Final[Mapping[str, Verdict]] = {
    "AccessDeniedException": Verdict("forbidden", False),
    "ExpiredTokenException": Verdict("invalid_api_key", False),
    "IncompleteSignatureException": Verdict("invalid_api_key", False),
    "InvalidSignatureException": Verdict("invalid_api_key", False),
    "MissingAuthenticationTokenException": Verdict("invalid_api_key", False),
    "UnrecognizedClientException": Verdict("invalid_api_key", False),
    "ResourceNotFoundException": Verdict("model_not_found", False),
    "ThrottlingException": Verdict("rate_limit_exceeded", True),
    "ServiceUnavailableException": Verdict("server_error", True),
}
"""Exceptions that mean the same of every service."""
_IN_A_SENTENCE: Final = re.compile(r"#(\w+(?:Exception|Error))\b")
_ON_CONNECTING: Final = ("AWS_IO_SOCKET_CONNECT", "AWS_IO_SOCKET_NO", "AWS_IO_SOCKET_TIMEOUT", "AWS_IO_DNS")
_DEEPEST: Final = 10


def name_of(error: CallError) -> str:
    """The exception's name; one that is not in the service's model is told in a sentence of the SDK's."""
    told = _IN_A_SENTENCE.search(error.message)
    return told[1] if told is not None and type(error) is CallError else type(error).__name__


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception, and what it came of."""
    cause: BaseException | None = error
    for _ in range(_DEEPEST):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def from_transport(error: AwsCrtError) -> ProviderError:
    """What a connection failed with."""
    said = f"{error.name}: {error.message}"
    if "TLS" in error.name:
        return ProviderError(f"no trusted connection to the service: {said}", code="tls", retryable=False)
    if error.name.startswith(_ON_CONNECTING):
        return ProviderError(f"the service cannot be reached: {said}", code="unreachable", retryable=True)
    return ProviderError(f"the connection broke: {said}", code="connection_lost", retryable=True)
