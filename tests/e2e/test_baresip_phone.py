"""baresip as the phone on the desk, by every transport and with every kind of encrypted media."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.sip.events import Ended, IncomingCall
from support import baresip, rig
from support.hearing import answer
from support.phone import phone as telephone
from support.switchboard import Switchboard, switchboard, until_like
from support.telephone import AGENT, MODEL, calls_the_agent, hears, is_called

pytestmark = pytest.mark.tool("baresip", "raw-sockets")


async def talks(board: Switchboard, folder: Path, user: str, key: str, transport: str, security: str | None) -> None:
    """Registers, calls and is called."""
    at = board.address(transport)
    async with baresip.softphone(
        folder, at, user, transport=transport, security=security, authority=board.identity.authority
    ) as phone:
        await board.is_registered(user)
        await calls_the_agent(board, phone, f"sip:assistant@{at}", key, user=user)
        if security != "dtls_srtp":  # our offers have keys of SDES; browsers alone are offered DTLS
            await is_called(board, phone, user)


async def test_it_calls_and_is_called_by_udp_and_tcp(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, agent=AGENT) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "udp", "alice", "4", "udp", None))
        both.create_task(talks(board, tmp_path / "tcp", "bob", "7", "tcp", None))


async def test_it_calls_and_is_called_by_tls_with_encrypted_media(tmp_path: Path) -> None:
    tables = {"agent": AGENT, "rtp": {"srtp": "required"}}
    async with switchboard(tmp_path, MODEL, **tables) as board, asyncio.TaskGroup() as both:
        both.create_task(talks(board, tmp_path / "sdes", "carol", "1", "tls", "srtp-mand"))
        both.create_task(talks(board, tmp_path / "dtls", "dave", "2", "tls", "dtls_srtp"))


def transferring(to: str, style: str) -> tuple[EmulatorSettings, dict[str, object]]:
    """A model that transfers its caller at the first turn, and its agent."""
    model = dataclasses.replace(MODEL, tool_on_turn={1: ("transfer_call", json.dumps({"phone": to}))})
    return model, {"tools": ["transfer_call"], "transfer_call": {"style": style}}


async def test_it_is_referred_and_calls_whom_it_is_referred_to(tmp_path: Path) -> None:
    async with telephone() as other:
        model, agent = transferring(other.uri, "refer")
        async with switchboard(tmp_path, model, agent=agent, outbound={"domains": ["127.0.0.1"]}) as board:
            at = board.address()
            two_calls = {"rtp_ports": "40000-49998"}
            async with baresip.softphone(tmp_path / "desk", at, "alice", extra=two_calls) as phone:
                await board.is_registered("alice")
                await phone.dial(f"sip:assistant@{at}")
                call = (await board.line("call.incoming", user="alice"))["call"]
                await hears(board, phone, call, 0, 1)
                await phone.say(rig.speech(1.2, 31))
                await other.event(IncomingCall)
                (line,) = other.lines.values()
                ended = await board.line("call.ended", call=call)
                line.say(words := rig.speech(1.2, 32))
                await until_like(lambda: [phone.hearing], words, "the phone that was transferred")
    assert (ended["result"], ended["reason"]) == ("completed", "transferred")


async def test_its_transfer_moves_the_conversation(tmp_path: Path) -> None:
    tables = {"outbound": {"domains": ["127.0.0.1"]}, "transfer": {"accept": True}}
    model = dataclasses.replace(MODEL, tool_on_turn={})
    async with telephone() as other, switchboard(tmp_path, model, **tables) as board:
        at = board.address()
        async with baresip.softphone(tmp_path / "desk", at, "alice") as phone:
            await board.is_registered("alice")
            await phone.dial(f"sip:assistant@{at}")
            call = (await board.line("call.incoming", user="alice"))["call"]
            await hears(board, phone, call, 0, 1)
            await phone.control.order("transfer", other.uri)
            await board.line("call.moved")
            await rig.eventually(lambda: phone.control.seen("CALL_CLOSED") > 0)
            (line,) = other.lines.values()
            line.say(words := rig.speech(1.2, 33))
            await board.model_hears(words)
            await until_like(lambda: [line.hearing], answer(board.emulator, 1), "who the call was transferred to")
            other.bye(line)
            assert (await board.line("call.ended", call=call))["reason"] == "caller-hung-up"
    assert len(board.emulator.sessions) == 1, "the same conversation"


async def test_a_caller_is_put_through_to_it(tmp_path: Path) -> None:
    model, agent = transferring("sip:alice@clinic.example", "invite")
    async with (
        telephone() as caller,
        switchboard(tmp_path, model, agent=agent, trunks__pbx={"networks": ["127.0.0.1/32"]}) as board,
        baresip.softphone(tmp_path / "desk", board.address(), "alice") as phone,
    ):
        await board.is_registered("alice")
        line = await caller.call(board.uri())
        await until_like(lambda: [line.hearing], answer(board.emulator, 0), "the caller")
        line.say(rig.speech(1.2, 34))
        await board.line("call.bridged")
        line.say(ours := rig.speech(1.2, 35))
        await phone.say(theirs := rig.speech(1.2, 36))
        await until_like(lambda: [phone.hearing], ours, "the phone")
        await until_like(lambda: [line.hearing], theirs, "the caller")
        await phone.end()
        await caller.event(Ended)
