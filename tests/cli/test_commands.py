"""What the commands say when something is wrong."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mediaserver.cli import app

RUN = CliRunner()


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_faults_of_every_kind_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(
        '[agent]\nmodel = "gpt-realtime-2.1"\ntools = ["no_such_package.tools:f"]\nvoise = "x"\n[sip]\nmax_calls = 3\n'
    )
    outcome = RUN.invoke(app, ["check", "--config", str(path)])
    assert outcome.exit_code == 2
    faults = [line for line in outcome.stderr.splitlines() if line.startswith("  - ")]
    assert len(faults) == 4
    for words in (
        "sip.max_calls: unknown setting; did you mean limits.max_calls?",
        "agent.voise: is unknown; did you mean voice?",
        "providers.openai.api_key: model 'gpt-realtime-2.1' needs one",
        "agent.tools 'no_such_package.tools:f'",
    ):
        assert any(words in fault for fault in faults), words


def test_a_url_without_its_scheme_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('[providers.openai]\nbase_url = "localhost:8090"\n')
    outcome = RUN.invoke(app, ["check", "--config", str(path)])
    assert outcome.exit_code == 2
    assert "providers.openai.base_url: write a URL with its scheme" in outcome.stderr


def test_an_emulator_on_a_taken_port_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = RUN.invoke(app, ["emulate", "openai", "--port", str(port)])
    assert outcome.exit_code == 2
    assert f"--port {port}: cannot listen" in outcome.stderr and "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--user", "alice"], "write user:password"),
        (["--codec", "G729"], "must be PCMU, PCMA, G722, OPUS or L16"),
        (["--play", "none.wav"], "none.wav"),
    ],
)
def test_a_call_that_cannot_be_made_names_the_option(arguments: list[str], words: str) -> None:
    outcome = RUN.invoke(app, ["call", "sip:agent@127.0.0.1:9", *arguments])
    assert outcome.exit_code == 2
    assert words in outcome.stderr
