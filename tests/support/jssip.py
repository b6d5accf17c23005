"""JsSIP in a browser as the phone: SIP by secure WebSocket, media by DTLS-SRTP and ICE (`tests/browser/phone.js`)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediaserver.load.recording import Samples, resample
from support import rig
from support.browser import Page, browser

SOURCES = Path(__file__).parents[1] / "browser"
_RATE = 48000
_PATIENCE_S = 15.0


@dataclass
class JsSip:
    """A registered phone in a page. It answers calls by itself."""

    page: Page
    hearing: Samples
    """All it heard so far at 8 kHz, as `listen` fetches it."""
    events: list[str]
    info: str = ""
    records = True
    _heard: bytearray = field(default_factory=bytearray)

    async def dial(self, uri: str) -> None:
        await self._do(f"dial({json.dumps(uri)})")

    async def say(self, speech: Samples) -> None:
        text = base64.b64encode(speech.astype("<i2").tobytes()).decode()
        await self._do(f"say('{text}')")

    async def press(self, key: str) -> None:
        await self._do(f"press('{key}')")

    async def hold(self) -> None:
        await self._do("hold()")

    async def resume(self) -> None:
        await self._do("resume()")

    async def end(self) -> None:
        await self._do("end()")

    @property
    def keys(self) -> str:
        """Those told by INFO; else the tones it made of telephone events, which a browser tells no page of."""
        detector = DtmfDetector()
        heard = [each for at in range(0, len(self.hearing), 160) for each in detector.push(self.hearing[at : at + 160])]
        return self.info or "".join(each.digit for each in heard)

    async def listen(self) -> None:
        """Keep fetching what it hears and is told."""
        while True:
            self._heard += base64.b64decode(await self.page.evaluate("phone.heard()"))
            self.hearing = await asyncio.to_thread(_decimated, bytes(self._heard))
            self.events[:] = await self.page.evaluate("phone.events")
            self.info = await self.page.evaluate("phone.keys")
            await asyncio.sleep(0.2)

    async def _do(self, what: str) -> None:
        await self.page.evaluate(f"(async () => {{ await phone.{what}; }})()")


def _decimated(heard: bytes) -> Samples:
    return resample(np.frombuffer(heard, "<i2"), _RATE, rig.RATE)


@asynccontextmanager
async def jssip(
    folder: Path, socket: str, user: str, *, password: str = "secret", codec: str = "opus", keys: str = "RFC2833"
) -> AsyncIterator[JsSip]:
    """A phone that registers at a WebSocket's address, speaks one codec, and sends `keys` by RFC2833 or INFO."""
    page_file = await _page(folder)
    async with browser(folder / "chromium", page_file.as_uri()) as page:
        account = {"socket": socket, "user": user, "host": "127.0.0.1", "password": password}
        await page.evaluate(f"phone.start({json.dumps(account | {'codec': codec, 'transport': keys})})")
        phone = JsSip(page, np.zeros(0, np.int16), [])
        listening = asyncio.create_task(phone.listen())
        try:
            await rig.eventually(lambda: "registered" in phone.events, _PATIENCE_S)
            yield phone
        except BaseException as error:
            error.add_note(f"the phone was told {phone.events}, its page says {page.told[-10:]}")
            raise
        finally:
            listening.cancel()


async def _page(folder: Path) -> Path:
    """The page, with JsSIP in it."""
    script, page = _files(folder)
    process = await asyncio.create_subprocess_exec(
        str(SOURCES / "node_modules/.bin/esbuild"), str(SOURCES / "phone.js"), "--bundle", f"--outfile={script}",
        "--log-level=error",
    )  # fmt: skip
    assert await asyncio.wait_for(process.wait(), _PATIENCE_S) == 0, "the page cannot be bundled"
    return page


def _files(folder: Path) -> tuple[Path, Path]:
    folder.mkdir()
    page = folder / "phone.html"
    page.write_text('<!doctype html><meta charset="utf-8"><title>phone</title><script src="phone.bundle.js"></script>')
    return folder / "phone.bundle.js", page
