"""A whole system on loopback: the server as a process of its own, a strict emulator beside it, callers of our own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaserver.load.caller import Caller, CallerSettings
from mediaserver.load.recording import Samples
from mediaserver.load.report import CallReport
from mediaserver.load.script import Step
from mediaserver.load.server_process import LogLine, ServerProcess, serving

RATE = 8000
_READY_S = 75.0
"""A server that loads speech models has seconds of work first, and the machine may have others to serve."""


def toml(**tables: dict[str, object]) -> str:
    """Settings as TOML text: one table per keyword, `__` for a dot."""

    def value(given: object) -> str:
        if isinstance(given, bool):
            return "true" if given else "false"
        if isinstance(given, int | float):
            return repr(given)
        if isinstance(given, dict):
            return "{ " + ", ".join(f'"{name}" = {value(each)}' for name, each in given.items()) + " }"
        if isinstance(given, list | tuple):
            return "[" + ", ".join(map(value, given)) + "]"
        return '"' + str(given).replace("\\", "\\\\").replace('"', '\\"') + '"'

    return "\n".join(
        f"[{name.replace('__', '.')}]\n" + "\n".join(f"{key} = {value(each)}" for key, each in table.items())
        for name, table in tables.items()
    )


@dataclass
class Rig:
    """A running server; `uri` is where to call it."""

    server: ServerProcess
    host: str
    port: int
    tcp_port: int
    pid: int

    @property
    def uri(self) -> str:
        return f"sip:agent@{self.host}:{self.port}"

    def lines(self, event: str) -> list[LogLine]:
        return [line for line in self.server.lines if line.event == event]

    async def line(self, event: str, timeout_s: float = 10.0, count: int = 1, **fields: object) -> LogLine:
        """The count-th log line of that name with these fields, once it is there."""
        seen = 0
        async with asyncio.timeout(timeout_s):
            async for line in self.server.events():
                if line.event == event and all(line.fields.get(name) == want for name, want in fields.items()):
                    seen += 1
                    if seen == count:
                        return line
        raise AssertionError(f"the server ended without {event}:\n{self.server.tail()}")

    async def call(
        self, *steps: Step, settings: CallerSettings | None = None, max_s: float = 40.0, uri: str | None = None
    ) -> CallReport:
        return await Caller(settings or CallerSettings(host=self.host)).place(uri or self.uri, steps, max_s=max_s)


@asynccontextmanager
async def rig(folder: Path, **tables: dict[str, Any]) -> AsyncIterator[Rig]:
    """Serve with these settings, on free ports of loopback, logging JSON."""
    tables["sip"] = {"udp": "127.0.0.1:0", "tcp": "127.0.0.1:0"} | tables.get("sip", {})
    tables["rtp"] = {"address": "127.0.0.1", "ports": "22000-29998", "receiver_buffer_ms": 0} | tables.get("rtp", {})
    tables["http"] = {"address": ""} | tables.get("http", {})
    tables["log"] = {"format": "json"} | tables.get("log", {})
    path = folder / "mediaserver.toml"
    path.write_text(toml(**tables))
    async with serving(path) as server:
        ready = await server.ready(_READY_S)
        host, _, port = ready.fields["sip_udp"].rpartition(":")
        tcp_port = int(ready.fields["sip_tcp"].rpartition(":")[2])
        yield Rig(server, host, int(port), tcp_port, server.pid)


@asynccontextmanager
async def with_emulator(
    folder: Path, settings: EmulatorSettings | None = None, **tables: dict[str, Any]
) -> AsyncIterator[tuple[Rig, OpenAIEmulator]]:
    """The same with an emulator of OpenAI Realtime as the model."""
    async with OpenAIEmulator(settings) as emulator:
        tables["agent"] = {"model": "gpt-realtime"} | tables.get("agent", {})
        tables["providers__openai"] = {"api_key": "sk-test", "base_url": emulator.url}
        async with rig(folder, **tables) as running:
            yield running, emulator


def loud_spans(samples: Samples, level: int = 200, frame: int = 160) -> list[tuple[int, int]]:
    """(begin, end) sample positions of what is not silent; gaps up to 60 ms are within."""
    spans: list[tuple[int, int]] = []
    for at in range(0, len(samples), frame):
        if np.abs(samples[at : at + frame].astype(int)).max(initial=0) < level:
            continue
        if spans and at - spans[-1][1] <= 480:
            spans[-1] = (spans[-1][0], at + frame)
        else:
            spans.append((at, at + frame))
    return spans


def where(needle: Samples, hay: Samples) -> tuple[int, float]:
    """Where `needle` fits best in `hay`, and the normalised correlation there."""
    a, b = needle.astype(float), hay.astype(float)
    size = 1 << (len(a) + len(b)).bit_length()
    product = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[: max(1, len(b) - len(a) + 1)]
    at = int(np.argmax(product))
    part = b[at : at + len(a)]
    return at, float(product[at] / (np.linalg.norm(a[: len(part)]) * np.linalg.norm(part) + 1e-9))


async def eventually(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for something another task or process brings about."""
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # what is waited for may be in another process


def speech(seconds: float = 1.5, seed: int = 7) -> Samples:
    """Loud syllables: what any speech detector of energy calls speech."""
    from mediaproviders.emulators.answers import babble

    return babble(seed, round(seconds * 1000), RATE)


def noise(seconds: float, level: int = 6000, seed: int = 3) -> Samples:
    """A burst of noise with a soft onset and a fall, as a cough has."""
    count = round(seconds * RATE)
    envelope = np.minimum(np.linspace(0, 8, count), 1.0) * np.linspace(1.0, 0.1, count)
    return (np.random.default_rng(seed).normal(0, level, count) * envelope).clip(-32768, 32767).astype(np.int16)


def joined(steps: Sequence[Samples], gap_s: float) -> Samples:
    """Samples with silence in between."""
    gap = np.zeros(round(gap_s * RATE), np.int16)
    return np.concatenate([piece for each in steps for piece in (each, gap)])
