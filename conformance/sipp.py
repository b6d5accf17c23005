"""SIPp as one party of a case."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from conformance import speech
from conformance.compose import scenario
from conformance.fragments import SPEECH
from conformance.ports import listens

MEDIA = Path("/usr/share/sip-tester")
"""The captures that come with SIPp, of keys being pressed."""
RECEIVE_MS = 20_000
"""How long SIPp waits for what has to come, unless the case says otherwise."""
BROKEN_MS = 8_000
"""The same where something is broken, and may never come."""
_START_S = 10.0
_POLL_S = 0.01
_QUOTED = 3000


@dataclass(frozen=True)
class Place:
    """Where a party is, and whom it speaks to."""

    host: str
    port: int
    media: int
    target: str
    transport: str
    """SIPp's own: udp or tcp."""


class Party:
    """One SIPp. `messages` is what it sent and received, once it is over."""

    def __init__(
        self,
        folder: Path,
        case: str,
        element: Element,
        place: Place,
        keys: Mapping[str, int],
        seconds: float,
        receive_ms: int = RECEIVE_MS,
    ) -> None:
        self.element = element
        self.name = element.get("name", element.tag)
        self.place = place
        self._folder = folder / self.name
        self._folder.mkdir(parents=True)
        path = self._folder / "scenario.xml"
        path.write_text(scenario(f"{case} {self.name}", element))
        media = self._folder / "media"
        media.symlink_to(MEDIA)
        speech.write(self._folder / SPEECH)
        self._command = self._options(path, case, keys, seconds, receive_ms)
        self._process: asyncio.subprocess.Process | None = None

    def _options(
        self, path: Path, case: str, keys: Mapping[str, int], seconds: float, receive_ms: int
    ) -> Sequence[str]:
        element, place = self.element, self.place
        user, _, password = element.get("auth", "").partition(":")
        options = [
            "sipp", *([place.target] if element.tag == "caller" else []), "-sf", str(path),
            "-s", element.get("service", "assistant"), "-i", place.host, "-p", str(place.port), "-bind_local",
            "-mi", place.host, "-mp", str(place.media), "-t", "t1" if place.transport == "tcp" else "u1",
            "-m", element.get("calls", "1"), "-r", element.get("rate", "10"), "-cid_str", f"%u-%p-{case}@%s",
            "-ci", "127.0.0.1", "-nostdin", "-recv_timeout", element.get("waits", str(receive_ms)),
            "-timeout", f"{seconds:.0f}s", "-timeout_error",
            "-trace_err", "-error_file", "errors", "-trace_msg", "-message_file", "messages",
        ]  # fmt: skip
        if user:
            options += ["-au", user, "-ap", password]
        for name, value in keys.items():
            options += ["-key", name, str(value)]
        return [*options, *element.get("options", "").split()]

    async def start(self, learnt: Mapping[str, str] | None = None) -> None:
        """Start it; one that is called listens when this returns."""
        keys = [word for name, value in (learnt or {}).items() for word in ("-key", name, value)]
        self._process = await asyncio.create_subprocess_exec(
            *self._command, *keys, cwd=self._folder, env=os.environ | {"TERM": "dumb"},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
            stderr=(self._folder / "stderr").open("wb"),
        )  # fmt: skip
        if self.element.tag == "callee":
            async with asyncio.timeout(_START_S):
                # The kernel tells nobody when a port is bound.
                while not listens(self.place.port, self.place.transport) and self.runs:  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_S)

    @property
    def runs(self) -> bool:
        """Whether it is not over."""
        return self._process is not None and self._process.returncode is None

    async def over(self) -> str | None:
        """Wait for its end: None if every call followed the scenario, else what went wrong."""
        assert self._process is not None
        status = await self._process.wait()
        return None if status == 0 else f"{self.name} (sipp exit {status}): {self._why()}"

    async def kill(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _why(self) -> str:
        for name in ("errors", "stderr"):
            path = self._folder / name
            text = path.read_text(errors="replace").strip() if path.exists() else ""
            if text:
                return text[:_QUOTED]
        return "no message"

    @property
    def messages(self) -> str:
        """All it sent and received, as SIPp writes it down."""
        path = self._folder / "messages"
        return path.read_text(errors="replace") if path.exists() else ""
