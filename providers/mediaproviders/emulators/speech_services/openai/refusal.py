"""What the service says when it does not do what it is asked for."""

from typing import Any, Final

_TYPES: Final = {401: "invalid_request_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES: Final = {401: "invalid_api_key", 403: "forbidden", 429: "rate_limit_exceeded"}


class Refusal(Exception):  # noqa: N818 - it is the service's answer, not a failure of ours
    """A request is answered with an error."""

    def __init__(self, status: int, code: str | None, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


def scripted(status: int, code: str | None) -> Refusal:
    """What the fault script wants refused."""
    return Refusal(status, code or _CODES.get(status), "The emulator was told to refuse this.")


def missing(param: str) -> Refusal:
    """A field the service needs is absent."""
    return Refusal(400, "missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown(param: str) -> Refusal:
    """A field the service does not know."""
    return Refusal(400, "unknown_parameter", f"Unknown parameter: '{param}'.", param)


def invalid(param: str, message: str) -> Refusal:
    """A field has a value the service does not take."""
    return Refusal(400, "invalid_value", message, param)
