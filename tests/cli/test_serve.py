"""`mediaserver serve` where nothing is configured: who answers then, and what is said if nobody can."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mediaproviders.local import hear
from mediaserver import log
from mediaserver.agents import source
from mediaserver.cli import app
from mediaserver.cli.offline import AGENT, answered, moved, offline, unconfigured
from mediaserver.config import Settings, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_who_answers_where_nobody_said(elsewhere: Path) -> None:
    settings = load(None)
    assert unconfigured(settings)
    roster = source.of(offline(settings)).roster
    assert (roster.default, roster.find().model) == ("clinic", "local")


def test_a_file_that_says_all_but_who_answers(elsewhere: Path) -> None:
    written = '[http]\naddress = "127.0.0.1:0"\n[webrtc]\nudp = ""\n[log]\nformat = "json"\n[limits]\nmax_calls = 5\n'
    (elsewhere / "mediaserver.toml").write_text(written)
    settings = answered(load(None))
    assert (settings.agent, settings.limits.max_calls) == (AGENT, 5)


def test_somebody_said(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(None)
    assert not unconfigured(Settings(agent={"model": "gpt-realtime"}))
    assert not unconfigured(Settings(agents=Path("some.yaml")))
    assert not unconfigured(Settings(phones={"users": {"alice": "secret"}}))
    with monkeypatch.context() as patch:
        patch.setenv("MEDIASERVER_AGENT__MODEL", "gpt-realtime")
        assert answered(load(None)).agent == {"model": "gpt-realtime"}
    (elsewhere / "agents.yaml").write_text("agents: []")
    assert not unconfigured(settings)


def test_sip_moves_out_of_the_way_unless_it_was_told_where_to_be() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("0.0.0.0", 5060))
        except OSError:
            pass  # somebody else has it, which will do
        used = offline(Settings())
        assert (used.sip.udp, used.sip.tcp, used.agent) == (("0.0.0.0:0",), ("0.0.0.0:0",), AGENT)
        message = moved(Settings(), used, {"sip_udp": "0.0.0.0:4001", "sip_tcp": "0.0.0.0:4002", "http": "x"})
        assert message == (
            "0.0.0.0:5060 is taken: SIP is at udp 0.0.0.0:4001, tcp 0.0.0.0:4002; sip.udp and sip.tcp choose others"
        )
        told = offline(Settings(sip={"udp": "0.0.0.0:5060"}))
        assert told.sip.udp == ("0.0.0.0:5060",)
        assert moved(Settings(sip=told.sip), told, {}) is None


def test_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear, "missing", lambda: ["faster-whisper"])
    monkeypatch.setattr(log, "configure", lambda form, level: None)  # it would be for all tests that follow
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2 and result.stdout == ""
    assert "pip install 'mediaserver[local]'" in result.stderr and "README.md" in result.stderr
    assert "fault" not in result.stderr


def test_a_port_for_browsers_that_is_taken_is_said_once(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "configure", lambda form, level: None)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (elsewhere / "settings.toml").write_text(
            f'[http]\naddress = "127.0.0.1:0"\n[webrtc]\nudp = "127.0.0.1:{port}"\n'
            '[sip]\nudp = "127.0.0.1:0"\ntcp = "127.0.0.1:0"\n'
            '[agent]\nmodel = "gpt-realtime-2.1"\napi_key = "sk-nobody"\n'
        )
        result = CliRunner().invoke(app, ["serve", "--config", "settings.toml"])
    assert result.exit_code == 2
    assert f"  - webrtc: cannot listen for browsers on udp port {port} of 127.0.0.1 (webrtc.udp): " in result.stderr
    assert result.stderr.count("cannot listen") == 1
