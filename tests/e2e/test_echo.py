"""A telephone on a table: the agent's own voice comes back, and is not taken for the caller's."""

from pathlib import Path

import numpy as np
import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.caller import CallerSettings
from mediaserver.load.script import Play, Silence, WhileAgentSpeaks
from support import rig
from support.real_speech import recordings

ECHOING = CallerSettings(host="127.0.0.1", echo=(-9.0, 120.0))
ANSWER = EmulatorSettings(answer_ms=5000)


def settings(interruption: str, **more: object) -> dict[str, object]:
    return {"interruption": interruption, **more}


@pytest.mark.parametrize("interruption", ["provider", "local"])
async def test_an_agent_does_not_interrupt_itself(tmp_path: Path, interruption: str) -> None:
    tables = {"agent": settings(interruption), "log": {"level": "debug"}}
    async with rig.with_emulator(tmp_path, ANSWER, **tables) as (server, emulator):
        await server.call(Silence(6.5), settings=ECHOING)
        record = await server.line("call.ended")
        found = await server.line("echo")
    (session,) = emulator.sessions
    assert not session.of("speech_started")
    assert not server.lines("barge_in") and not server.lines("duck")
    # Its clocks begin with packets that may be late: by some frames it is off, and always by the same.
    assert 60 <= record.fields["echo_delay_ms"] <= 220
    assert record.fields["echo_db"] == pytest.approx(-9, abs=3)
    assert record.fields["echo_share"] > 0.5
    assert found.fields["delay_ms"] == pytest.approx(record.fields["echo_delay_ms"], abs=40)


@pytest.mark.tool("pocketsphinx-testdata")
@pytest.mark.parametrize("interruption", ["provider", "local"])
async def test_a_caller_still_interrupts(tmp_path: Path, interruption: str) -> None:
    speech = (recordings()[0][:20000] // 2).astype(np.int16)
    async with rig.with_emulator(tmp_path, ANSWER, agent=settings(interruption)) as (server, emulator):
        await server.call(WhileAgentSpeaks(2.0), Play(speech, "barge in"), Silence(0.6), settings=ECHOING)
        barge_in = await server.line("barge_in")
    assert barge_in.fields["decided_by"] == interruption
    assert barge_in.fields["heard_ms"] > 1500
    (session,) = emulator.sessions
    assert len(session.of("truncate")) == 1
    # What stopped the agent was the caller's voice: the emulator heard nothing before.
    assert session.of("speech_started")[0]["audio_start_ms"] > 1500 or interruption == "local"


async def test_without_the_guard_it_does(tmp_path: Path) -> None:
    """What the guard is for: the same line, and the agent's key `echo` off."""
    async with rig.with_emulator(tmp_path, ANSWER, agent=settings("provider", echo="off")) as (server, emulator):
        await server.call(Silence(2.5), settings=ECHOING)
        record = await server.line("call.ended")
    (session,) = emulator.sessions
    assert session.of("speech_started")
    assert "echo_db" not in record.fields
