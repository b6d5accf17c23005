"""Callers who offer nothing usable, stop in mid-word, vanish, or are too many."""

import asyncio
import os
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, Fault
from mediaserver.load.script import Play, Silence, StopRtp, Vanish, WaitForAnswer
from support import rig
from support.hearing import answer, heard_at, hears
from support.sip_wire import session, sip_wire

SHORT = EmulatorSettings(answer_ms=800)
SILENT_AGENT = {"greeting": ""}


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


async def test_offers_that_cannot_be_accepted(tmp_path: Path) -> None:
    refused = {
        "no common codec": (session(4000, formats="18", lines=("a=rtpmap:18 G729/8000",)), {488}),
        "encrypted only": (session(4000).replace(b"RTP/AVP", b"RTP/SAVP"), {488}),
        "video only": (session(4000).replace(b"audio", b"video"), {488}),
        "no media": (b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", {488}),
        "garbage": (b"\xff\x00 no session at all \x80", {400, 488}),
        "cut short": (session(4000)[:25], {400, 488}),
        "a port out of range": (session(99_999), {400, 488}),
    }
    async with rig.with_emulator(tmp_path, SHORT) as (server, emulator), sip_wire((server.host, server.port)) as wire:
        for name, (offer, statuses) in refused.items():
            response = await wire.invite(offer)
            assert response.status in statuses, (name, response.status)
        assert (await wire.invite(b"<xml/>", content_type="text/xml")).status == 415
        # Nothing of them is left, and the next caller is served.
        before = open_files(server.pid)
        report = await server.call(WaitForAnswer(), Silence(0.1))
        await server.line("call.ended", reason="caller-hung-up")
        await rig.eventually(lambda: open_files(server.pid) <= before)
    assert hears(report, answer(emulator, 0))
    assert len(emulator.sessions) == 1, "a model was called for an offer that was refused"


async def test_rtp_that_stops_in_mid_word_is_answered_all_the_same(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, SHORT, agent=SILENT_AGENT) as (server, emulator):
        report = await server.call(Silence(0.3), Play(rig.speech(1.0), "half a sentence"), StopRtp(3.4), Silence(0.1))
        ended = await server.line("call.ended")
    assert (report.status, report.ended_by) == (200, "caller")
    # The emulator's half second of silence and its thinking time, not the end of the pause.
    assert 1.3 + 0.5 < heard_at(report, answer(emulator, 0)) < 1.3 + 2.0
    assert ended.fields["comfort_ms"] > 2000


async def test_callers_over_the_limit_are_sent_away_and_disturb_nobody(tmp_path: Path) -> None:
    limits = {"max_calls": 3}
    settings = EmulatorSettings(answer_ms=2000)
    async with rig.with_emulator(tmp_path, settings, limits=limits, sip={"retry_after_s": 7}) as (server, emulator):
        calls = [asyncio.create_task(server.call(WaitForAnswer(), Silence(0.1))) for _ in range(3)]
        await server.line("call.answered", count=3)
        async with sip_wire((server.host, server.port)) as wire:
            responses = await asyncio.gather(*(wire.invite(session(4000)) for _ in range(20)))
        assert {(each.status, each.headers.get("Retry-After")) for each in responses} == {(503, "7")}
        await server.line("call.refused", count=20)
        reports = await asyncio.gather(*calls)
        await server.line("call.ended", count=3)
        again = await server.call(Silence(0.2))
    assert len(emulator.sessions) == 4
    assert again.status == 200
    for report in reports:
        assert (report.status, report.ended_by) == (200, "caller")
        assert report.reception is not None and report.reception.missing == 0
        assert hears(report, answer(emulator, 0))


async def test_a_caller_that_vanishes_and_one_that_never_ends(tmp_path: Path) -> None:
    tables = {"rtp": {"silence_timeout_s": 1.5}, "limits": {"max_calls": 1, "max_call_s": 3.0}}
    async with rig.with_emulator(tmp_path, SHORT, **tables) as (server, emulator):
        before = open_files(server.pid)
        vanished = await server.call(Silence(0.5), Vanish())
        ended = await server.line("call.ended", timeout_s=5.0)
        assert ended.fields["reason"] == "media-timeout"
        assert 1.9 <= ended.fields["duration_s"] <= 3.6  # counted from the answer, silence from the stream's begin
        await rig.eventually(lambda: bool(emulator.sessions[0].of("closed")))
        await rig.eventually(lambda: open_files(server.pid) <= before)
        # The one place is free again, though nobody answered the BYE.
        report = await server.call(WaitForAnswer(), Silence(60.0))
        await server.line("call.ended", reason="max-duration")
    assert (vanished.status, vanished.ended_by) == (200, "vanished")
    assert (report.status, report.ended_by) == (200, "agent")
    assert hears(report, answer(emulator, 0))
    assert 'cause=102;text="max-duration"' in report.reason
    assert report.duration_s == pytest.approx(3.0, abs=0.3)


async def test_a_caller_that_gives_up_while_it_rings(tmp_path: Path) -> None:
    mute = EmulatorSettings(answer_ms=500, faults=(Fault("mute", at_s=0.0, connections=range(1)),))
    async with rig.with_emulator(tmp_path, mute) as (server, emulator), sip_wire((server.host, server.port)) as wire:
        before = open_files(server.pid)
        waiting = asyncio.create_task(wire.invite(session(4000)))
        await rig.eventually(lambda: bool(emulator.sessions))
        assert any(data.startswith(b"SIP/2.0 180 ") for data in wire.received)
        wire.cancel()
        assert (await waiting).status == 487
        assert any(b"CSeq: 1 CANCEL" in data and data.startswith(b"SIP/2.0 200 ") for data in wire.received)
        ended = await server.line("call.ended")
        assert (ended.fields["result"], ended.fields["reason"]) == ("cancelled", "cancelled")
        await rig.eventually(lambda: bool(emulator.sessions[0].of("closed")))
        await rig.eventually(lambda: open_files(server.pid) <= before)
        report = await server.call(WaitForAnswer(), Silence(0.1))
    assert hears(report, answer(emulator, 0))
