"""Calls as a browser makes them, to a WHIP server that is none of ours."""

import asyncio

import numpy as np
import pytest

from mediaserver.load.browser_caller import BrowserCaller, BrowserSettings, place
from mediaserver.load.report import talkspurts
from mediaserver.load.script import Play, Silence, Vanish, WhileAgentSpeaks
from mediaserver.load.whip import WhipError
from support.whip_server import TOKEN, whip_server


def voiced(seconds, rate, seed=1):
    """A buzz whose loudness goes up and down: what Opus carries and correlation finds."""
    at = np.arange(round(seconds * rate)) / rate
    pitch = 110 + 20 * np.sin(2 * np.pi * 1.3 * at + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    wave = sum(np.sin(n * phase) / n for n in range(1, 12))
    return (6000 * wave * (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * at))).astype(np.int16)


async def test_both_sides_hear_each_other():
    happened, labels = [], []
    async with whip_server(voiced(1.0, 48000)) as server:
        async with BrowserCaller(server.url, TOKEN, watch=happened.append, said=labels.append) as caller:
            report = await caller.perform([Silence(0.2), Play(voiced(0.8, 8000), "hello"), Silence(0.6)])
        assert server.peers == {}
        assert [method for method, _ in server.requests] == ["POST", "DELETE"]
    assert happened == ["posted", "answered", "connected", "ended"]
    assert labels == ["hello"]
    assert (report.status, report.codec, report.ended_by) == (201, "OPUS", "caller")
    assert report.placed_at < report.answered_at < report.ice_at < report.dtls_at < report.first_audio_at
    assert report.srtp in ("AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80")
    assert report.reception.missing == 0
    (spurt,) = talkspurts(report.heard)
    assert spurt[1] - spurt[0] == pytest.approx(1.0, abs=0.2)
    heard = np.concatenate(server.heard).astype(np.float64)
    loud = np.flatnonzero(np.abs(heard) > 1500)
    assert (loud[-1] - loud[0]) / 48000 == pytest.approx(0.8, abs=0.1)


async def test_only_some_packets_are_looked_at_if_nobody_asks():
    settings = BrowserSettings(listen_every=4, recorded=False)
    async with whip_server(voiced(3.0, 48000)) as server:
        report = await place(server.url, TOKEN, [WhileAgentSpeaks(0.3, 5.0), Silence(0.1)], settings)
    assert report.timed_out == []
    assert report.heard is None
    assert report.reception.packets > 15


async def test_a_refusal_is_a_report_with_the_servers_words():
    async with whip_server(np.zeros(0, np.int16)) as server:
        report = await place(server.url, "wrong", [Silence(1)])
        assert (report.status, report.reason, report.answered) == (401, "the token is none", False)
        server.refuse = (503, {"Retry-After": "7"}, {"title": "Service Unavailable"})
        with pytest.raises(WhipError) as caught:
            async with BrowserCaller(server.url, TOKEN):
                pass
    assert (caught.value.status, str(caught.value), caught.value.retry_after_s) == (503, "Service Unavailable", 7.0)


async def test_an_answer_without_media_ends_in_time_and_the_session_is_given_back():
    async with whip_server(np.zeros(0, np.int16)) as server:
        server.without_media = True
        settings = BrowserSettings(connect_timeout_s=0.6)
        report = await place(server.url, TOKEN, [Silence(1)], settings)
        assert [method for method, _ in server.requests] == ["POST", "DELETE"]
    assert report.reason == "no ICE check was answered after 0.6 s"
    assert report.dtls_at is None


async def test_who_vanishes_says_nothing():
    async with whip_server(np.zeros(0, np.int16)) as server:
        report = await place(server.url, TOKEN, [Silence(0.1), Vanish()])
        assert report.ended_by == "vanished"
        assert [method for method, _ in server.requests] == ["POST"]


async def test_a_session_that_is_over_was_ended_by_the_agent():
    async with whip_server(np.zeros(0, np.int16)) as server:
        settings = BrowserSettings(origin="https://shop.example")
        async with BrowserCaller(server.url, TOKEN, settings) as caller:
            assert server.requests[0] == ("POST", "https://shop.example")
            await server.peers.pop(next(iter(server.peers))).close()
            await caller.perform([Silence(0.1)])
    assert caller.report.ended_by == "agent"


async def test_nobody_there():
    report = await place("http://127.0.0.1:9/whip/agent", None, [Silence(1)])
    assert report.status is None
    assert report.reason
    assert (await place("ftp://127.0.0.1/agent", None, [])).reason == "ftp://127.0.0.1/agent: not an http or https URL"


async def test_nothing_is_left_of_a_call():
    before = asyncio.all_tasks()
    async with whip_server(np.zeros(0, np.int16)) as server:
        during = asyncio.all_tasks()
        await place(server.url, TOKEN, [Silence(0.1)])
        await asyncio.sleep(0)
        assert {task.get_name() for task in asyncio.all_tasks() - during} == set()
    assert asyncio.all_tasks() == before
