"""Browsers that go without a word: a page that is closed, a machine that sleeps, a network that is none."""

from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from support.hearing import answer
from support.switchboard import Switchboard, until_like
from support.udp_relay import relay
from support.whip_page import WhipPage, whip_page

pytestmark = pytest.mark.tool("chromium", "node")
MODEL = EmulatorSettings(answer_ms=2500)


async def begins(board: Switchboard, phone: WhipPage, **how: int) -> str:
    """The page calls and is greeted; the call's name."""
    await phone.call(**how)
    call = (await board.line("call.incoming"))["call"]
    await until_like(lambda: [phone.hearing], answer(board.emulator, 0)[:8000], "the page (greeting)")
    return str(call)


async def test_a_page_that_is_closed_has_hung_up(tmp_path: Path) -> None:
    async with whip_page(tmp_path, MODEL) as (board, phone):
        call = await begins(board, phone)
        await phone.page.evaluate("setTimeout(() => location.replace('about:blank'), 0)")
        ended = await board.line("call.ended", call=call)
    assert (ended["result"], ended["reason"]) == ("completed", "caller-hung-up")


async def test_a_browser_that_is_not_heard_of_is_missed(tmp_path: Path) -> None:
    async with whip_page(tmp_path, MODEL, webrtc={"consent_s": 5.0}) as (board, phone):
        async with relay(board.browsers) as nat:
            call = await begins(board, phone, port=nat.port)
        ended = await board.line("call.ended", call=call)
        hanging_up = await board.line("call.hanging_up", call=call)
    assert (ended["result"], ended["reason"]) == ("failed", "media-timeout")
    assert "no sign of the peer for" in hanging_up["message"] and ended["unsent"] > 0


async def test_a_browser_that_never_finds_us_is_not_waited_for(tmp_path: Path) -> None:
    async with whip_page(tmp_path, MODEL, webrtc={"connect_s": 2.0}) as (board, phone):
        await phone.call(port=9)
        ended = await board.line("call.ended")
        hanging_up = await board.line("call.hanging_up")
    assert (ended["result"], ended["reason"]) == ("failed", "media-security")
    assert "no way to the peer was found (ICE) within 2 s" in hanging_up["message"] and ended["received"] == 0
