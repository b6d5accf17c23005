"""A model that stops reading for ten seconds: what cannot be delivered is dropped, oldest first, and counted."""

import socket
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator
from mediaserver.load.script import At, Play, Silence, WaitForAnswer
from support import rig
from support.hearing import answer, heard_at, hears

DEAF_FROM_S, DEAF_S = 1.0, 10.0
KEPT_MS = 2000
"""How much of the caller's newest audio the server keeps."""


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def narrow(emulator: OpenAIEmulator) -> None:
    """Make the emulator's kernel take little on its behalf: what it does not read backs up soon."""
    assert emulator._host is not None
    for listener in emulator._host._endpoint._running().sockets:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)


async def test_ten_deaf_seconds(tmp_path: Path) -> None:
    deaf = Fault("stop_reading", at_s=DEAF_FROM_S, seconds=DEAF_S, connections=range(1, 2))
    settings = EmulatorSettings(answer_ms=1500, faults=(deaf,))
    async with rig.with_emulator(tmp_path, settings, agent={"greeting": ""}) as (server, emulator):
        narrow(emulator)
        await server.call(Silence(0.5))
        before = memory_mb(server.pid)
        report = await server.call(
            At(5.0),
            Play(rig.speech(0.8), "lost"),
            At(9.8),
            Play(rig.speech(0.8), "kept"),
            WaitForAnswer(),
            Silence(0.1),
        )
        after = memory_mb(server.pid)
        ended = await server.line("call.ended", count=2)
        assert not server.lines("provider.reconnected")
    assert after - before < 3.0
    _, session = emulator.sessions
    # Whatever the caller said was delivered or is counted, and what was dropped is the oldest.
    dropped_ms = ended.fields["uplink_dropped_ms"]
    assert 4000 <= dropped_ms <= DEAF_S * 1000 - KEPT_MS
    assert dropped_ms + session.append_bytes / 8 == pytest.approx(report.duration_s * 1000, abs=200)
    assert len(session.of("speech_started")) == 1
    # And the call goes on: the question of the end is answered, soon after the model listens again.
    assert (report.ended_by, report.timed_out) == ("caller", [])
    assert hears(report, answer(emulator, 0))
    assert DEAF_FROM_S + DEAF_S < heard_at(report, answer(emulator, 0)) < DEAF_FROM_S + DEAF_S + 2.0
