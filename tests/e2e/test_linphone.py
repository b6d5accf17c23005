"""linphonec as the phone on the desk, by every transport and with every kind of encrypted media."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from mediaserver.sip.events import Ended
from support import rig
from support.hearing import answer
from support.linphone import linphone
from support.phone import phone as telephone
from support.switchboard import Switchboard, switchboard, until_like
from support.telephone import AGENT, MODEL, calls_the_agent, hears, is_called

pytestmark = pytest.mark.tool("linphonec")


async def talks(
    board: Switchboard, folder: Path, user: str, key: str, transport: str, codec: str, security: str | None = None
) -> None:
    """Registers, calls and is called."""
    at = board.address(transport).replace("127.0.0.1", "localhost")
    async with linphone(
        folder, at, user, transport=transport, codec=codec, security=security, authority=board.identity.authority
    ) as phone:
        await board.is_registered(user)
        await calls_the_agent(board, phone, f"sip:assistant@{at};transport={transport}", key, user=user)
        if security != "dtls":  # our offers have keys of SDES; browsers alone are offered DTLS
            await is_called(board, phone, user)


async def test_it_calls_and_is_called_by_udp_and_tcp(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "udp", "alice", "4", "udp", "PCMA"))
        both.create_task(talks(board, tmp_path / "tcp", "bob", "7", "tcp", "opus"))


async def test_it_calls_and_is_called_by_tls_with_encrypted_media(tmp_path: Path) -> None:
    tables = {"agent": AGENT, "rtp": {"srtp": "required"}}
    async with switchboard(tmp_path, MODEL, **tables) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "sdes", "carol", "1", "tls", "PCMU", "srtp"))
        both.create_task(talks(board, tmp_path / "dtls", "dave", "2", "tls", "PCMU", "dtls"))


async def test_it_refers_and_is_referred(tmp_path: Path) -> None:
    async with telephone() as first, telephone() as second:
        model = dataclasses.replace(MODEL, tool_on_turn={2: ("transfer_call", json.dumps({"phone": second.uri}))})
        agent = {"tools": ["transfer_call"], "transfer_call": {"style": "refer"}}
        tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}, "transfer": {"accept": True}}
        async with switchboard(tmp_path, model, **tables) as board:
            at = board.address().replace("127.0.0.1", "localhost")
            async with linphone(tmp_path / "desk", at, "alice") as phone:
                await board.is_registered("alice")
                await phone.dial(f"sip:assistant@{at}")
                call = (await board.line("call.incoming", user="alice"))["call"]
                await hears(board, phone, call, 0, 1)
                await phone.order(f"transfer {first.uri}")
                await board.line("call.moved", call=call)
                (line,) = first.lines.values()
                line.say(words := rig.speech(1.2, 61))
                await board.model_hears(words)
                await until_like(lambda: [line.hearing], answer(board.emulator, 1), "whom the call was transferred to")
                first.bye(line)
                assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"

                await phone.dial(f"sip:assistant@{at}")
                call = (await board.line("call.incoming", count=2, user="alice"))["call"]
                await hears(board, phone, call, 0, 1)
                await phone.say(rig.speech(1.2, 62))
                await hears(board, phone, call, 1, 2)
                await phone.say(rig.speech(1.2, 63))
                ended = await board.line("call.ended", call=call)
                assert (ended["result"], ended["reason"]) == ("completed", "transferred")
                (line,) = second.lines.values()
                # One after the other: in the first second of a call it stretches what it hears.
                await phone.say(ours := rig.speech(1.2, 64))
                await until_like(lambda: [line.hearing], ours, "whom it was referred to")
                line.say(theirs := rig.speech(1.2, 65))
                await until_like(lambda: [phone.hearing], theirs, "the phone that was referred")


async def test_a_caller_is_put_through_to_it(tmp_path: Path) -> None:
    to = json.dumps({"phone": "sip:alice@clinic.example"})
    model = dataclasses.replace(MODEL, tool_on_turn={1: ("transfer_call", to)})
    agent = {"tools": ["transfer_call"], "transfer_call": {"style": "invite"}}
    tables = {"agent": agent, "trunks__pbx": {"networks": ["127.0.0.1/32"]}}
    async with (
        telephone() as caller,
        switchboard(tmp_path, model, **tables) as board,
        linphone(tmp_path / "desk", board.address().replace("127.0.0.1", "localhost"), "alice") as phone,
    ):
        await board.is_registered("alice")
        line = await caller.call(board.uri())
        await until_like(lambda: [line.hearing], answer(board.emulator, 0), "the caller")
        line.say(rig.speech(1.2, 66))
        await board.line("call.bridged")
        line.say(ours := rig.speech(1.2, 67))
        await phone.say(theirs := rig.speech(1.2, 68))
        await until_like(lambda: [phone.hearing], ours, "the phone")
        await until_like(lambda: [line.hearing], theirs, "the caller")
        await phone.end()
        await caller.event(Ended)
