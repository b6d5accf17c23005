"""What the cases run against: servers as processes, each with an emulated model, one for each set of settings."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.case import Case
from conformance.ports import Ports
from conformance.settings import settings, toml
from mediaproviders.emulators import certificates
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaserver.load.server_process import LogLine, ServerProcess, serving

READY_S = 180.0
"""A server starts in two seconds of an idle machine."""


@dataclass
class Running:
    """A server and its model. `path` is its settings, for further commands."""

    emulator: OpenAIEmulator
    path: Path
    process: ServerProcess | None
    """None where the case has no server that stays, only calls of its own (`dial`)."""
    at: Mapping[str, tuple[str, int]]
    """Where it listens, by transport, `udp6` being UDP over IPv6."""

    async def line(self, event: str, count: int = 1, timeout_s: float = 15.0) -> LogLine:
        """The count-th line of that name in its log, once it is there."""
        assert self.process is not None
        seen = 0
        async with asyncio.timeout(timeout_s):
            async for line in self.process.events():
                seen += line.event == event
                if seen == count and line.event == event:
                    return line
        raise TimeoutError(f"the server ended without {event}")


class World:
    """Servers by the name of their settings."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.folder = folder
        self.ports = ports
        self.identity = certificates.make(folder / "certificates")
        self._stack = AsyncExitStack()
        self._silent = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._running: dict[str, asyncio.Task[Running]] = {}

    @asynccontextmanager
    async def server(self, case: Case, folder: Path, names: Mapping[str, object]) -> AsyncIterator[Running]:
        """The one that a case runs against: shared, or its own."""
        if case.alone:
            async with self._serve(case.server, folder, case.settings, case.model, names, not case.dials) as running:
                yield running
            return
        if case.server not in self._running:
            shared = self._serve(case.server, self.folder / "servers" / case.server, "", None, {}, True)
            self._running[case.server] = asyncio.ensure_future(self._stack.enter_async_context(shared))
        yield await asyncio.shield(self._running[case.server])

    async def close(self) -> None:
        """Stop the shared ones."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._stack.aclose()

    @asynccontextmanager
    async def _serve(
        self, name: str, folder: Path, more: str, model: Mapping[str, str] | None,
        names: Mapping[str, object], stays: bool,
    ) -> AsyncIterator[Running]:  # fmt: skip
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        known = {
            "certificate": self.identity.chain,
            "key": self.identity.key,
            "authority": self.identity.authority,
            "folder": folder,
            "silent": self._silent.getsockname()[1],
            **names,
        }
        async with OpenAIEmulator(_model(model or {}, known)) as emulator:
            tables = settings(name, model_url=emulator.url, media=self.ports.media(), more=more, **known)
            path = folder / "mediaserver.toml"
            path.write_text(toml(tables))
            if not stays:
                yield Running(emulator, path, None, {})
                return
            async with serving(path) as process:
                ready = await process.ready(READY_S)
                at: dict[str, tuple[str, int]] = {}
                for key, value in ready.fields.items():
                    if key.startswith("sip_"):
                        at |= _addresses(key.removeprefix("sip_"), value)
                yield Running(emulator, path, process, at)


def _addresses(transport: str, text: str) -> dict[str, tuple[str, int]]:
    found = {}
    for each in text.split(", "):
        host, _, port = each.rpartition(":")
        found[transport + ("6" if host.startswith("[") else "")] = (host.strip("[]"), int(port))
    return found


def _model(given: Mapping[str, str], names: Mapping[str, object]) -> EmulatorSettings:
    """`tool` with `arguments` is what it does on the caller's first turn, or on `turn`; `{name}` is filled in."""
    length = int(given.get("answer_ms", "600"))
    if "tool" not in given:
        return EmulatorSettings(answer_ms=length)
    arguments = given.get("arguments", "{}")
    for name, value in names.items():
        arguments = arguments.replace("{" + name + "}", str(value))
    json.loads(arguments)
    tools = {int(given.get("turn", "1")): (given["tool"], arguments)}
    return EmulatorSettings(answer_ms=length, tool_on_turn=tools)
