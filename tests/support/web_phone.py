"""A phone in a browser: SIP by secure WebSocket, media by DTLS-SRTP and ICE (`tests/browser/jssip.js`, `sipjs.js`)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.resample import Resampler
from mediaserver.load.recording import Samples
from support import rig
from support.browser import Page, browser
from support.tools import BROWSER_FOLDER

_RATE = 48000
_FRAME = rig.RATE // 50
_PATIENCE_S = 15.0

type Library = Literal["jssip", "sipjs"]


@dataclass
class WebPhone:
    """A registered phone in a page. It answers calls by itself, and calls whom it is referred to."""

    page: Page
    hearing: Samples
    """All it heard so far at 8 kHz, as `listen` fetches it."""
    events: list[str]
    info: str = ""
    records = True
    _tones: str = ""
    _detector: DtmfDetector = field(default_factory=DtmfDetector)
    _down: Resampler = field(default_factory=lambda: Resampler(_RATE, rig.RATE))
    _judged: int = 0
    """How many samples of `hearing` the detector has been given."""

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

    async def refer(self, uri: str, *, other: int | None = None) -> None:
        """Send the other side to `uri`, in the place of this phone's other call of that number if one is given.

        Returns when that has been reached, and this phone has hung up. Raises AssertionError when it is not.
        """
        await self._do(f"refer({json.dumps(uri)}, {'undefined' if other is None else other})")

    async def turn_to(self, number: int) -> None:
        """Take up another of its calls."""
        await self._do(f"turnTo({number})")

    @property
    def keys(self) -> str:
        """Those told by INFO; else the tones it made of telephone events, which a browser tells no page of."""
        return self.info or self._tones

    async def listen(self) -> None:
        """Keep fetching what it hears and is told."""
        while True:
            await asyncio.to_thread(self._take, base64.b64decode(await self.page.evaluate("phone.heard()")))
            self.events[:] = await self.page.evaluate("phone.events")
            self.info = await self.page.evaluate("phone.keys")
            await asyncio.sleep(0.2)

    async def _do(self, what: str) -> None:
        await self.page.evaluate(f"(async () => {{ await phone.{what}; }})()")

    def _take(self, heard: bytes) -> None:
        self.hearing = np.concatenate((self.hearing, self._down.process(np.frombuffer(heard, "<i2").astype(np.int16))))
        while self._judged + _FRAME <= len(self.hearing):
            frame = self.hearing[self._judged : self._judged + _FRAME]
            self._judged += _FRAME
            self._tones += "".join(each.digit for each in self._detector.push(frame))


@asynccontextmanager
async def web_phone(
    folder: Path,
    socket: str,
    user: str,
    *,
    library: Library = "jssip",
    password: str = "secret",
    codec: str = "opus",
    keys: str = "RFC2833",
) -> AsyncIterator[WebPhone]:
    """A phone that registers at a WebSocket's address, speaks one codec, and sends `keys` by RFC2833 or INFO."""
    page_file = await bundled(folder, library)
    async with browser(folder / "chromium", page_file.as_uri()) as page:
        account = {"socket": socket, "user": user, "host": "127.0.0.1", "password": password}
        await page.evaluate(f"phone.start({json.dumps(account | {'codec': codec, 'transport': keys})})")
        phone = WebPhone(page, np.zeros(0, np.int16), [])
        listening = asyncio.create_task(phone.listen())
        try:
            await rig.eventually(lambda: "registered" in phone.events, _PATIENCE_S)
            yield phone
        except BaseException as error:
            error.add_note(f"the phone was told {phone.events}, its page says {page.told[-10:]}")
            raise
        finally:
            listening.cancel()


async def bundled(folder: Path, script: str) -> Path:
    """A page with one script of `tests/browser` and what that needs, put into a new `folder`."""
    page = _written(folder)
    process = await asyncio.create_subprocess_exec(
        str(BROWSER_FOLDER / "node_modules/.bin/esbuild"), str(BROWSER_FOLDER / f"{script}.js"), "--bundle",
        f"--outfile={folder / 'script.js'}", "--log-level=error",
    )  # fmt: skip
    assert await asyncio.wait_for(process.wait(), _PATIENCE_S) == 0, "the page cannot be bundled"
    return page


def _written(folder: Path) -> Path:
    folder.mkdir()
    page = folder / "page.html"
    page.write_text('<!doctype html><meta charset="utf-8"><title>phone</title><script src="script.js"></script>')
    return page
