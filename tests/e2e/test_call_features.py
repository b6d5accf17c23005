"""What a call can do besides talk: tools, hanging up, the transcript, latency, digits, codecs, packet lengths, TCP."""

import asyncio
import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from mediacodecs.g711 import PCMU
from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.caller import CallerSettings
from mediaserver.load.recording import write_wav
from mediaserver.load.script import Digits, Play, Silence, WaitForAnswer
from support import rig
from support.hearing import answer, heard_at, hears
from support.scripted_openai import Scene, ScriptedOpenAI

SHORT = EmulatorSettings(answer_ms=800)
TESTS = Path(__file__).parents[1]


async def test_tools_transcripts_and_latency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    settings = EmulatorSettings(
        answer_ms=800,
        hears=("When do you open on Monday?", "Thank you, goodbye."),
        answer_texts=("Hello.", "", "Nine o'clock.", "Goodbye!"),
        tool_on_turn={1: ("opening_hours", '{"day": "Monday", "holidays": true}')},
    )
    agent = {"tools": ["support.phone_tools:opening_hours", "end_call"]}
    async with rig.with_emulator(tmp_path, settings, agent=agent) as (server, emulator):
        question = rig.speech(0.8)
        report = await server.call(WaitForAnswer(), Play(question, "1"), WaitForAnswer(), Digits("42#"), Silence(0.4))
        ended = await server.line("call.ended")
        call = ended.fields["call"]
        tool = await server.line("tool", call=call)
        (turn,) = server.lines("turn")
        said = [(line.fields["speaker"], line.fields["text"]) for line in server.lines("transcript")]
        digits = server.lines("digit")
        calls = {line.fields["call"] for line in (*server.lines("transcript"), turn, *digits)}
    assert (report.ended_by, report.timed_out, calls) == ("caller", [], {call})
    assert tool.fields["name"] == "opening_hours"
    (session,) = emulator.sessions
    outputs = [
        event["item"]["output"]
        for _, event in session.client_events
        if event["type"] == "conversation.item.create" and event["item"]["type"] == "function_call_output"
    ]
    assert [json.loads(output) for output in outputs] == [{"day": "Monday", "from": 11}]
    assert hears(report, answer(emulator, 0)) and hears(report, answer(emulator, 2))
    assert ("agent", "Hello.") in said
    assert ("caller", "When do you open on Monday?") in said
    assert any(speaker == "agent" and "11" in text for speaker, text in said), said
    stages = [turn.fields[f"{stage}_ms"] for stage in ("endpoint", "think", "playout")]
    assert turn.fields["total_ms"] == pytest.approx(sum(stages), abs=0.2)
    assert stages[0] == pytest.approx(500, abs=120) and stages[1] >= 400 and stages[2] <= 60
    assert len(digits) == 3
    assert ended.fields["input_tokens"] > 0 and ended.fields["output_tokens"] > 0


async def test_the_agent_hangs_up_after_its_last_words(tmp_path: Path) -> None:
    goodbye = PCMU.encode(rig.speech(2.0, seed=17))

    async def farewell(scene: Scene) -> None:
        """All of the goodbye at once, and the wish to hang up right behind it."""
        await scene.open()
        await scene.expect("response.create")
        await scene.created("r1")
        await scene.audio("r1", "words", goodbye, "Goodbye!")
        await scene.send(
            "response.function_call_arguments.done",
            response_id="r1", item_id="call", call_id="c1", name="end_call", arguments="{}",
        )  # fmt: skip
        await scene.done("r1")
        await scene.until_closed()

    async with ScriptedOpenAI(farewell) as model:
        access = {"api_key": "sk-test", "base_url": model.url}
        async with rig.rig(tmp_path, agent={"model": "gpt-realtime"}, providers__openai=access) as server:
            report = await server.call(Silence(30.0))
            ended = await server.line("call.ended")
    assert (report.ended_by, ended.fields["reason"], ended.fields["result"]) == ("agent", "agent-hung-up", "completed")
    assert 'cause=16;text="agent-hung-up"' in report.reason
    words = PCMU.decode(goodbye)
    assert hears(report, words)
    assert report.duration_s - heard_at(report, words) == pytest.approx(2.0, abs=0.25)


async def test_packet_lengths_and_codecs(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, SHORT) as (server, emulator):
        by_tcp = f"sip:agent@{server.host}:{server.tcp_port};transport=tcp"

        async def one(codec: str, ptime_ms: int, uri: str | None) -> None:
            settings = CallerSettings(host=server.host, codecs=(codec,), ptime_ms=ptime_ms)
            steps = (WaitForAnswer(), Play(rig.speech(0.6), "question"), WaitForAnswer(), Silence(0.1))
            report = await server.call(*steps, settings=settings, uri=uri)
            assert (report.ended_by, report.codec, report.timed_out) == ("caller", codec, [])
            assert {len(arrival.payload) for arrival in report.arrivals} == {8 * ptime_ms}
            assert hears(report, answer(emulator, 0, codec)) and hears(report, answer(emulator, 1, codec))

        ways = [(10, None), (30, None), (60, None), (20, by_tcp)]
        await asyncio.gather(*(one(codec, ptime_ms, uri) for codec in ("PCMU", "PCMA") for ptime_ms, uri in ways))
        for number in range(8):
            await server.line("call.ended", reason="caller-hung-up", count=number + 1)
    kinds = []
    for session in emulator.sessions:
        update = next(event for _, event in session.client_events if event["type"] == "session.update")
        audio = update["session"]["audio"]
        kinds.append((audio["input"]["format"]["type"], audio["output"]["format"]["type"]))
    # The line's own law all the way: nothing is transcoded.
    assert sorted(kinds) == [("audio/pcma", "audio/pcma")] * 4 + [("audio/pcmu", "audio/pcmu")] * 4


async def test_who_may_call(tmp_path: Path) -> None:
    await asyncio.gather(_users(tmp_path), _networks(tmp_path))


async def _users(folder: Path) -> None:
    (folder / "users").mkdir()
    sip = {"users": {"anna": "s3cret"}, "realm": "desk"}
    async with rig.with_emulator(folder / "users", SHORT, sip=sip) as (server, emulator):

        async def by(*credentials: str) -> tuple[int | None, str]:
            user, password = credentials or ("", "")
            settings = CallerSettings(host=server.host, credentials=(user, password) if user else None)
            report = await server.call(Silence(0.3), settings=settings)
            return report.status, report.ended_by

        assert await by("anna", "s3cret") == (200, "caller")
        assert await by("anna", "wrong") == (401, "")
        assert await by("bert", "s3cret") == (401, "")
        assert await by() == (401, "")
        assert "s3cret" not in server.server.tail() + "".join(str(line.fields) for line in server.server.lines)
    assert len(emulator.sessions) == 1


async def _networks(folder: Path) -> None:
    (folder / "networks").mkdir()
    sip = {"allow": ["192.0.2.0/24"]}
    async with rig.with_emulator(folder / "networks", SHORT, sip=sip) as (server, emulator):
        settings = CallerSettings(host=server.host, answer_timeout_s=1.0)
        by_tcp = f"sip:agent@{server.host}:{server.tcp_port};transport=tcp"
        silent, refused = await asyncio.gather(
            server.call(Silence(0.1), settings=settings), server.call(Silence(0.1), settings=settings, uri=by_tcp)
        )
        # A stranger's datagrams are not even answered; a connection hears it once.
        assert (silent.status, silent.ringing_at) == (408, None)
        assert refused.status == 403
        assert not server.lines("call.incoming")
    assert emulator.sessions == ()


async def test_the_telephone_of_the_command_line(tmp_path: Path) -> None:
    question = rig.speech(0.8)
    write_wav(tmp_path / "question.wav", question)
    async with rig.with_emulator(tmp_path, SHORT, agent={"greeting": ""}) as (server, emulator):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediaserver", "call", server.uri,
            "--no-greeting", "--play", str(tmp_path / "question.wav"), "--record", str(tmp_path / "call.wav"), "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(40):
            out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    shown = json.loads(out)
    assert (shown["status"], shown["ended_by"], shown["codec"], shown["missing"]) == (200, "caller", "PCMU", 0)
    assert [said["label"] for said in shown["spoken"]] == ["question.wav"]
    assert len(shown["agent_spoke"]) == 1
    with wave.open(str(tmp_path / "call.wav")) as recorded:
        assert recorded.getnchannels() == 2
        left, right = np.frombuffer(recorded.readframes(recorded.getnframes()), "<i2").reshape(-1, 2).T
    # What was played is on the left, what was heard on the right, one after the other.
    asked_at, asked = rig.where(question, left)
    answered_at, answered = rig.where(answer(emulator, 0), right)
    assert asked > 0.98 and answered > 0.98
    assert asked_at + len(question) < answered_at
