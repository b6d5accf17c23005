"""`python -m bench.browser_soak`: does a server keep anything of browsers' calls? Waves of them, one after the other.

The calls of a wave end in four ways in turn: the caller hangs up, while its events are read or not; it vanishes; it is
gone before it has keys. After each wave, when the server says that no call is left, its memory, files, threads and
places on the browsers' port are looked at.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import numpy as np
import uvloop
from rich.console import Console

from bench.modes import SCENARIOS
from bench.programs import ADDRESS, ADMIN_KEY, Doors, Program, free_port, reach_of, rss_mb, start_emulator, start_server
from bench.speech import PHRASES, voice
from mediaserver.load.browser_caller import BrowserCaller, BrowserSettings, local_address
from mediaserver.load.browser_terms import Terms
from mediaserver.load.phrasebook import Phrasebook
from mediaserver.load.script import Play, Silence, Step, Vanish
from mediaserver.load.whip import WhipClient
from mediaserver.webrtc.identity import Identity

GONE_S = 60.0
"""The longest a call that nobody ends may last: the server's patience, and some more."""
_GAUGES = ("mediaserver_calls", "mediaserver_whip_sessions", "mediaserver_browser_places")


@dataclass(frozen=True, slots=True)
class Look:
    """The server after a wave."""

    calls: int
    """So far."""
    rss_mb: float
    files: int
    threads: int
    seconds: float
    """That the wave took."""


class Soak:
    """Calls to one server."""

    def __init__(self, url: str, at_once: int) -> None:
        self._url = url
        self._whip = urljoin(url, "/whip/bench")
        self._identity, self._book = Identity(), Phrasebook()
        self._issuing = WhipClient(ADMIN_KEY)
        self._at_once = asyncio.Semaphore(at_once)
        self._said: list[Step] = [Play(voice(*PHRASES[1])), Silence(0.5)]
        self.failed: list[str] = []

    async def wave(self, calls: int) -> None:
        """So many, and until the server has none."""
        await asyncio.gather(*(self._call(number) for number in range(calls)))
        async with asyncio.timeout(GONE_S), httpx2.AsyncClient() as client:
            while True:
                told = (await client.get(urljoin(self._url, "/metrics"))).text
                found = re.findall(rf"^(?:{'|'.join(_GAUGES)})(?:{{.*}})? (\S+)$", told, re.MULTILINE)
                if found and not any(float(each) for each in found):
                    return
                await asyncio.sleep(0.2)

    async def _call(self, number: int) -> None:
        async with self._at_once:
            try:
                token = await self._issuing.issue(urljoin(self._url, "/api/tokens"), {"agent": "bench"})
                if number % 4 == 3:
                    await self._give_up(token)
                else:
                    await self._talk(token, number % 4)
            except Exception as error:  # the soak goes on, and tells
                self.failed.append(f"{type(error).__name__}: {error}")

    async def _talk(self, token: str, how: int) -> None:
        settings = BrowserSettings(recorded=False, listen_every=10)
        caller = BrowserCaller(self._whip, token, settings, identity=self._identity, book=self._book)
        async with caller:
            watching = asyncio.create_task(self._watch(caller, token)) if how == 1 else None
            await caller.perform([*self._said, Vanish()] if how == 2 else self._said)
            if watching is not None:
                watching.cancel()
                await asyncio.wait([watching])

    async def _watch(self, caller: BrowserCaller, token: str) -> None:
        assert caller.session is not None
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(timeout=None, headers=headers) as client,
            client.stream("GET", caller.session.events or "") as response,
        ):
            async for _ in response.aiter_lines():
                pass

    async def _give_up(self, token: str) -> None:
        """An offer that is answered, and nothing ever comes from who made it."""
        whip = WhipClient(token)
        try:
            address = local_address(self._whip)
            await whip.post(self._whip, Terms(("OPUS",), (address, 9), self._identity.fingerprint).offer())
        finally:
            await whip.close()


def look(server: Program, calls: int, seconds: float) -> Look:
    """At the process."""
    pid = server.process.pid
    return Look(
        calls,
        round(rss_mb(pid), 1),
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        len(list(Path(f"/proc/{pid}/task").iterdir())),
        round(seconds, 1),
    )


async def _soak(options: argparse.Namespace, server: Program, url: str, console: Console) -> list[Look]:
    soak, looks = Soak(url, options.at_once), list[Look]()
    for number in range(1, options.waves + 1):
        began = time.monotonic()
        await soak.wave(options.calls)
        await asyncio.sleep(6.0)  # connections of HTTP are kept for five seconds, ports rest as long
        looks.append(look(server, number * options.calls, time.monotonic() - began))
        console.print(f"wave {number} of {options.waves}: {looks[-1]}, {len(soak.failed)} failed", highlight=False)
    for each in sorted(set(soak.failed)):
        console.print(f"  {soak.failed.count(each)} times {each}", style="red", markup=False)
    return looks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it. Raises RuntimeError when a program fails."""
    parser = argparse.ArgumentParser(prog="python -m bench.browser_soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=100, help="of a wave")
    parser.add_argument("--waves", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    directory = (options.out / "soak").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    scenario, doors = SCENARIOS["webrtc"], Doors(free_port(), free_port())
    with ExitStack() as running:
        emulator = start_emulator(directory / "timeline.jsonl", scenario, directory, None)
        running.callback(emulator.end)
        server = start_server(doors, reach_of(emulator), scenario, directory, None, ("-m",))
        running.callback(server.end)
        server.wait_for('"ready"', 60)
        console = Console()
        looks = uvloop.run(_soak(options, server, f"http://{ADDRESS}:{doors.http}", console))
    (directory / "soak.json").write_text(json.dumps([asdict(each) for each in looks], indent=1) + "\n")
    if len(looks) > 2:
        # The first waves fill what is kept for good: caches, the allocator's arenas.
        later = looks[len(looks) // 3 :]
        slope = np.polyfit([each.calls for each in later], [each.rss_mb for each in later], 1)[0]
        console.print(f"memory grows by {slope * 1000:.1f} kB a call; files {later[0].files} -> {later[-1].files}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
