"""Transfers and hold on real sockets: the agent puts its caller through, in every style and with every outcome."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from mediacodecs.signal.tones import tone
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaserver.sdp.plan import Direction
from mediaserver.sip.events import Answered, Ended, IncomingCall, SessionChanged, TransferAsked, TransferProgress
from support import rig
from support.hearing import answer
from support.phone import Line, Phone, phone

TOOLS = {"tools": ["transfer_call", "press_keys"]}


def wants(target: str, style: str | None = None, **more: Any) -> tuple[EmulatorSettings, dict[str, Any]]:
    """A model that transfers in answer to the caller's first turn, and its agent."""
    model = EmulatorSettings(
        answer_ms=600,
        answer_texts=("Hello.", "", "It did not work.", "Goodbye."),
        tool_on_turn={1: ("transfer_call", json.dumps({"phone": target}))},
    )
    agent = {**TOOLS, "transfer_call": {"style": style, **more} if style else more}
    return model, agent


def told(emulator: OpenAIEmulator) -> str:
    """All that the model was told of its transfer since it announced it, as it went over the wire."""
    (session, *_) = emulator.sessions
    return "".join(
        json.dumps(event)
        for _, event in session.client_events
        if event["type"] != "input_audio_buffer.append" and "What came of the transfer" in json.dumps(event)
    )


async def conversing(caller: Phone, uri: str, emulator: OpenAIEmulator) -> Line:
    """The caller has been greeted, and has asked to be put through."""
    line = await caller.call(uri)
    await line.hears(answer(emulator, 0))
    line.say(rig.speech(0.8))
    return line


async def test_a_caller_is_referred_and_hung_up_on_when_the_transfer_is_made(tmp_path: Path) -> None:
    model, agent = wants("sip:bob@127.0.0.1:5999", "refer")
    tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}}
    async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator), phone() as caller:
        line = await conversing(caller, server.uri, emulator)
        asked = await caller.take_refer(100, 180, 200)
        ended = await caller.event(Ended)
        record = await server.line("call.ended")
        progress = [each.fields["status"] for each in server.lines("call.transfer_progress")]
    assert str(asked.target.uri) == "sip:bob@127.0.0.1:5999"
    assert ended.by_peer and 'text="transferred"' in ended.reason
    assert (record.fields["result"], record.fields["reason"]) == ("completed", "transferred")
    assert progress[-1] == 200
    assert line.packets > 50 and told(emulator) == ""


async def test_a_refer_that_fails_gives_the_caller_back_to_the_agent(tmp_path: Path) -> None:
    model, agent = wants("sip:bob@127.0.0.1:5999", "refer")
    tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}}
    async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator), phone() as caller:
        line = await conversing(caller, server.uri, emulator)
        await caller.take_refer(100, 486)
        await rig.eventually(lambda: told(emulator) != "")
        await line.hears(answer(emulator, 2))
        caller.bye(line)
        record = await server.line("call.ended")
    assert "the transfer failed: 486 told" in told(emulator)
    assert record.fields["reason"] == "caller-hung-up"


async def test_a_second_call_is_bridged_with_codecs_that_differ(tmp_path: Path) -> None:
    async with phone(law="PCMA", answers=False) as callee, phone(law="PCMU") as caller:
        model, agent = wants(callee.uri, "invite")
        tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}}
        async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator):
            mine = await conversing(caller, server.uri, emulator)
            arrived = await callee.event(IncomingCall)
            await mine.hears(tone((425.0,), 900, 8000))
            callee.take(arrived)
            (theirs,) = callee.lines.values()
            bridged = await server.line("call.bridged")
            ours, others = rig.speech(1.0, seed=21), rig.speech(1.0, seed=22)
            mine.say(ours)
            theirs.say(others)
            await asyncio.gather(theirs.hears(ours), mine.hears(others))
            # One side holds: the other hears nothing, and the calls stand.
            caller.reinvite(mine, Direction.SENDONLY)
            await caller.event(SessionChanged)
            held = await server.line("call.held")
            caller.reinvite(mine, Direction.SENDRECV)
            await server.line("call.resumed")
            theirs.say(rig.speech(1.0, seed=23))
            await mine.hears(rig.speech(1.0, seed=23))
            callee.bye(theirs)
            ended = await caller.event(Ended)
            records = {each.fields["call"]: each.fields for each in [await server.line("call.ended", count=2)]}
            records |= {each.fields["call"]: each.fields for each in server.lines("call.ended")}
    assert held.fields["call"] == bridged.fields["call"]
    assert ended.by_peer and "partner-hung-up" in ended.reason
    first, second = bridged.fields["call"], bridged.fields["with"]
    assert records[first]["with"] == second and records[second]["with"] == first
    assert {records[first]["reason"], records[second]["reason"]} == {"partner-hung-up", "callee-hung-up"}


async def test_a_second_call_that_fails_is_told_and_a_peer_without_refer_gets_one(tmp_path: Path) -> None:
    async with phone(refuses=486) as busy, phone() as caller:
        model, agent = wants(busy.uri, "refer")
        tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}}
        async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator):
            line = await conversing(caller, server.uri, emulator)
            caller.refuse_refer(await caller.event(TransferAsked), 501)
            await server.line("call.transfer_by_invite")
            await rig.eventually(lambda: told(emulator) != "")
            await line.hears(answer(emulator, 2))
            caller.bye(line)
            await server.line("call.ended", reason="caller-hung-up")
    assert "the transfer failed: busy (486 Busy Here)" in told(emulator)


async def test_an_attended_transfer_has_the_caller_take_our_place(tmp_path: Path) -> None:
    async with phone() as callee, phone() as caller:
        model, agent = wants(callee.uri, "attended")
        tables = {"agent": agent, "outbound": {"domains": ["127.0.0.1"]}}
        async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator):
            line = await conversing(caller, server.uri, emulator)
            asked = await caller.take_refer(100)
            assert asked.replaces is not None and "to-tag=" in asked.replaces
            consulted = await callee.event(IncomingCall)
            assert consulted.request.call_id in asked.replaces
            # The caller does as it is told: its own call to the callee replaces the one from us.
            await _replacing(caller, callee.uri, asked.replaces)
            replacing = await callee.event(IncomingCall, count=2)
            assert replacing.replaces == consulted.leg
            caller.endpoint.transfers.progress(asked.leg, 200, "OK", time.monotonic())
            caller.shell.pump()
            await server.line("call.ended", reason="transferred")
            await caller.event(Ended)
            await server.line("call.ended", count=2)
            assert not line.port.number
    assert told(emulator) == ""


async def _replacing(caller: Phone, uri: str, replaces: str) -> None:
    caller.headers = [("Replaces", replaces)]
    await caller.call(uri)


async def test_a_peer_s_refer_moves_the_conversation(tmp_path: Path) -> None:
    model = EmulatorSettings(answer_ms=600)
    tables = {"outbound": {"domains": ["127.0.0.1"]}, "transfer": {"accept": True}}
    async with phone() as bob, phone() as anna, rig.with_emulator(tmp_path, model, **tables) as (server, emulator):
        line = await anna.call(server.uri)
        await line.hears(answer(emulator, 0))
        anna.refer(line, f"<{bob.uri}>")
        await rig.eventually(
            lambda: any(isinstance(each, TransferProgress) and each.status == 200 for each in anna.events)
        )
        anna.bye(line)
        (theirs,) = bob.lines.values()
        await server.line("call.moved")
        theirs.say(rig.speech(0.8))
        await theirs.hears(answer(emulator, 1))
        assert len(emulator.sessions) == 1, "the same conversation"
        bob.bye(theirs)
        await server.line("call.ended", reason="caller-hung-up")


async def test_hold_in_every_style_is_no_silence_and_keys_come_by_info(tmp_path: Path) -> None:
    model = EmulatorSettings(answer_ms=600)
    tables = {"rtp": {"silence_timeout_s": 1.0}}
    async with rig.with_emulator(tmp_path, model, **tables) as (server, emulator), phone() as caller:
        line = await caller.call(server.uri)
        await line.hears(answer(emulator, 0))
        for number, direction in enumerate((Direction.SENDONLY, Direction.INACTIVE), 1):
            caller.reinvite(line, direction)
            await server.line("call.held", count=number)
            (port, line.port.number) = (line.port.number, 0)  # a phone that holds sends nothing at all
            await asyncio.sleep(2.5)
            line.port.number = port
            caller.reinvite(line, Direction.SENDRECV)
            await server.line("call.resumed", count=number)
        line.say(rig.speech(0.8))
        await line.hears(answer(emulator, 1))
        caller.info(line, b"Signal=7\r\nDuration=160\r\n")
        await server.line("digit")
        caller.bye(line, 'Q.850;cause=16;text="enough"')
        record = await server.line("call.ended")
        said = await server.line("call.peer_reason")
    assert (record.fields["reason"], record.fields["detail"]) == ("caller-hung-up", 'Q.850;cause=16;text="enough"')
    assert "enough" in said.fields["reason"]
    assert not [event for event in caller.events if isinstance(event, Answered)][1:]
