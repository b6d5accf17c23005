"""Chromium calls by WHIP in networks that are none of the easy ones: by a relay only, and by one that changes."""

from pathlib import Path
from typing import Any

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from support import rig
from support.hearing import answer
from support.switchboard import Switchboard, until_like
from support.turn import turn
from support.udp_relay import relay
from support.whip_page import WhipPage, whip_page

pytestmark = pytest.mark.tool("chromium", "node")
MODEL = EmulatorSettings(answer_ms=2500)
AGENT = {"dtmf": {"send": True}}


async def talks(board: Switchboard, phone: WhipPage, number: int, seed: int) -> None:
    """The page speaks, and hears the answer of that number."""
    await phone.say(words := rig.speech(1.2, seed))
    await board.model_hears(words)
    await until_like(lambda: [phone.hearing], answer(board.emulator, number), f"the page (answer {number})")


async def test_a_call_goes_on_after_a_restart_and_from_another_port(tmp_path: Path) -> None:
    async with whip_page(tmp_path, MODEL, agent=AGENT) as (board, phone), relay(board.browsers) as nat:
        await phone.call(port=nat.port)
        call = (await board.line("call.incoming"))["call"]
        await until_like(lambda: [phone.hearing], answer(board.emulator, 0)[:8000], "the page (greeting)")
        await talks(board, phone, 1, 71)
        await board.line("barge_in", call=call)

        ways = [await phone.path()]
        await phone.restart()
        await phone.goes(lambda way: way["remote"]["usernameFragment"] != ways[0]["remote"]["usernameFragment"])
        await talks(board, phone, 2, 72)

        await nat.move()
        await rig.eventually(lambda: nat.answered)  # what is said before the browser's next check is lost
        await talks(board, phone, 3, 73)
        await phone.press("5")
        await board.model_is_told("DTMF-5")
        await phone.end()
        ended = await board.line("call.ended", call=call)
    assert ended["reason"] == "caller-hung-up"
    assert len(board.emulator.sessions) == 1, "the same conversation"


@pytest.mark.tool("turnserver")
async def test_a_call_by_a_relay_alone(tmp_path: Path) -> None:
    async with turn(tmp_path / "turn") as server, whip_page(tmp_path, MODEL, agent=AGENT) as (board, phone):
        await phone.call(ice=server.ice, policy="relay")
        call = (await board.line("call.incoming"))["call"]
        await phone.goes(lambda way: is_relayed(way, server.port))
        await until_like(lambda: [phone.hearing], answer(board.emulator, 0), "the page (greeting)")
        await talks(board, phone, 1, 74)
        await phone.end()
        assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"


def is_relayed(way: dict[str, Any], port: int) -> bool:
    """What the page sends goes to a relay, and from there."""
    local = way["local"]
    return bool(local["candidateType"] == "relay" and local["port"] != port)
