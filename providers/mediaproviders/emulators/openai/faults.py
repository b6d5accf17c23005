"""What goes wrong, and when: the script of a rehearsal's misfortunes."""

from dataclasses import dataclass
from typing import Literal

from mediaproviders.emulators.script import Moment

type FaultKind = Literal[
    "close",
    "reset",
    "expire",
    "binary_garbage",
    "not_json",
    "truncated_json",
    "unknown_event",
    "error",
    "fail_response",
    "stall",
    "stop_reading",
    "flood",
    "mute",
    "wrong_order",
    "empty_answer",
]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse handshakes with an HTTP status instead of opening a session."""

    status: int
    """429, 500, 503, … as the service would answer."""
    connections: range = range(1)
    """Which connections of the emulator's life, counted from 0."""
    retry_after_s: int | None = None
    """Value of the Retry-After header; None: no header."""


@dataclass(frozen=True, slots=True)
class Fault(Moment):
    """One misfortune of a session, at a second of its life or at a place in one of its answers."""

    kind: FaultKind
    """`close` with `code`; `reset` the TCP connection; `expire` as at the session limit; send `binary_garbage`, text
    that is `not_json`, `truncated_json`, or an `unknown_event`; an `error` event; end the answer as `fail_response`;
    `stall` the answer, or `stop_reading` the socket, for `seconds`; `flood` the rest of the answer and `seconds` more
    audio at once; `mute`: send nothing any more; `wrong_order`: audio of a response nobody announced, and the end of
    the answer before the rest of it; `empty_answer`: end it as if all were well with nothing said."""
    connections: range | None = None
    """Only these connections of the emulator's life, counted from 0; None: all."""
    seconds: float = 5.0
    """Length of `stall`, `stop_reading`, `flood`."""
    code: int = 1011
    """Close code of `close`."""
    error_code: str = "server_error"
    """Code of `error` and `fail_response`."""

    def concerns(self, connection: int) -> bool:
        """Whether it strikes the nth connection, counted from 0."""
        return self.connections is None or connection in self.connections
