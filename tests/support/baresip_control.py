"""Orders to a running baresip: JSON in netstrings over TCP, as its module ctrl_tcp takes them."""

import asyncio
import json
from typing import Any

_CONNECT_S = 15.0


class Control:
    """A connection to one baresip. `events` is everything it said by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.events: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read(reader))

    @classmethod
    async def open(cls, port: int) -> "Control":
        """Connect, as soon as it listens."""
        async with asyncio.timeout(_CONNECT_S):
            while True:
                try:
                    return cls(*await asyncio.open_connection("127.0.0.1", port))
                except OSError:
                    await asyncio.sleep(0.05)  # another process has to come up

    async def order(self, command: str, parameters: str = "") -> str:
        """Give a command of `/help`; what it printed. Raises AssertionError when it says that it could not."""
        order = json.dumps({"command": command, "params": parameters, "token": command}).encode()
        self._writer.write(b"%d:%s," % (len(order), order))
        async with asyncio.timeout(5):
            answer = await self._answers.get()
        assert answer.get("ok"), f"baresip did not take {command} {parameters}: {answer}"
        return str(answer.get("data", ""))

    def seen(self, kind: str) -> int:
        """How many events of a type there were, as CALL_ESTABLISHED."""
        return sum(event.get("type") == kind for event in self.events)

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                length = await reader.readuntil(b":")
                text = await reader.readexactly(int(length[:-1]) + 1)
                said = json.loads(text[:-1])
                if said.get("response"):
                    self._answers.put_nowait(said)
                else:
                    self.events.append(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
