"""A page that calls an agent by WHIP (`tests/browser/whip_page.js`), at an origin that is not the server's."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mediaproviders.emulators.openai import EmulatorSettings
from support.browser import browser
from support.page_server import pages
from support.switchboard import Switchboard, switchboard
from support.web_phone import WebPhone, bundled

KEY = "for-tests"
"""`http.admin_key` of the servers that are called."""
_PATIENCE_S = 15.0


class Evaluates(Protocol):
    """A page of any browser."""

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises AssertionError if it fails."""


@dataclass
class WhipPage(WebPhone):
    """A page and whom it calls."""

    server: str = ""
    """Address of the server's HTTP."""
    origin: str = ""

    async def call(self, agent: str = "assistant", **how: Any) -> None:
        """Call an agent; `how` is what `call` of the page takes: ice, policy, port."""
        await call(self.page, self.server, self.origin, agent, **how)

    async def restart(self) -> None:
        """Have ICE begin anew in the call that is."""
        await self._do("restart()")

    async def path(self) -> dict[str, Any]:
        """Which way its packets go: `local` and `remote` candidate of the chosen pair."""
        found = await self.page.evaluate("phone.path()")
        assert isinstance(found, dict)
        return found

    async def goes(self, way: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until its packets go that way."""
        async with asyncio.timeout(_PATIENCE_S):
            while not way(await self.path()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)  # another process has to find it


async def call(page: Evaluates, server: str, origin: str, agent: str = "assistant", **how: Any) -> None:
    """Have a page of that origin, in which `whip.js` is, call an agent."""
    given = await asyncio.to_thread(token, server, agent, origin)
    told = how | {"url": f"{server}/whip/{agent}", "token": given}
    await page.evaluate(f"(async () => {{ await phone.call({json.dumps(told)}); }})()")


def token(server: str, agent: str, origin: str) -> str:
    """One for a page of that origin, as whoever embeds the page gets it. It blocks."""
    request = urllib.request.Request(
        f"{server}/api/tokens",
        json.dumps({"agent": agent, "origin": origin}).encode(),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_PATIENCE_S) as response:
        return str(json.load(response)["token"])


@asynccontextmanager
async def served(
    folder: Path, script: str, settings: EmulatorSettings, **tables: dict[str, Any]
) -> AsyncIterator[tuple[Switchboard, str, str]]:
    """A server, and elsewhere the address and origin of a page with that script of `tests/browser` in it."""
    file = await bundled(folder / "page", script)
    with pages(file.parent) as origin:
        tables["http"] = {"address": "127.0.0.1:0", "admin_key": KEY, "origins": [origin]} | tables.get("http", {})
        tables["webrtc"] = {"udp": "127.0.0.1:0"} | tables.get("webrtc", {})
        async with switchboard(folder, settings, **tables) as board:
            yield board, f"{origin}/{file.name}", origin


@asynccontextmanager
async def whip_page(
    folder: Path, settings: EmulatorSettings, **tables: dict[str, Any]
) -> AsyncIterator[tuple[Switchboard, WhipPage]]:
    """A server, and a page in Chromium that may call its agents."""
    async with (
        served(folder, "whip_page", settings, **tables) as (board, address, origin),
        browser(folder / "chromium", address) as page,
    ):
        await page.evaluate("phone.start()")
        phone = WhipPage(page, np.zeros(0, np.int16), [], server=board.http, origin=origin)
        listening = asyncio.create_task(phone.listen())
        try:
            yield board, phone
        except BaseException as error:
            error.add_note(f"the page was told {phone.events}, and says {page.told[-10:]}")
            raise
        finally:
            listening.cancel()
