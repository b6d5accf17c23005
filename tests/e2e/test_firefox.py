"""Firefox calls by WHIP: another ICE, DTLS and Opus than Chromium's."""

import asyncio
import base64
import contextlib
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.recording import Samples
from support import rig
from support.firefox import Page, firefox
from support.hearing import answer
from support.switchboard import until_like
from support.whip_page import call, served

pytestmark = pytest.mark.tool("firefox-esr", "node", "jssip", "default-route")
MODEL = EmulatorSettings(answer_ms=2000)


async def test_it_calls_and_both_are_heard(tmp_path: Path) -> None:
    words = rig.speech(1.2, 81)
    # It has no candidate on loopback, but one on the interface that leads to the rest of the world.
    tables = {"agent": {"dtmf": {"send": True}}, "webrtc": {"udp": "0.0.0.0:0"}}
    async with (
        served(tmp_path, "whip_firefox", MODEL, **tables) as (board, address, origin),
        firefox(tmp_path / "firefox", address) as page,
    ):
        await page.evaluate(f"phone.start({{ says: '{as_file(words)}' }})")
        await call(page, board.http, origin)
        begun = (await board.line("call.incoming"))["call"]
        async with hearing(page) as heard:
            await until_like(lambda: heard, answer(board.emulator, 0), "the page (greeting)")
            await page.evaluate("phone.say()")
            await board.model_hears(words)
            await until_like(lambda: heard, answer(board.emulator, 1), "the page")
        await page.evaluate("phone.press('6')")
        await board.model_is_told("DTMF-6")
        await page.evaluate("phone.end()")
        ended = await board.line("call.ended", call=begun)
    assert ended["reason"] == "caller-hung-up"


@asynccontextmanager
async def hearing(page: Page) -> AsyncIterator[list[Samples]]:
    """What the page hears at 8 kHz, all of it, as it grows."""
    heard = [np.zeros(0, np.int16)]

    async def listen() -> None:
        while True:
            recorded = base64.b64decode((await page.evaluate("phone.heard()")).partition(",")[2])
            if recorded:
                heard[0] = await asyncio.to_thread(decoded, recorded)
            await asyncio.sleep(0.5)  # it is recorded in pieces

    async with asyncio.TaskGroup() as listening:  # which a fault of `listen` ends
        task = listening.create_task(listen())
        yield heard
        task.cancel()


def decoded(recorded: bytes) -> Samples:
    """The sound in a file whose end may be missing yet, or all but its beginning."""
    resampler = av.AudioResampler("s16", "mono", rig.RATE)
    pieces = [np.zeros(0, np.int16)]
    missing = (av.error.InvalidDataError, av.error.EOFError, IndexError)
    with contextlib.suppress(*missing), av.open(io.BytesIO(recorded)) as container:
        for frame in container.decode(audio=0):
            pieces += [each.to_ndarray()[0] for each in resampler.resample(frame)]
    return np.concatenate(pieces)


def as_file(sound: Samples) -> str:
    """A WAV file, as a page is given one."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(rig.RATE)
            written.writeframes(sound.astype("<i2").tobytes())
        return "data:audio/wav;base64," + base64.b64encode(file.getvalue()).decode()
