"""What goes wrong, and with which request: the script of a rehearsal's misfortunes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

type FaultKind = Literal[
    "refuse", "stall", "reset", "garbage", "empty", "odd", "flood", "truncate", "unknown_events", "wrong_order"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One misfortune of a request."""

    kind: FaultKind
    """`refuse` it with `status` and `code`; `stall` its answer for `seconds` once `after_ms` of audio are out; `reset`
    the connection there, or end the answer (`truncate`) as if it were whole; answer with `garbage`, or `empty`; split
    samples between pieces (`odd`); `flood` the client with `seconds` of audio nobody asked for; put `unknown_events`
    into the answer, or its events into the `wrong_order`, where it has any."""
    requests: range = range(1)
    """Which requests of the emulator's life, counted from 0."""
    status: int = 500
    code: str | None = None
    """The service's own error code; None: the one that goes with the status."""
    retry_after_s: float | None = None
    after_ms: int = 0
    """Audio answered before it happens; recognisers have no audio to answer with and misbehave at once."""
    seconds: float = 30.0


def fault_of(faults: Iterable[Fault], request: int) -> Fault | None:
    """The misfortune of the nth request, counted from 0."""
    return next((fault for fault in faults if request in fault.requests), None)
