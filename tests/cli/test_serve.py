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
from mediaserver.cli.offline import AGENT, offline, unconfigured
from mediaserver.config import Settings, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_who_answers_where_nobody_said(elsewhere: Path) -> None:
    settings = load(None)
    assert unconfigured(None, settings)
    roster = source.of(offline(settings)).roster
    assert (roster.default, roster.find().model) == ("clinic", "local")


def test_somebody_said(elsewhere: Path) -> None:
    settings = load(None)
    assert not unconfigured(Path("mediaserver.toml"), settings)
    assert not unconfigured(None, Settings(agent={"model": "gpt-realtime"}))
    assert not unconfigured(None, Settings(agents=Path("some.yaml")))
    (elsewhere / "agents.yaml").write_text("agents: []")
    assert not unconfigured(None, settings)


def test_sip_moves_out_of_the_way_unless_it_was_told_where_to_be() -> None:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("0.0.0.0", 5060))
        except OSError:
            pass  # somebody else has it, which will do
        moved = offline(Settings())
        assert (moved.sip.udp, moved.sip.tcp, moved.agent) == (("0.0.0.0:0",), ("0.0.0.0:0",), AGENT)
        told = offline(Settings(sip={"udp": "0.0.0.0:5060"}))  # type: ignore[arg-type]
        assert told.sip.udp == ("0.0.0.0:5060",)


def test_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hear, "missing", lambda: ["faster-whisper"])
    monkeypatch.setattr(log, "configure", lambda form, level: None)  # it would be for all tests that follow
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2 and result.stdout == ""
    assert "pip install 'mediaserver[local]'" in result.stderr and "README.md" in result.stderr
    assert "fault" not in result.stderr
