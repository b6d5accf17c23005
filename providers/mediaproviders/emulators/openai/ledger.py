"""The timelines of all sessions: in memory, to a callback, and to a file."""

from collections import deque
from io import BufferedWriter
from typing import Any

import orjson

from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.openai.timeline import Timeline


class Ledger:
    """Keeps the log of the sessions under way and of the latest that are over."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        self._lines: list[bytes] = []
        self._file: BufferedWriter | None = None
        if settings.timeline_path is not None:
            self._file = settings.timeline_path.open("ab")
        self.sessions: deque[Timeline] = deque(maxlen=settings.sessions_kept)

    def open(self, session: str, call: str | None) -> Timeline:
        """A new session's timeline."""
        timeline = Timeline(session, call, self._settings.log_size, self._record)
        self.sessions.append(timeline)
        return timeline

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
        if self._settings.record is not None:
            self._settings.record(entry)
        if self._file is not None:
            self._lines.append(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
