"""SIP.js in Chromium: another phone in a page, put through the same as JsSIP in one go."""

from pathlib import Path

import pytest

from support import rig
from support.hearing import answer
from support.phone import phone as telephone
from support.switchboard import switchboard, until_like
from support.telephone import AGENT, MODEL, calls_the_agent, is_called
from support.web_phone import web_phone

pytestmark = pytest.mark.tool("chromium", "node", "sip.js")
US = "sip:assistant@127.0.0.1"


async def test_it_calls_is_called_interrupts_and_transfers(tmp_path: Path) -> None:
    tables = {"agent": AGENT, "outbound": {"domains": ["127.0.0.1"]}, "transfer": {"accept": True}}
    async with telephone() as other, switchboard(tmp_path, MODEL, **tables) as board:
        socket = f"wss://{board.address('wss')}"
        async with web_phone(tmp_path / "page", socket, "bob", library="sipjs", codec="PCMU") as phone:
            await board.is_registered("bob")
            await calls_the_agent(board, phone, US, "7", user="bob")
            await is_called(board, phone, "bob", server_ends=True)

            before = len(phone.hearing)
            await phone.dial(US)
            call = (await board.line("call.incoming", count=2, user="bob"))["call"]
            await until_like(lambda: [phone.hearing[before:]], answer(board.emulator, 0)[:4800], "the page")
            await phone.say(words := rig.speech(1.2, 52))
            await board.line("barge_in", call=call)
            await board.model_hears(words)
            await until_like(lambda: [phone.hearing[before:]], answer(board.emulator, 2), "the page")
            await phone.refer(other.uri)
            await board.line("call.moved", call=call)
            (line,) = other.lines.values()
            line.say(words := rig.speech(1.2, 51))
            await board.model_hears(words)
            await until_like(lambda: [line.hearing], answer(board.emulator, 3), "whom the call was transferred to")
            other.bye(line)
            assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"
