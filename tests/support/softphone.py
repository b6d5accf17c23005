"""The server's softphone in Chromium, driven as a person does: by what stands on its buttons."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page

from mediacodecs.signal.resample import Resampler
from mediaserver.load.recording import Samples
from screens.shots import Faults
from support import rig
from support.tools import BROWSER_FOLDER

PATIENCE_S = 20.0
_RATE = 48_000
_LOOK_S = 0.05
_LISTEN_S = 0.2
# What becomes of the conversation, kept in the page.
_WATCH = """() => {
    const seen = (window.seen = { turn: 0, barge_in: 0, agent: null, since: 0 });
    phone.addEventListener("callevent", ({ detail }) => {
        if (detail.event in seen) seen[detail.event]++;
        if (detail.event === "speaking" && detail.who === "agent") {
            seen.agent = detail.on;
            seen.since = performance.now();
        }
    });
}"""


@dataclass
class Softphone:
    """A page with `<voice-agent id="phone">` in it."""

    page: Page
    faults: Faults
    hearing: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    """All it played so far, at 8 kHz, as `listen` fetches it."""
    _down: Resampler = field(default_factory=lambda: Resampler(_RATE, rig.RATE))

    async def click(self, name: str) -> None:
        """Click a button by what stands on it, or how it is read out."""
        await self.page.get_by_role("button", name=name).click()

    async def call(self) -> None:
        """Click the one button, and wait until there is a conversation."""
        await self.click("Call assistant")
        await self.until("phone.state === 'talking'")

    async def agent_speaks(self, turns: int, for_s: float = 0.0) -> None:
        """Wait until the agent has been speaking for so long, in its answer of that number."""
        await self.until(f"seen.turn >= {turns} && seen.agent && performance.now() - seen.since >= {for_s * 1000}")

    async def agent_is_quiet(self, for_s: float = 0.3) -> None:
        """Wait until the agent has said what it had to say, so long ago."""
        await self.until(f"seen.agent === false && performance.now() - seen.since >= {for_s * 1000}")

    async def say(self, speech: Samples) -> None:
        """Speak; done at once."""
        text = base64.b64encode(speech.astype("<i2").tobytes()).decode()
        await self.page.evaluate(f"ears.say('{text}')")

    async def until(self, expression: str, seconds: float = PATIENCE_S) -> None:
        """Wait for something in the page."""
        try:
            async with asyncio.timeout(seconds):
                while not await self.page.evaluate(expression):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)  # another process has to come so far
        except TimeoutError:
            raise AssertionError(f"not so: {expression}; the page shows\n{await self.shown()}") from None

    async def shows(self, text: str, seconds: float = PATIENCE_S) -> None:
        """Wait for a text to be seen."""
        try:
            await self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)
        except Exception:
            raise AssertionError(f"not seen: {text}; the page shows\n{await self.shown()}") from None

    async def shown(self) -> str:
        """All that is seen of the phone."""
        return str(await self.page.evaluate("phone.shadowRoot.querySelector('section').innerText"))

    async def listen(self) -> None:
        """Keep fetching what it plays."""
        while True:
            heard = base64.b64decode(await self.page.evaluate("ears.heard()"))
            pcm = np.frombuffer(heard, "<i2").astype(np.int16)
            self.hearing = np.concatenate((self.hearing, await asyncio.to_thread(self._down.process, pcm)))
            await asyncio.sleep(_LISTEN_S)


@asynccontextmanager
async def softphone(
    browser: Browser, address: str, *, microphone: bool = True, ears: bool = True, **context: Any
) -> AsyncIterator[Softphone]:
    """Open a page in a context of its own; `context` is Playwright's. Errors of the console are in `faults`.

    Without `ears` its microphone and loudspeaker are the browser's: `say` and `listen` do nothing then.
    """
    given = await browser.new_context(permissions=["microphone"] if microphone else [], **context)
    try:
        if ears:
            await given.add_init_script(path=BROWSER_FOLDER / "softphone.js")
        page = await given.new_page()
        phone = Softphone(page, Faults())
        phone.faults.watch(page)
        await page.goto(address)
        await phone.until("document.readyState === 'complete' && window.phone?.agent !== ''")
        await page.evaluate(_WATCH)
        yield phone
    finally:
        await given.close()


@asynccontextmanager
async def listening(phone: Softphone) -> AsyncIterator[Softphone]:
    """Meanwhile what it plays is fetched."""
    task = asyncio.create_task(phone.listen())
    try:
        yield phone
    finally:
        task.cancel()
