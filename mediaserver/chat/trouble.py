"""What went wrong in a chat, in words for whoever is chatting."""

from collections.abc import Mapping
from typing import Final

from mediaproviders.contract import ProviderError


class ChatError(Exception):
    """An answer that did not come. `over`: the chat has ended with it."""

    def __init__(self, message: str, *, over: bool) -> None:
        super().__init__(message)
        self.over = over


_PLAIN: Final[Mapping[str, str]] = {
    "invalid_api_key": "The model's service refuses the key. Check the agent's own key, or the server's.",
    "forbidden": "The key may not use this model. Check what the account is allowed.",
    "model_not_found": "The service does not know the model. Check the model's name, or the deployment's.",
    "rate_limit_exceeded": "The service has too much to do, or the account's limit is reached. Try again later.",
    "insufficient_quota": "The account has no credit left.",
    "unreachable": "The service cannot be reached. Check the address and the network.",
    "timeout": "The service did not answer in time.",
    "tls": "The service's certificate is not trusted. Check the address, or the certificates to trust.",
    "stalled": "The model did not answer.",
    "empty-answers": "The model's answers were empty.",
    "server_error": "The service has a fault of its own. Try again later.",
    "session_expired": "The session lasted longer than the service allows.",
    "connection_lost": "The connection to the service was lost.",
    "invalid_configuration": "The service does not accept the agent's settings.",
    "not_installed": "A part of the server that this agent needs is not installed.",
    "not-installed": "A part of the server that this agent needs is not installed.",
}
_SHORT: Final = frozenset({"invalid_api_key", "insufficient_quota"})
"""Where the service's own words say no more, and may repeat a part of the key."""
HOPELESS: Final = frozenset({"invalid_api_key", "insufficient_quota", "forbidden", "model_not_found"})
"""Why the next answer will not come either."""


def broken_off(reason: str, *, over: bool) -> ChatError:
    """An answer that did not come, or not whole, for this reason."""
    return ChatError(_PLAIN.get(reason, f"The model broke off: {reason}."), over=over)


def plain(error: ProviderError, *, over: bool) -> ChatError:
    """The error as whoever is chatting should read it."""
    known = _PLAIN.get(error.code)
    if known is None:
        known = "The connection to the service was lost." if error.code.startswith("closed_") else "The model failed."
    detail = str(error).strip()
    return ChatError(known if error.code in _SHORT or not detail else f"{known} ({detail})", over=over)
