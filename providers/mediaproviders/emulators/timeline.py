"""What happened when: the record tests and benchmarks measure by."""

from collections import deque
from collections.abc import Callable
from typing import Any

type Entry = dict[str, Any]


class Timeline:
    """The log of one session, bounded: what its client sent, and the moments that matter.

    Every entry has `t` (s of the system's monotonic clock), `session`, `call` (the client's own tag) and `kind`:
    `session`, `speech_started`, `speech_stopped`, `committed`, `response_created`, `first_delta`, `last_delta`,
    `response_done`, `cancel`, `truncate`, `refused`, `fault`, `closed`.
    """

    def __init__(self, session: str, call: str | None, size: int, record: Callable[[Entry], None]) -> None:
        self.session = session
        self.call = call
        self.entries: deque[Entry] = deque(maxlen=size)
        self.client_events: deque[tuple[float, dict[str, Any]]] = deque(maxlen=size)
        """(time, event) of every client event but appends, which are only counted."""
        self.appends = 0
        self.append_bytes = 0
        self.last_append_at: float | None = None
        """When audio last came."""
        self._record = record

    def note(self, kind: str, now: float, **details: Any) -> None:
        """Enter a moment."""
        entry = {"t": now, "session": self.session, "call": self.call, "kind": kind, **details}
        self.entries.append(entry)
        self._record(entry)

    def appended(self, size: int, now: float) -> None:
        """Count an append of `size` bytes of audio."""
        self.appends += 1
        self.append_bytes += size
        self.last_append_at = now

    def of(self, kind: str) -> list[Entry]:
        """The entries of one kind."""
        return [each for each in self.entries if each["kind"] == kind]
