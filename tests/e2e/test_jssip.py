"""JsSIP in Chromium: a phone in a page, by secure WebSocket, with encrypted media that find their way by ICE."""

import dataclasses
import json
from pathlib import Path

import pytest

from support import rig
from support.hearing import answer
from support.phone import phone as telephone
from support.switchboard import switchboard, until_like
from support.telephone import AGENT, MODEL, calls_the_agent, hears, is_called
from support.web_phone import web_phone

pytestmark = pytest.mark.tool("chromium", "node", "jssip")
OUTBOUND = {"domains": ["127.0.0.1"]}
US = "sip:assistant@127.0.0.1"


async def test_it_calls_and_is_called(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board:
        socket = f"wss://{board.address('wss')}"
        async with web_phone(tmp_path / "page", socket, "alice", keys="INFO") as phone:
            await board.is_registered("alice")
            await calls_the_agent(board, phone, US, user="alice")
            await is_called(board, phone, "alice")


async def test_it_is_referred_and_refers(tmp_path: Path) -> None:
    """A page can call nobody but this server, so that is where the agent sends it."""
    model = dataclasses.replace(MODEL, tool_on_turn={1: ("transfer_call", json.dumps({"phone": "sip:desk@127.0.0.1"}))})
    agent = {"tools": ["transfer_call"], "transfer_call": {"style": "refer"}}
    tables = {"agent": agent, "outbound": OUTBOUND, "transfer": {"accept": True}}
    async with (
        telephone() as other,
        switchboard(tmp_path, model, **tables) as board,
        web_phone(tmp_path / "page", f"wss://{board.address('wss')}", "alice") as phone,
    ):
        await phone.dial(US)
        first = (await board.line("call.incoming", user="alice"))["call"]
        await hears(board, phone, first, 0, 1)
        before = len(phone.hearing)
        await phone.say(rig.speech(1.2, 41))
        ended = await board.line("call.ended", call=first)
        assert (ended["result"], ended["reason"]) == ("completed", "transferred")
        second = (await board.line("call.incoming", called="sip:desk@127.0.0.1"))["call"]
        await until_like(lambda: [phone.hearing[before:]], answer(board.emulator, 0), "the page that was referred")
        await board.line("transcript", speaker="agent", call=second)

        await phone.refer(other.uri)
        await board.line("call.moved", call=second)
        (line,) = other.lines.values()
        line.say(words := rig.speech(1.2, 42))
        await board.model_hears(words)
        assert len(board.emulator.sessions) == 2, "the same conversation as before the page left"


async def test_it_is_put_through_and_gives_its_place_to_another_call_of_its_own(tmp_path: Path) -> None:
    async with telephone() as other:
        model = dataclasses.replace(MODEL, tool_on_turn={1: ("transfer_call", json.dumps({"phone": other.uri}))})
        agent = {"tools": ["transfer_call"], "transfer_call": {"style": "invite"}}
        # A call of ours to ourselves is let in as a trunk's.
        tables = {"agent": agent, "outbound": OUTBOUND, "transfer": {"accept": True}}
        trunk = {"networks": ["127.0.0.1/32"]}
        async with (
            switchboard(tmp_path, model, **tables, trunks__ourselves=trunk) as board,
            web_phone(tmp_path / "page", f"wss://{board.address('wss')}", "alice") as phone,
        ):
            await phone.dial(US)
            first = (await board.line("call.incoming", user="alice"))["call"]
            await hears(board, phone, first, 0, 1)
            await phone.say(rig.speech(1.2, 44))
            await board.line("call.bridged", call=first)
            (line,) = other.lines.values()
            await phone.say(ours := rig.speech(1.2, 45))
            line.say(theirs := rig.speech(1.2, 46))
            await until_like(lambda: [line.hearing], ours, "whom the page was put through to")
            await until_like(lambda: [phone.hearing], theirs, "the page")

            before = len(phone.hearing)
            second = board.dial("alice")
            greeting = answer(board.emulator, 0)
            await until_like(lambda: [phone.hearing[before:]], greeting, "the page in its second call")
            await phone.refer(board.uri(), other=0)
            await board.line("call.replaced", call=first)
            line.say(words := rig.speech(1.2, 47))
            await board.model_hears(words)
            # It is the second call's agent that hears this, and puts it through in turn.
            await board.line("call.bridged", call=second)
            joined = next(each for each in other.lines.values() if each is not line)
            joined.say(words := rig.speech(1.2, 48))
            await until_like(lambda: [line.hearing], words, "whom the page has left to the agent")
