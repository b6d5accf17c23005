"""Chromium without a window, driven by its DevTools protocol: one page, in which a test evaluates what it likes."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from support import rig
from support.tools import in_time

_START_S = 30.0
_STOP_S = 10.0
_ANSWER_S = 20.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--ignore-certificate-errors",
    # So that it has a candidate on a machine that has no network but loopback, and says its address.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
)


class Page:
    """A page of the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())
        self._session: str | None = None
        self.told: list[str] = []
        """What it wrote to its console, and what it failed with."""

    async def open(self, address: str) -> None:
        """Go to an address; done when everything in it has been loaded."""
        target = await self._ask("Target.createTarget", url="about:blank")
        attached = await self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self._ask("Runtime.enable")
        await self._ask("Page.navigate", url=address)
        async with asyncio.timeout(_START_S):
            while await self.evaluate("document.readyState") != "complete":  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # another process has to come so far

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise. Raises AssertionError if it fails."""
        answer = await self._ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{expression[:200]}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    async def close(self) -> None:
        """Have the whole browser end."""
        self._session = None
        await self._ask("Browser.close")
        self._reading.cancel()

    async def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps(message))
        async with asyncio.timeout(_ANSWER_S):
            return await answer

    async def _read(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if (answer := self._answers.pop(message.get("id"), None)) is not None:
                if answer.done():
                    continue  # nobody waits for it any more
                if "error" in message:
                    answer.set_exception(AssertionError(f"the browser refuses: {message['error']}"))
                else:
                    answer.set_result(message["result"])
            elif message.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                self.told.append(json.dumps(message["params"])[:500])


@asynccontextmanager
async def browser(folder: Path, address: str) -> AsyncIterator[Page]:
    """Run a browser with a profile of its own, with one page at `address`."""
    profile = folder / "profile"
    output = _output(folder)
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *in_time(), "chromium", *_FLAGS, f"--user-data-dir={profile}", "about:blank",
            stdin=asyncio.subprocess.DEVNULL, stdout=written, stderr=written, cwd=folder,
        )  # fmt: skip
    try:
        await rig.eventually(lambda: "DevTools listening on" in output.read_text(errors="replace"), _START_S)
        devtools = output.read_text(errors="replace").partition("DevTools listening on ")[2].split()[0]
        async with connect(devtools, max_size=None, compression=None) as socket:
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


def _output(folder: Path) -> Path:
    folder.mkdir()
    return folder / "output"
