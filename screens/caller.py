"""The caller: a microphone that says what it is told, when the conversation has come so far."""

import asyncio
import wave
from pathlib import Path

import numpy as np
from playwright.async_api import Page

from mediacodecs.pcm import Pcm
from mediaproviders.local.speak import synthesise
from mediaserver.errors import MediaServerError

RATE = 48_000
_LEAD_S = 0.2
_QUIET_S = 1.2
_LOOK_S = 0.1

# What the caller goes by, kept in the page.
_WATCH = """() => {
    const seen = (window.seen = { turn: 0, barge_in: 0, talk: 0, agent: false, quiet: performance.now() });
    phone.addEventListener("callevent", ({ detail }) => {
        if (detail.event in seen) seen[detail.event]++;
        if (detail.event !== "speaking" || detail.who !== "agent") return;
        seen.agent = detail.on;
        seen[detail.on ? "talk" : "quiet"] = performance.now();
    });
}"""

# One that is in use already would go on in its file.
_OTHER_MICROPHONE = """async () => {
    const { microphones } = await phone.devices();
    window.turn = ((window.turn ?? 0) + 1) % 2;
    await phone.useMicrophone(microphones[microphones.length - 1 - turn].id);
}"""


class NotAsExpectedError(MediaServerError):
    """The call did not go as it should."""


class Caller:
    """Speaks into the fake microphone of a page: Chromium reads the file `microphone` each time it opens it."""

    def __init__(self, page: Page, microphone: Path) -> None:
        self._page = page
        self._microphone = microphone
        write(microphone, np.zeros(0, np.int16))

    async def watch(self) -> None:
        """Follow the conversation: before it begins."""
        await self._page.evaluate(_WATCH)

    async def say(self, text: str) -> None:
        """Say it now. Raises ProviderError when there is no voice."""
        words = await asyncio.to_thread(synthesise, text, RATE)
        await asyncio.to_thread(write, self._microphone, words)
        await self._page.evaluate(_OTHER_MICROPHONE)

    async def until(self, expression: str, seconds: float) -> None:
        """Wait for the page to come so far. Its policy lets Playwright's own wait evaluate nothing.

        Raises NotAsExpectedError.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await self._page.evaluate(expression):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)  # another process has to come so far
        except TimeoutError:
            shown = await self._page.evaluate("phone.shadowRoot.querySelector('section').innerText")
            raise NotAsExpectedError(f"not so after {seconds:.0f} s: {expression}\nThe page shows:\n{shown}") from None

    async def heard_out(self, turns: int, seconds: float) -> None:
        """Wait until the agent has given that many answers, and the last one to its end."""
        quiet = f"!seen.agent && performance.now() - seen.quiet > {_QUIET_S * 1000}"
        await self.until(f"seen.turn >= {turns} && {quiet}", seconds)

    async def in_the_middle(self, turns: int, talks_s: float, seconds: float) -> None:
        """Wait until the agent has been speaking for so long in its answer of that number."""
        await self.until(
            f"seen.turn >= {turns} && seen.agent && performance.now() - seen.talk > {talks_s * 1000}", seconds
        )


def write(path: Path, words: Pcm) -> None:
    """A WAV file for the microphone."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * round(_LEAD_S * RATE)) + words.astype("<i2").tobytes())
