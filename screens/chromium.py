"""Debian's Chromium without a window, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from mediaserver.errors import MediaServerError

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    # So that it has a candidate on a machine that has no network but loopback, and says its address.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


class NoBrowserError(MediaServerError):
    """There is no Chromium on this machine."""


@asynccontextmanager
async def chromium(*flags: str, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """Run it; `microphone` is a WAV file that its microphone plays once, from when a page opens it.

    A page may use the microphone if its context has been granted it. Raises NoBrowserError.
    """
    program = shutil.which("chromium")
    if program is None:
        raise NoBrowserError("chromium is not installed: apt-get install chromium")
    said = [] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*_FLAGS, *flags, *said])
        try:
            yield browser
        finally:
            await browser.close()
