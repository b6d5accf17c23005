"""What the service says when it does not accept a client event."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - it is the service's answer, not a failure of ours
    """A client event is refused. The session goes on; the client gets an `error` event."""

    def __init__(
        self, code: str | None, message: str, param: str | None = None, *, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.param = param

    def body(self, event_id: str | None) -> dict[str, Any]:
        """The `error` object of the event, echoing the offending client event's id."""
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def invalid_value(param: str, message: str) -> Refusal:
    """A field has a value the service does not take."""
    return Refusal("invalid_value", message, param)


def missing(param: str) -> Refusal:
    """A field the service needs is absent."""
    return Refusal("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def unknown(param: str) -> Refusal:
    """A field the service does not know."""
    return Refusal("unknown_parameter", f"Unknown parameter: '{param}'.", param)


def wrong_type(param: str, expected: str, value: object) -> Refusal:
    """A field is of another JSON type than the service expects."""
    return Refusal(
        "invalid_type", f"Invalid type for '{param}': expected {expected}, but got {json_type(value)} instead.", param
    )


def json_type(value: object) -> str:
    """The JSON name of a value's type, with its article."""
    if value is None:
        return "null"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a decimal"),
        (str, "a string"),
        (list, "an array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "an object")
