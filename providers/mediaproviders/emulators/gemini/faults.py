"""What goes wrong, and when: the script of a rehearsal's misfortunes."""

from dataclasses import dataclass
from typing import Literal

from mediaproviders.emulators.script import Moment

type FaultKind = Literal[
    "close",
    "reset",
    "go_away",
    "interrupted",
    "binary_garbage",
    "not_json",
    "truncated_json",
    "unknown_event",
    "unknown_field",
    "wrong_order",
    "empty",
    "stall",
    "stop_reading",
    "flood",
    "mute",
]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse handshakes with an HTTP status instead of opening a session."""

    status: int
    """429, 500, 503, … as the service would answer."""
    connections: range = range(1)
    """Which connections of the emulator's life, counted from 0."""


@dataclass(frozen=True, slots=True)
class Fault(Moment):
    """One misfortune of a session, at a second of its life or at a place in one of its answers."""

    kind: FaultKind
    """`close` with `code` and `reason`; `reset` the TCP connection; `go_away` with `seconds` left, and then the end;
    `interrupted` although nobody spoke; send `binary_garbage`, a frame that is `not_json`, `truncated_json`, an
    `unknown_event`, or audio with an `unknown_field` beside it; the answer's events in the `wrong_order`: it is
    complete before it begins; an `empty` answer: complete at once; `stall` the answer, or `stop_reading` the socket,
    for `seconds`; `flood` the rest of the answer and `seconds` more audio at once; `mute`: send nothing any more."""
    connections: range | None = None
    """Only these connections of the emulator's life, counted from 0; None: all."""
    seconds: float = 5.0
    """Length of `stall`, `stop_reading`, `flood`; time left of `go_away`."""
    code: int = 1011
    """Code of `close`."""
    reason: str = "Internal error encountered."
    """Reason of `close`."""
    times: int = 1
    """How often it strikes in a row: garbage may come in numbers."""

    def concerns(self, connection: int) -> bool:
        """Whether it strikes the nth connection, counted from 0."""
        return self.connections is None or connection in self.connections
