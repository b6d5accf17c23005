"""A server of our own for a rehearsal: started as a process, its log read line by line."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaserver.errors import MediaServerError

STOP_S = 10.0


class ServerFailedError(MediaServerError):
    """The server ended, or did not get ready. The message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event of the server's log, read `at` (monotonic)."""

    at: float
    event: str
    fields: Mapping[str, Any]


class ServerProcess:
    """The running process. `lines` is its log so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._rest: list[str] = []
        self._changed = asyncio.Condition()
        self.lines: list[LogLine] = []

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def events(self) -> AsyncIterator[LogLine]:
        """Every line from the first on, as they come, until the process ends."""
        index = 0
        while True:
            while index < len(self.lines):
                yield self.lines[index]
                index += 1
            async with self._changed:
                if index < len(self.lines):
                    continue
                if self._process.returncode is not None:
                    return
                await self._changed.wait()

    async def ready(self, timeout_s: float) -> LogLine:
        """The line that says that it serves. Raises ServerFailedError."""
        try:
            async with asyncio.timeout(timeout_s):
                async for line in self.events():
                    if line.event == "ready":
                        return line
        except TimeoutError:
            raise ServerFailedError(f"the server was not ready after {timeout_s:.0f} s:\n{self.tail()}") from None
        raise ServerFailedError(f"the server ended:\n{self.tail()}")

    def tail(self) -> str:
        """The end of its output that is not log lines: faults, tracebacks."""
        return "\n".join(self._rest[-25:])

    async def read(self) -> None:
        """Read its output until it ends."""
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            text = raw.decode(errors="replace").rstrip()
            try:
                fields = json.loads(text)
                line = LogLine(time.monotonic(), fields["event"], fields)
            except (ValueError, KeyError, TypeError):
                self._rest.append(text)
                continue
            self.lines.append(line)
            await self._announce()
        await self._process.wait()
        await self._announce()

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def serving(settings: Path) -> AsyncIterator[ServerProcess]:
    """Run `mediaserver serve` with these settings; it is stopped on leaving."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "serve", "--config", str(settings),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    server = ServerProcess(process)
    reader = asyncio.create_task(server.read())
    try:
        yield server
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
        await reader
