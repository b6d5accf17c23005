"""An agent calls somebody: the command on a real socket, a trunk of our own, and a model on the line."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator
from mediaserver.sip.events import Cancelled, Ended, IncomingCall
from support import rig
from support.hearing import answer
from support.phone import phone

SHORT = EmulatorSettings(answer_ms=800)


def settings(folder: Path, emulator: OpenAIEmulator, port: int, **outbound: Any) -> Path:
    """A file with one trunk, which is a phone."""
    path = folder / "mediaserver.toml"
    text = rig.toml(
        sip={"udp": "127.0.0.1:0", "tcp": ""},
        rtp={"address": "127.0.0.1", "ports": "22000-23998", "receiver_buffer_ms": 0},
        agent={
            "name": "desk",
            "model": "gpt-realtime",
            "prompt": "You call {callee} about {matter}.",
            "variables": {"matter": "nothing"},
        },
        providers__openai={"api_key": "sk-test", "base_url": emulator.url},
        trunks__carrier={"host": "127.0.0.1", "port": port, "caller_id": {"number": "+4930555"}},
        outbound={"allow": ["+49"], **outbound},
        log={"format": "json"},
    )
    path.write_text(text)
    return path


async def dial(path: Path, number: str, *more: str) -> tuple[asyncio.subprocess.Process, "asyncio.Task[bytes]"]:
    """`mediaserver dial`, and what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", "dial", "desk", number, "-c", str(path), "--var", "matter=rent", *more,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    return process, asyncio.create_task(process.stdout.read())


async def test_an_agent_calls_by_a_trunk_and_converses(tmp_path: Path) -> None:
    async with OpenAIEmulator(SHORT) as emulator, phone() as callee:
        process, printed = await dial(settings(tmp_path, emulator, callee.port), "+49 30 1234")
        try:
            arrived = await callee.event(IncomingCall, timeout_s=60.0)
            (line,) = callee.lines.values()
            await line.hears(answer(emulator, 0))
            line.say(rig.speech(0.8))
            await line.hears(answer(emulator, 1))
            callee.bye(line, 'Q.850;cause=16;text="Normal call clearing"')
            async with asyncio.timeout(15.0):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
        shown = (await printed).decode()
        (session,) = emulator.sessions
        update = next(event for _, event in session.client_events if event["type"] == "session.update")
    assert str(arrived.request.uri.user) == "+49301234" and arrived.request.from_.uri.user == "+4930555"
    assert [line.strip().split()[0] for line in shown.splitlines()] == ["dialling", "ringing", "answered", "completed:"]
    assert "callee-hung-up" in shown
    assert "about rent." in update["session"]["instructions"]


async def test_what_comes_of_a_call_that_nobody_takes_is_the_exit_code(tmp_path: Path) -> None:
    async with OpenAIEmulator(SHORT) as emulator, phone(refuses=486) as busy, phone(answers=False) as deaf:
        (tmp_path / "busy").mkdir()
        (tmp_path / "deaf").mkdir()
        at_busy = settings(tmp_path / "busy", emulator, busy.port)
        at_deaf = settings(tmp_path / "deaf", emulator, deaf.port, ring_timeout_s=1.0)
        told = [await dial(at_busy, "+49301"), await dial(at_deaf, "+49301"), await dial(at_busy, "+15550")]
        async with asyncio.timeout(90.0):
            codes = [await process.wait() for process, _ in told]
            shown = [(await printed).decode() for _, printed in told]
        await deaf.event(Cancelled)
        assert not busy.lines and not [event for event in deaf.events if isinstance(event, Ended)]
    assert codes == [1, 1, 2], shown
    assert "unanswered: busy (486)" in shown[0]
    assert "unanswered: no-answer" in shown[1]
    assert "+15550" in shown[2] and "dialling" not in shown[2]
