"""The ladder of a call, from the wire to its file and to Wireshark; and no secret in it or in the log."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.caller import CallerSettings
from mediaserver.load.script import Silence, WaitForAnswer
from support import rig
from support.rig import Rig

PASSWORD = "looking-glass-9fe1"


async def ladder_of(server: Rig, event: str) -> list[dict[str, object]]:
    """The lines of the file that a log line names, once it is there."""
    path = Path(str((await server.line(event)).fields["ladder"]))
    await rig.eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return rows(path)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def starts(lines: list[dict[str, object]]) -> list[tuple[str, str]]:
    return [(str(line["way"]), str(line["message"]).split(" sip:")[0].split("\r")[0]) for line in lines]


async def test_a_call_keeps_its_ladder_and_no_secret_is_told(tmp_path: Path) -> None:
    kept = tmp_path / "ladders"
    tables = {"ladder": {"directory": kept}, "log": {"level": "debug"}, "sip": {"users": {"alice": PASSWORD}}}
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=300), **tables) as (server, _):  # type: ignore[arg-type]
        settings = CallerSettings(host=server.host, credentials=("alice", PASSWORD))
        report = await server.call(WaitForAnswer(), Silence(0.2), settings=settings)
        assert report.status == 200
        about, *lines = await ladder_of(server, "call.ended")
        log = "\n".join(json.dumps(dict(line.fields)) for line in server.server.lines)
    assert (about["result"], about["reason"]) == ("completed", "caller-hung-up")
    assert starts(lines) == [
        ("received", "INVITE"),
        ("sent", "SIP/2.0 401 Unauthorized"),
        ("received", "ACK"),
        ("received", "INVITE"),
        ("sent", "SIP/2.0 100 Trying"),
        ("sent", "SIP/2.0 180 Ringing"),
        ("sent", "SIP/2.0 200 OK"),
        ("received", "ACK"),
        ("received", "BYE"),
        ("sent", "SIP/2.0 200 OK"),
    ]
    messages = "".join(str(line["message"]) for line in lines)
    assert 'username="alice"' in messages
    assert set(re.findall(r'response="([^"]*)"', messages)) == {"x" * 32}
    assert len(log) > 1000
    for told in (log, messages, json.dumps(about)):
        assert PASSWORD not in told and "sk-test" not in told
        assert not re.search(r"response=\W*[0-9a-f]{32}", told)


async def test_a_call_that_is_refused_has_one_too_and_a_server_that_stops_writes_at_once(tmp_path: Path) -> None:
    kept = tmp_path / "ladders"
    tables = {"ladder": {"directory": kept}, "limits": {"max_calls": 1}}
    async with rig.with_emulator(tmp_path, **tables) as (server, _):  # type: ignore[arg-type]
        await server.call(Silence(0.1))
        about, *_ = await ladder_of(server, "call.ended")
        assert about["result"] == "completed"
        first, second = Silence(1.0), Silence(0.1)
        standing = asyncio.create_task(server.call(first))
        await server.line("call.answered", count=2)
        assert (await server.call(second)).status == 503
        await server.line("call.refused")
        await standing
        await server.line("call.ended", count=2)
    files = [path.read_text().splitlines() for path in kept.glob("*/*.jsonl")]
    assert len(files) == 3
    (refused,) = (lines for lines in files if "max-calls" in lines[0])
    assert starts([json.loads(line) for line in refused[1:]]) == [
        ("received", "INVITE"),
        ("sent", "SIP/2.0 100 Trying"),
        ("sent", "SIP/2.0 503 Service Unavailable"),
        ("received", "ACK"),
    ]


@pytest.mark.tool("tshark")
async def test_the_command_shows_it_and_writes_a_capture(tmp_path: Path) -> None:
    kept = tmp_path / "ladders"
    async with rig.with_emulator(tmp_path, ladder={"directory": kept}) as (server, _):
        report = await server.call(Silence(0.2), uri=f"sip:agent@{server.host}:{server.tcp_port};transport=tcp")
        assert report.status == 200
        path = str((await server.line("call.ended")).fields["ladder"])
    shown = _mediaserver("ladder", path)
    assert "reason=caller-hung-up" in shown and "INVITE sip:agent@" in shown and "200 OK (BYE)" in shown
    assert "m=audio" in _mediaserver("ladder", "--full", path) and "m=audio" not in shown
    _mediaserver("ladder", path, "--pcap", str(tmp_path / "call.pcap"))
    fields = ("-e", "sip.Method", "-e", "sip.Status-Code")
    methods = _run("tshark", "-n", "-r", str(tmp_path / "call.pcap"), "-T", "fields", *fields).split()
    assert methods == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]


def _mediaserver(*arguments: str) -> str:
    return _run(sys.executable, "-m", "mediaserver", *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
