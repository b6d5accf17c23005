"""A server whose agents are called by WHIP, in the test's own process, and what a page reads of its calls."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.browser_caller import BrowserCaller, BrowserSettings
from support import rig
from support.switchboard import Switchboard, switchboard

ADMIN_KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class WebBoard:
    """`url` is that of the web server."""

    board: Switchboard
    url: str

    @property
    def endpoint(self) -> str:
        return f"{self.url}/whip/assistant"

    async def token(self, **asked: object) -> str:
        """One for the agent, as the page's own server gets it."""
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        async with httpx2.AsyncClient() as client:
            response = await client.post(f"{self.url}/api/tokens", json={"agent": "assistant"} | asked, headers=headers)
        assert response.status_code == 201, response.text
        return str(response.json()["token"])

    async def caller(self, settings: BrowserSettings | None = None) -> BrowserCaller:
        return BrowserCaller(self.endpoint, await self.token(), settings)


@asynccontextmanager
async def web_board(
    folder: Path, settings: EmulatorSettings | None = None, **tables: dict[str, Any]
) -> AsyncIterator[WebBoard]:
    """Serve SIP and HTTP on free ports of loopback."""
    tables["http"] = {"address": "127.0.0.1:0", "admin_key": ADMIN_KEY} | tables.get("http", {})
    async with switchboard(folder, settings, **tables) as board:
        yield WebBoard(board, board.server._web.url)


@dataclass
class Page:
    """What a page reads of the live feed of its call, as it comes. `over`: the server has ended the stream."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    over: bool = False

    def told(self, name: str, /, **fields: object) -> list[dict[str, Any]]:
        return [said for event, said in self.events
                if event == name and all(said.get(each) == want for each, want in fields.items())]  # fmt: skip

    async def hears_of(self, name: str, /, count: int = 1, timeout_s: float = 15.0, **fields: object) -> dict[str, Any]:
        """The count-th event of that name with these fields, once it is there."""
        try:
            await rig.eventually(lambda: len(self.told(name, **fields)) >= count, timeout_s)
        except TimeoutError:
            raise AssertionError(f"not told: {name} {fields} ({count} times) in {self.events}") from None
        return self.told(name, **fields)[count - 1]


@asynccontextmanager
async def page(url: str, token: str) -> AsyncIterator[Page]:
    """Reads the feed at `url` meanwhile."""
    found = Page()
    async with httpx2.AsyncClient(timeout=30.0) as client:
        request = client.build_request("GET", url, headers={"Authorization": f"Bearer {token}"})
        response = await client.send(request, stream=True)
        assert response.status_code == 200, await response.aread()
        reading = asyncio.create_task(_read(response, found))
        try:
            yield found
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            await response.aclose()


async def _read(response: httpx2.Response, found: Page) -> None:
    name = ""
    async for line in response.aiter_lines():
        kind, _, rest = line.partition(": ")
        if kind == "event":
            name = rest
        elif kind == "data":
            found.events.append((name, json.loads(rest)))
    found.over = True
