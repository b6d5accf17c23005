"""Structured logging: one event per line, JSON for machines or columns for people, a call id on every line of a call.

Cores never log; shells do, and never per packet. Lines are written by a thread of their own, so that a terminal or a
pipe that does not read holds up no call.
"""

import atexit
import logging
import queue
import sys
import threading
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

from mediaserver.sip.masking import masked_text

type LogFormat = Literal["json", "console"]

_BACKLOG_LINES = 10_000
_SHORT = 8
"""Characters in which no secret and its name have room."""


class BackgroundStream:
    """A text stream whose writes return at once. Beyond its bound, lines are dropped and counted in `dropped`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(_BACKLOG_LINES)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        self.dropped = 0

    def write(self, text: str) -> int:
        """Queue `text`; never waits."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing: the writing thread flushes whenever it has caught up."""

    def close(self) -> None:
        """Write what is queued, for at most two seconds."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(2.0)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeError:  # a peer's odd bytes in a name must not end the log
            self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))

    def _run(self) -> None:
        while (text := self._lines.get()) is not None:
            try:
                self._write(text)
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):  # the reader has gone; the calls go on
                return
        try:
            self._stream.flush()
        except (OSError, ValueError):
            pass


def _mask(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No secret of a message gets into the log, whichever way it came into a line."""
    for name, value in event.items():
        if isinstance(value, str):
            if len(value) > _SHORT:
                event[name] = masked_text(value)
        elif isinstance(value, list | tuple):
            event[name] = [masked_text(each) if isinstance(each, str) else each for each in value]
    return event


def configure(form: LogFormat, level: str) -> None:
    """Set up the process's logging to standard output. `level` is debug, info, warning or error."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    stream = BackgroundStream(sys.stdout)
    atexit.register(stream.close)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),  # type: ignore[arg-type]  # only write and flush are used
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
