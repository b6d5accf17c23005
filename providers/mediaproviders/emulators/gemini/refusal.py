"""How the service refuses: there is no error message, only a close code and its reason."""

INVALID = 1007
POLICY = 1008
_MOST_REASON = 123
"""Bytes of a close reason (RFC 6455 5.5)."""


class Refusal(Exception):  # noqa: N818 - it is no error of ours
    """The connection is closed because of what the client sent."""

    def __init__(self, reason: str, code: int = INVALID) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def reason(self) -> str:
        """What the client is told, cut to what a close frame holds."""
        return str(self).encode()[:_MOST_REASON].decode(errors="ignore")


def unknown_name(name: str, path: str) -> Refusal:
    """A field that the protocol does not have."""
    where = f" at '{path}'" if path else ""
    return Refusal(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')


def invalid_value(path: str, value: object) -> Refusal:
    """A field whose value is of another kind."""
    return Refusal(f"Invalid value at '{path}': {str(value)[:40]}")
