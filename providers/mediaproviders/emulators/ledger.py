"""The timelines of all sessions: in memory, to a callback, and to a file."""

import asyncio
from collections import deque
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import Any, Final

import orjson

from mediaproviders.emulators.timeline import Timeline

FLUSH_S: Final = 1.0


class Ledger:
    """Keeps the log of the sessions under way and of the latest `sessions_kept` that are over.

    `record` is called at once with each entry; the file at `path` gets them as JSON lines. `log_size` entries are kept
    of each session.
    """

    def __init__(
        self, *, path: Path | None, record: Callable[[dict[str, Any]], None] | None, log_size: int, sessions_kept: int
    ) -> None:
        self._recorder = record
        self._log_size = log_size
        self._lines: list[bytes] = []
        self._file: BufferedWriter | None = path.open("ab") if path is not None else None
        self.sessions: deque[Timeline] = deque(maxlen=sessions_kept)

    def open(self, session: str, call: str | None) -> Timeline:
        """A new session's timeline."""
        timeline = Timeline(session, call, self._log_size, self._record)
        self.sessions.append(timeline)
        return timeline

    async def keep_writing(self) -> None:
        """Write to the file every second, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()

    def flush(self) -> None:
        """Write what the file does not have yet."""
        if self._file is not None and self._lines:
            lines, self._lines = self._lines, []
            self._file.write(b"".join(lines))
            self._file.flush()

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _record(self, entry: dict[str, Any]) -> None:
        if self._recorder is not None:
            self._recorder(entry)
        if self._file is not None:
            self._lines.append(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
