"""Calls by WHIP over real sockets: both hear each other, the caller interrupts, presses keys, moves and leaves."""

import asyncio
import json
import time
from pathlib import Path

import httpx2
import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.browser_caller import BrowserCaller
from mediaserver.load.browser_ice import Credentials
from mediaserver.load.browser_terms import candidates_of
from mediaserver.load.script import Digits, Play, Silence, WaitForAnswer, WhileAgentSpeaks
from mediaserver.load.whip import FRAGMENT, WhipClient, WhipError
from mediaserver.sdp.fragment import Fragment
from mediaserver.sdp.session import MediaDescription
from support import rig
from support.hearing import answer
from support.likeness import likeness
from support.phone import phone as telephone
from support.switchboard import until_like
from support.web_board import WebBoard, page, web_board
from support.web_offers import offer

WORDS, STOP = rig.speech(1.2, 71), rig.speech(1.2, 72)


async def restart_ice(caller: BrowserCaller) -> None:
    """As a browser that is on another network now."""
    assert caller.session is not None and caller.leg is not None
    words = f"a=ice-ufrag:newU\r\na=ice-pwd:{'n' * 22}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    before = caller.session.etag
    ours = await caller._whip.patch(caller.session, words.encode(), restart=True)
    assert ours is not None and caller.session.etag != before
    said = Fragment.parse(ours, "0")
    assert said.ufrag and said.password
    attributes = tuple(("candidate", each) for each in said.candidates)
    candidates = candidates_of(MediaDescription("audio", 9, "", (), attributes=attributes), ("127.0.0.1", 0))
    credentials = Credentials("newU", "n" * 22, said.ufrag, said.password)
    caller.leg.ice.restart(credentials, candidates, time.monotonic())
    caller.leg.handle_timer(time.monotonic())


async def test_a_conversation_with_all_that_happens_in_it(tmp_path: Path) -> None:
    model = EmulatorSettings(answer_ms=1500, hears=("What is the time?", "Stop!"))
    async with web_board(tmp_path, model, agent={"dtmf": {"send": False}}) as web:
        caller = await web.caller()
        async with caller:
            assert caller.session is not None and caller.session.events is not None
            async with page(caller.session.events, await web.token()) as told:
                await told.hears_of("speaking", who="agent", on=False)  # the greeting
                await restart_ice(caller)
                report = await caller.perform(
                    (
                        Play(WORDS),
                        WhileAgentSpeaks(0.5),
                        Play(STOP),
                        WaitForAnswer(quiet_s=0.3),
                        Digits("4"),
                        Silence(0.2),
                    )
                )
                await web.board.model_hears(WORDS)
                await caller.hang_up()
                await told.hears_of("state", state="over", reason="caller-hung-up")
                await rig.eventually(lambda: told.over)
        assert not report.timed_out and report.heard is not None
        assert await asyncio.to_thread(likeness, answer(web.board.emulator, 2), report.heard.samples) > 0.7
        ended = await web.board.line("call.ended")
        assert (ended["reason"], ended["lost"]) == ("caller-hung-up", 0), ended
        came = await web.board.line("call.incoming")
        assert (came["way"], came["source"]) == ("whip", "127.0.0.1")

        assert [said["state"] for said in told.told("state")] == ["connecting", "talking", "over"]
        whole = told.told("transcript", final=True)
        assert [(said["who"], said["text"]) for said in whole if said["who"] == "caller"] == [
            ("caller", "What is the time?"),
            ("caller", "Stop!"),
        ]
        said = [each for each in whole if each["who"] == "agent"]
        assert [each.get("interrupted", False) for each in said] == [False, True, False]
        cut = said[1]
        assert cut["text"].startswith(cut["heard_text"]) and len(cut["heard_text"]) < len(cut["text"])
        (interruption,) = told.told("barge_in")
        assert interruption["item"] == cut["item"] and 300 < interruption["heard_ms"] < 1900
        turns = told.told("turn")
        assert [turn["turn"] for turn in turns] == [1, 2]
        for turn in turns:
            stages = turn["endpoint_ms"] + turn["think_ms"] + turn["playout_ms"]
            assert turn["total_ms"] == pytest.approx(stages, abs=0.3)
        assert [said["digit"] for said in told.told("digit")] == ["4"]
        assert len(told.told("quality")) >= 3 and told.told("quality")[-1]["lost"] == 0
        spoken = [(each["who"], each["on"]) for each in told.told("speaking", who="agent")]
        assert spoken == [("agent", True), ("agent", False)] * 3
        assert [each["on"] for each in told.told("speaking", who="caller")] == [True, False, True, False]
        times = [said["at"] for _, said in told.events]
        assert times == sorted(times)


async def nothing_left(web: WebBoard) -> None:
    """No call, no session, no feed is kept, and the media plane has let go."""
    reception = web.board.reception
    await rig.eventually(lambda: not len(reception) and not len(reception.web) and not len(reception._desk.feeds), 10.0)
    await rig.eventually(lambda: not reception._calls._by_id, 5.0)


async def test_a_tab_that_is_closed_in_the_middle_of_a_word(tmp_path: Path) -> None:
    async with web_board(tmp_path, rtp={"silence_timeout_s": 1.5}) as web:
        caller, token = await web.caller(), await web.token()
        async with caller:
            assert caller.session is not None and caller.session.events is not None
            async with page(caller.session.events, token) as told:
                performing = asyncio.create_task(caller.perform([Play(rig.speech(10.0, 73))]))
                await told.hears_of("speaking", who="caller", on=True)
                await caller.vanish()
                await performing
                over = await told.hears_of("state", state="over", timeout_s=10)
                assert over["reason"] == "media-timeout"
            client = WhipClient(token)
            with pytest.raises(WhipError) as gone:
                await client.patch(caller.session, b"a=end-of-candidates\r\n")
            await client.close()
            assert gone.value.status == 404, "the laptop woke up again"
        await nothing_left(web)


async def test_a_browser_that_never_comes_by_its_media(tmp_path: Path) -> None:
    async with web_board(tmp_path, webrtc={"connect_s": 1}) as web:
        token = await web.token()
        client = WhipClient(token)
        session = await client.post(web.endpoint, offer())
        assert session.events is not None
        async with page(session.events, token) as told:
            over = await told.hears_of("state", state="over", timeout_s=10)
        assert 0.9 < over["at"] < 5 and over["reason"] == "media-security"
        with pytest.raises(WhipError) as gone:
            await client.delete(session)
        await client.close()
        assert gone.value.status == 404
        await nothing_left(web)


async def test_a_browser_is_put_through_to_a_telephone(tmp_path: Path) -> None:
    """By a call of ours, although the agent would have the caller call: a page can call nobody else."""
    async with telephone() as other:
        model = EmulatorSettings(answer_ms=800, tool_on_turn={1: ("transfer_call", json.dumps({"phone": other.uri}))})
        agent = {"tools": ["transfer_call"], "transfer_call": {"style": "refer"}}
        async with web_board(tmp_path, model, agent=agent, outbound={"domains": ["127.0.0.1"]}) as web:
            caller, theirs = await web.caller(), rig.speech(1.5, 75)
            async with caller:
                assert caller.session is not None and caller.session.events is not None
                async with page(caller.session.events, await web.token()) as told:
                    await told.hears_of("speaking", who="agent", on=False)
                    performing = asyncio.create_task(
                        caller.perform((Play(WORDS), Silence(4.0), Play(STOP), Silence(2.0)))
                    )
                    await web.board.line("call.bridged")
                    (line,) = other.lines.values()
                    line.say(theirs)
                    report = await performing
                    await until_like(lambda: [line.hearing], STOP, "whom the page was put through to")
                    await caller.hang_up()
                    await told.hears_of("tool", name="transfer_call", state="called")
                    await told.hears_of("session", what="put_through")
                    await told.hears_of("state", state="over", reason="caller-hung-up")
            assert report.heard is not None
            assert await asyncio.to_thread(likeness, theirs, report.heard.samples) > 0.7, "the page"
            await nothing_left(web)


async def test_a_page_that_is_left_before_the_answer(tmp_path: Path) -> None:
    """The connection breaks while the model is still being reached: one that takes the call and says nothing."""
    async with await asyncio.start_server(_mute, "127.0.0.1", 0) as model:
        port = model.sockets[0].getsockname()[1]
        async with web_board(tmp_path, providers__openai={"base_url": f"http://127.0.0.1:{port}/v1"}) as web:
            body = offer()
            head = (
                f"POST /whip/assistant HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {await web.token()}\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            _, writer = await asyncio.open_connection("127.0.0.1", int(web.url.rpartition(":")[2]))
            writer.write(head.encode() + body)
            await web.board.line("call.ringing")
            writer.close()
            ended = await web.board.line("call.ended", timeout_s=5)
            assert ended["result"] == "cancelled", ended
            await nothing_left(web)


async def _mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    async with web_board(tmp_path) as web, httpx2.AsyncClient() as client:
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {await web.token()}"}
        for given, more, status in (
            (b"v=0\r\n" + b"a" * 1_000_000, {}, 413),
            (b"hello", {}, 400),
            (offer(), {"Content-Type": FRAGMENT}, 415),
            (offer(), {"Authorization": "Bearer x"}, 401),
            (offer(), {"Origin": "https://evil.example"}, 403),
        ):
            response = await client.post(web.endpoint, content=given, headers=headers | more)
            assert response.status_code == status and response.json()["status"] == status
        assert not web.board.logged("call.incoming")
        await nothing_left(web)
