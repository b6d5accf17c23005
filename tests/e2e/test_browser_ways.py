"""Chromium calls by WHIP in networks that are none of the easy ones: by a relay only, and by one that changes."""

from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.recording import Samples
from support import rig
from support.hearing import answer
from support.real_speech import recordings
from support.switchboard import Switchboard, until_like
from support.turn import Turn, turn
from support.udp_relay import relay
from support.whip_page import WhipPage, whip_page

pytestmark = pytest.mark.tool("chromium", "node", "jssip", "turnserver", "pocketsphinx-testdata")
MODEL = EmulatorSettings(answer_ms=1600)
AGENT = {"dtmf": {"send": True}}


async def talks(board: Switchboard, phone: WhipPage, number: int) -> None:
    """The page speaks with a real voice, and hears the answer of that number."""
    await phone.say(words := sentence(number))
    await board.model_hears(words)
    await until_like(lambda: [phone.hearing], answer(board.emulator, number), f"the page (answer {number})")


def sentence(number: int) -> Samples:
    """The first words of a recorded sentence."""
    recorded = recordings()[number]
    begin = rig.loud_spans(recorded, level=1000)[0][0]
    return recorded[begin : begin + round(1.5 * rig.RATE)]


async def goes_on(board: Switchboard, phone: WhipPage) -> None:
    """The page is interrupted by nothing: neither by a new ICE session nor by a NAT that gives it another port."""
    async with relay(board.browsers) as nat:
        await phone.call(port=nat.port)
        call = (await board.line("call.incoming"))["call"]
        await until_like(lambda: [phone.hearing], answer(board.emulator, 0)[:8000], "the page (greeting)")
        await talks(board, phone, 1)
        await board.line("barge_in", call=call)

        before = (await phone.path())["remote"]["usernameFragment"]
        await phone.restart()
        await phone.goes(lambda way: way["remote"]["usernameFragment"] != before)
        await talks(board, phone, 2)

        await nat.move()
        await rig.eventually(lambda: nat.answered)  # what is said before the browser's next check is lost
        await talks(board, phone, 3)
        await phone.press("5")
        await board.model_is_told("DTMF-5")
        await phone.end()
        assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"
    assert len(board.emulator.sessions) == 1, "the same conversation"


async def goes_by(server: Turn, board: Switchboard, phone: WhipPage) -> None:
    """All the page sends goes to a relay first, and all it hears comes from there."""
    await phone.call(ice=server.ice, policy="relay")
    call = (await board.line("call.incoming", count=2))["call"]
    await phone.goes(lambda way: way["local"]["candidateType"] == "relay")
    await talks(board, phone, 1)
    await phone.end()
    assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"


async def test_a_call_goes_on_by_another_way_and_by_a_relay_alone(tmp_path: Path) -> None:
    async with turn(tmp_path / "turn") as server, whip_page(tmp_path, MODEL, agent=AGENT) as (board, phone):
        await goes_on(board, phone)
        await goes_by(server, board, phone)
