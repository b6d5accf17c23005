"""Real calls over loopback to a callee of our own."""

import asyncio

import numpy as np
import pytest

from mediacodecs.g711 import PCMA, PCMU
from mediaserver.load.caller import Caller, CallerSettings
from mediaserver.load.recording import read_wav
from mediaserver.load.report import stopped_after, talkspurts
from mediaserver.load.script import (
    Digits,
    HangUp,
    Play,
    Silence,
    StopRtp,
    Vanish,
    WaitForAnswer,
    WhileAgentSpeaks,
)
from support.callee import callee

LOCAL = CallerSettings(host="127.0.0.1", answer_timeout_s=3.0)


def noise(seconds, seed=1):
    """Something with a shape of its own to find again."""
    return np.random.default_rng(seed).integers(-8000, 8000, round(8000 * seconds)).astype(np.int16)


def quiet(seconds):
    return np.zeros(round(8000 * seconds), np.int16)


async def test_both_sides_hear_each_other_to_the_sample(tmp_path):
    theirs, ours = noise(0.6), noise(0.4, seed=2)
    happened, labels = [], []
    async with callee(asyncio.get_running_loop(), theirs) as phone:
        caller = Caller(LOCAL, happened.append, labels.append)
        report = await caller.place(phone.uri, [Play(ours, "hello"), Silence(0.5)])
    assert (report.status, report.ended_by, report.codec) == (200, "caller", "PCMU")
    assert happened == ["ringing", "answered", "ended"]
    assert labels == ["hello"]
    assert report.reception.missing == 0
    heard = report.heard.samples
    assert np.array_equal(heard[: len(theirs)], PCMU.decode(PCMU.encode(theirs)))
    sent = phone.heard()
    assert np.array_equal(sent[: len(ours)], PCMU.decode(PCMU.encode(ours)))
    assert len(phone.ended) == 1
    assert phone.ended[0].by_peer
    report.record(tmp_path / "call.wav")
    assert len(read_wav(tmp_path / "call.wav")) >= 0.8 * 8000


async def test_packets_leave_on_an_exact_clock():
    async with callee(asyncio.get_running_loop(), quiet(0.1)) as phone:
        await Caller(LOCAL).place(phone.uri, [Silence(2.0)])
    at = np.array([when for when, _ in phone.received])
    assert 98 <= len(at) <= 103
    stamps = [packet.timestamp for _, packet in phone.received]
    assert set(np.diff(stamps).tolist()) == {160}
    assert abs((at[-1] - at[0]) - 0.02 * (len(at) - 1)) < 0.03
    assert [packet.marker for _, packet in phone.received].count(True) == 1


async def test_a_barge_in_waits_for_the_agent_to_speak():
    sound = np.concatenate((quiet(0.4), noise(1.5)))
    async with callee(asyncio.get_running_loop(), sound) as phone:
        report = await Caller(LOCAL).place(
            phone.uri, [WhileAgentSpeaks(0.5), Play(noise(0.2)), WaitForAnswer(0.3, 3.0)]
        )
    (spurt,) = talkspurts(report.heard)
    (said,) = report.spoken
    assert said.began_at - spurt[0] == pytest.approx(0.5, abs=0.05)
    assert stopped_after(said, [spurt]) == pytest.approx(1.0, abs=0.06)
    assert report.timed_out == []


async def test_keys_are_pressed_once_each():
    async with callee(asyncio.get_running_loop(), quiet(0.1)) as phone:
        await Caller(LOCAL).place(phone.uri, [Digits("19#"), Silence(0.7)])
    assert phone.digits == ["1", "9", "#"]


async def test_rtp_can_stop_in_mid_call():
    async with callee(asyncio.get_running_loop(), quiet(0.1)) as phone:
        await Caller(LOCAL).place(phone.uri, [Silence(0.2), StopRtp(0.4), Silence(0.2)])
    gaps = np.diff([when for when, _ in phone.received])
    assert gaps.max() == pytest.approx(0.42, abs=0.04)
    stamps = np.diff([packet.timestamp for _, packet in phone.received])
    assert stamps.max() == 21 * 160
    assert [packet.marker for _, packet in phone.received].count(True) == 2


async def test_a_caller_may_vanish():
    async with callee(asyncio.get_running_loop(), quiet(0.1)) as phone:
        report = await Caller(LOCAL).place(phone.uri, [Silence(0.1), Vanish()])
        await asyncio.sleep(0.1)
        assert phone.ended == []
    assert report.ended_by == "vanished"


async def test_a_hang_up_by_the_agent_ends_the_script():
    async with callee(asyncio.get_running_loop(), quiet(0.1), hang_up_after_s=0.3) as phone:
        report = await Caller(LOCAL).place(phone.uri, [Silence(30)])
    assert report.ended_by == "agent"
    assert "done" in report.reason
    assert report.duration_s == pytest.approx(0.3, abs=0.1)


async def test_the_longest_call_is_ended():
    async with callee(asyncio.get_running_loop(), quiet(0.1)) as phone:
        report = await Caller(LOCAL).place(phone.uri, [Silence(30), HangUp()], max_s=0.3)
    assert report.ended_by == "caller"
    assert report.duration_s == pytest.approx(0.3, abs=0.1)


async def test_a_refusal_is_a_report():
    async with callee(asyncio.get_running_loop(), quiet(0.1), refuse=486) as phone:
        report = await Caller(LOCAL).place(phone.uri, [Silence(1)])
    assert (report.status, report.answered, report.spoken) == (486, False, [])


async def test_an_unanswered_call_is_cancelled():
    async with callee(asyncio.get_running_loop(), quiet(0.1), refuse="never") as phone:
        settings = CallerSettings(host="127.0.0.1", answer_timeout_s=0.3)
        report = await Caller(settings).place(phone.uri, [Silence(1)])
        assert phone.cancelled
    assert (report.status, report.answered) == (408, False)


async def test_credentials_answer_a_challenge():
    async with callee(asyncio.get_running_loop(), quiet(0.1), users={"alice": "secret"}) as phone:
        settings = CallerSettings(host="127.0.0.1", user="alice", credentials=("alice", "secret"))
        report = await Caller(settings).place(phone.uri, [Silence(0.1)])
        assert report.status == 200
        wrong = CallerSettings(host="127.0.0.1", user="alice", credentials=("alice", "guess"))
        report = await Caller(wrong).place(phone.uri, [Silence(0.1)])
    assert report.status == 401


async def test_a_law_and_another_packet_length():
    theirs = noise(0.6)
    settings = CallerSettings(host="127.0.0.1", codecs=("PCMA",), ptime_ms=40)
    async with callee(asyncio.get_running_loop(), theirs) as phone:
        report = await Caller(settings).place(phone.uri, [Play(noise(0.2)), Silence(0.6)])
    assert report.codec == "PCMA"
    assert {len(packet.payload) for _, packet in phone.received} == {320}
    assert np.array_equal(report.heard.samples[: len(theirs)], PCMA.decode(PCMA.encode(theirs)))


async def test_a_call_over_tcp():
    async with callee(asyncio.get_running_loop(), noise(0.2)) as phone:
        uri = f"sip:callee@127.0.0.1:{phone.shell.tcp_address[1]};transport=tcp"
        report = await Caller(LOCAL).place(uri, [Silence(0.3)])
    assert report.status == 200
    assert talkspurts(report.heard)
