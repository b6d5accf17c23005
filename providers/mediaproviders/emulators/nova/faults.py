"""What goes wrong, and when: the script of a rehearsal's misfortunes."""

from dataclasses import dataclass
from typing import Literal

from mediaproviders.emulators.script import Moment

type FaultKind = Literal[
    "stall",
    "flood",
    "garbage",
    "bad_frame",
    "wrong_order",
    "unknown_event",
    "unknown_type",
    "exception",
    "error",
    "end",
    "reset",
    "abort",
    "go_away",
    "empty",
    "mute",
    "stop_reading",
]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse requests instead of opening a stream."""

    status: int
    kind: str
    """`ThrottlingException`, `ServiceUnavailableException`, `ExpiredTokenException`, … as the service would answer."""
    message: str = "The emulator was told to refuse."
    requests: range = range(1)
    """Which requests of the emulator's life, counted from 0."""


@dataclass(frozen=True, slots=True)
class Fault(Moment):
    """One misfortune of a session, at a second of its life or at a place in one of its answers."""

    kind: FaultKind
    """`stall` the answer, or `stop_reading` the request, for `seconds`; `flood` the rest of the answer and `seconds`
    more audio at once; `garbage` where an event belongs; a `bad_frame` with a wrong checksum; the events of a turn in
    the `wrong_order`; an `unknown_event`, or a frame of an `unknown_type`; an `exception` of the model or an `error`
    outside it, then the end; `end` the stream without a word; `reset` it; `abort` the TCP connection; `go_away`;
    an `empty` answer; `mute`: send nothing any more."""
    sessions: range | None = None
    """Only these sessions of the emulator's life, counted from 0; None: all."""
    seconds: float = 5.0
    """Length of `stall`, `stop_reading`, `flood`."""
    code: str = "modelStreamErrorException"
    """Of `exception` and `error`."""
    message: str = "The emulator was told to err."

    def concerns(self, session: int) -> bool:
        """Whether it strikes the nth session, counted from 0."""
        return self.sessions is None or session in self.sessions
