"""The program as its administrator meets it: faulty settings, addresses in use, the end by signal."""

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.cli import app
from mediaserver.load.script import Silence
from mediaserver.sip.message import Message, Request, parse
from support import rig
from support.sip_wire import session, sip_wire

WELL = {
    "sip": {"udp": "127.0.0.1:0", "tcp": "127.0.0.1:0"},
    "rtp": {"address": "127.0.0.1"},
    "agent": {"model": "gpt-realtime"},
    "providers__openai": {"api_key": "sk-test"},
}


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str


async def mediaserver(*arguments: str) -> Outcome:
    """Run the program to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediaserver", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")},
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


def written(folder: Path, name: str, **tables: dict[str, object]) -> str:
    path = folder / f"{name}.toml"
    path.write_text(rig.toml(**tables))
    return str(path)


async def test_every_fault_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    faulty = written(
        tmp_path,
        "faulty",
        sip={"udp": "nowhere", "answer_deadline_s": -1, "allow": ["10.0.0.0/99"]},
        rtp={"ports": "9-8", "ptime_ms": 25, "codecs": ["G729"]},
        limits={"max_cals": 3},
        agent={"tools": ["no colon"], "stall_timeout_s": 0},
    )
    named = (
        "sip.udp is 'nowhere'",
        "sip.answer_deadline_s is -1",
        "sip.allow.0 is '10.0.0.0/99'",
        "rtp.ports is '9-8'",
        "rtp.ptime_ms is 25",
        "rtp.codecs.0 is 'G729'",
        "limits.max_cals: unknown setting; did you mean max_calls?",
        "agent.tools.0",
        "agent.stall_timeout_s",
    )
    served, checked = await asyncio.gather(
        mediaserver("serve", "--config", faulty), mediaserver("check", "--config", faulty)
    )
    for outcome in (served, checked):
        assert (outcome.code, outcome.out) == (2, "")
        assert [words for words in named if words not in outcome.err] == []


def checks(path: str) -> Result:
    """The same without a process of its own."""
    return CliRunner().invoke(app, ["check", "--config", path])


def test_faults_of_what_the_settings_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def variant(name: str, **agent: object) -> str:
        return written(tmp_path, name, **WELL | {"agent": {"model": "gpt-realtime", **agent}})

    (tmp_path / "noise.wav").write_bytes(b"no sound at all")
    keyless = written(tmp_path, "keyless", **WELL | {"providers__openai": {}})
    expected = {
        str(tmp_path / "none.toml"): "cannot be read",
        variant("model", model="gpt-nonsense"): "agent.model",
        variant("tool", tools=["os:nothing"]): "agent.tools 'os:nothing'",
        variant("sound", fault_audio=str(tmp_path / "noise.wav")): "agent.fault_audio",
        keyless: "providers.openai.api_key",
    }
    for path, words in expected.items():
        outcome = checks(path)
        assert (outcome.exit_code, outcome.stdout) == (2, "")
        assert words in outcome.stderr
    well = checks(written(tmp_path, "well", **WELL))
    assert (well.exit_code, well.stderr) == (0, "")
    warning, agent, http, verdict = well.stdout.splitlines()
    assert warning.startswith("warning: agent.model: gpt-realtime ends on")
    assert agent == "agent 'assistant': model 'gpt-realtime' in voice"
    assert http == "http: 127.0.0.1:8080, its page is for this machine"
    assert verdict.startswith("ok: SIP on UDP 127.0.0.1:0, TCP 127.0.0.1:0; settings from ")


def test_trunks_and_phones_are_checked_and_shown(tmp_path: Path) -> None:
    trunks = {
        "trunks__carrier": {"host": "carrier.example", "user": "u", "password": "env:CARRIER_KEY", "register": True},
        "trunks__pbx": {"networks": ["192.0.2.0/28"], "agent": "asistant"},
        "phones": {"users": {"alice": "secret"}},
    }
    outcome = checks(written(tmp_path, "faulty", **WELL | trunks))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "trunks.carrier.password: the environment has no CARRIER_KEY" in outcome.stderr
    assert "trunks.pbx.agent is 'asistant': there is no agent of that name; did you mean assistant?" in outcome.stderr
    trunks["trunks__carrier"]["password"] = f"file:{tmp_path}/key"
    trunks["trunks__pbx"]["agent"] = "assistant"
    (tmp_path / "key").write_text("pw")
    (tmp_path / "key").chmod(0o600)
    well = checks(written(tmp_path, "sound", **WELL | trunks))
    assert (well.exit_code, well.stderr) == (0, "")
    lines = well.stdout.splitlines()
    assert "trunk 'carrier': calls carrier.example, registers" in lines
    assert "trunk 'pbx': is called from 192.0.2.0/28" in lines
    assert "phones: alice" in lines


async def test_addresses_in_use(tmp_path: Path) -> None:
    with (
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as udp,
        closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as tcp,
    ):
        outcomes = []
        for taken, kind in ((udp, "udp"), (tcp, "tcp")):
            taken.bind(("127.0.0.1", 0))
            if kind == "tcp":
                taken.listen()
            sip = {**WELL["sip"], kind: f"127.0.0.1:{taken.getsockname()[1]}"}
            outcomes.append(mediaserver("serve", "--config", written(tmp_path, kind, **WELL | {"sip": sip})))
        for outcome in await asyncio.gather(*outcomes):
            assert outcome.code == 2
            assert "cannot listen" in outcome.err and "address already in use" in outcome.err.lower()
            assert "Traceback" not in outcome.err


async def test_while_calls_end_nobody_else_is_let_in(tmp_path: Path) -> None:
    """A caller that does not answer the BYE holds the end up; meanwhile a balancer has to hear that we go."""
    async with (
        rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=200)) as (server, _),
        sip_wire((server.host, server.port)) as wire,
    ):

        def heard(*words: str) -> list[Message]:
            texts = [data for data in wire.received if all(word.encode() in data for word in words)]
            return [parse(data) for data in texts]

        ok = await wire.invite(session(40_000))
        assert ok.status == 200
        wire.acknowledge(ok)
        await server.line("call.answered")
        before = wire.ask("OPTIONS")
        await rig.eventually(lambda: bool(heard(before, "SIP/2.0 200")))
        os.kill(server.pid, signal.SIGTERM)
        await rig.eventually(lambda: bool(heard("BYE sip:")))
        after = wire.ask("OPTIONS")
        refused = await wire.invite(session(40_002))
        await rig.eventually(lambda: bool(heard(after, "SIP/2.0 503", "Retry-After: ")))
        assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
        bye = heard("BYE sip:")[0]
        assert isinstance(bye, Request)
        wire.send(bytes(bye.response(200)))
        async with asyncio.timeout(5.0):
            assert await server.server._process.wait() == 0
        (ended,) = server.lines("call.ended")
        assert ended.fields["reason"] == "shutting-down"


async def test_sigterm_ends_calls_with_a_bye(tmp_path: Path) -> None:
    async with rig.with_emulator(tmp_path, EmulatorSettings(answer_ms=1500)) as (server, emulator):
        calls = [asyncio.create_task(server.call(Silence(30.0))) for _ in range(2)]
        await server.line("call.answered", count=2)
        await rig.eventually(lambda: all(session.of("first_delta") for session in emulator.sessions))
        told_at = time.monotonic()
        os.kill(server.pid, signal.SIGTERM)
        reports = await asyncio.gather(*calls)
        async with asyncio.timeout(5.0):
            code = await server.server._process.wait()
        took_s = time.monotonic() - told_at
        ended = server.lines("call.ended")
        assert all(session.of("closed") for session in emulator.sessions)
    assert code == 0
    assert took_s < 5.0
    assert [line.fields["reason"] for line in ended] == ["shutting-down"] * 2
    for report in reports:
        assert report.ended_by == "agent"
        assert 'text="shutting-down"' in report.reason
