"""Firefox without a window, driven by WebDriver BiDi: one page, in which a test evaluates what it likes."""

import asyncio
import itertools
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from support import rig
from support.tools import in_time

_START_S = 60.0
_STOP_S = 10.0
_ANSWER_S = 30.0
_PREFERENCES: Mapping[str, object] = {
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    # So that it has a candidate of this machine's, and says its address.
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    # So that it starts with little, and asks nobody for anything.
    "app.normandy.enabled": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "dom.ipc.processPrelaunch.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "extensions.update.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "remote.active-protocols": 1,
}


class Page:
    """A page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self._context = ""
        self.told: list[str] = []
        """What it wrote to its console."""

    async def open(self, address: str) -> None:
        """Begin a session and go to an address; done when everything in it has been loaded."""
        await self._ask("session.new", capabilities={})
        await self._ask("session.subscribe", events=["log.entryAdded"])
        tree = await self._ask("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        await self._ask("browsingContext.navigate", context=self._context, url=address, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises AssertionError if it fails."""
        answer = await self._ask(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", f"{expression[:200]}: {answer['exceptionDetails']['text']}"
        return json.loads(answer["result"]["value"])

    async def close(self) -> None:
        """Have the whole browser end."""
        await self._ask("browser.close")
        self._reading.cancel()

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        async with asyncio.timeout(_ANSWER_S):
            return await answer

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if (answer := self._answers.pop(message.get("id"), None)) is not None:
                if answer.done():
                    continue  # nobody waits for it any more
                if message["type"] == "error":
                    answer.set_exception(AssertionError(f"the browser refuses: {message['message']}"))
                else:
                    answer.set_result(message["result"])
            elif message.get("method") == "log.entryAdded":
                self.told.append(str(message["params"]["text"])[:500])


@asynccontextmanager
async def firefox(folder: Path, address: str) -> AsyncIterator[Page]:
    """Run a browser with a profile of its own, with one page at `address`. For tests marked ``tool("firefox-esr")``."""
    output = _prepared(folder)
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *in_time(), "firefox-esr", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile",
            str(folder / "profile"), stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, cwd=folder,
            env=os.environ | {"HOME": str(folder), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )  # fmt: skip
    try:
        await rig.eventually(lambda: "WebDriver BiDi listening on" in output.read_text(errors="replace"), _START_S)
        found = re.search(r"WebDriver BiDi listening on (\S+)", output.read_text(errors="replace"))
        assert found is not None
        async with connect(f"{found[1]}/session", max_size=None, compression=None) as socket:
            page = Page(socket)
            await page.open(address)
            try:
                yield page
            finally:
                await page.close()
    finally:
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            raise


def _prepared(folder: Path) -> Path:
    (folder / "profile").mkdir(parents=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
    (folder / "profile" / "user.js").write_text("\n".join(lines) + "\n")
    return folder / "output"
