"""The softphone in Firefox. It has no device for sound here: captions tell that there is a conversation."""

import asyncio
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from support.firefox import Page, firefox
from support.switchboard import switchboard

pytestmark = pytest.mark.tool("firefox-esr", "default-route")

_PATIENCE_S = 20.0
_LOOK_S = 0.1


async def test_it_calls_in_firefox(tmp_path: Path) -> None:
    # It has no candidate on loopback, but one on the interface that leads to the rest of the world.
    tables = {"http": {"address": "127.0.0.1:0"}, "webrtc": {"udp": "0.0.0.0:0"}}
    async with (
        switchboard(tmp_path, EmulatorSettings(answer_ms=600), **tables) as board,
        firefox(tmp_path / "firefox", board.http) as page,
    ):
        await _until(page, "document.getElementById('phone').agent === 'assistant'")
        await page.evaluate("void phone.call()")
        await _until(page, "phone.state === 'talking'")
        # Its fake microphone is a tone, which the model takes for speech until it ends.
        await page.evaluate("phone.mute(true)")
        await _until(page, "phone.shadowRoot.querySelector('.caption.agent')?.textContent.includes('answer number')")
        await _until(page, "document.getElementById('round-trip').textContent.endsWith(' ms')")
        await page.evaluate("phone.hangUp()")
        ended = await board.line("call.ended")
        assert ended["reason"] == "caller-hung-up" and ended["received"] > 0
        assert page.told == []


async def _until(page: Page, expression: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await page.evaluate(expression):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)  # another process has to come so far
    except TimeoutError:
        shown = await page.evaluate("phone.shadowRoot.querySelector('section').textContent")
        raise AssertionError(f"not so: {expression}; the page shows {shown}, its console {page.told}") from None
