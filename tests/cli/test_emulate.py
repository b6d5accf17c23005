"""`mediaserver emulate`: what cannot be had is said, and all of them listen."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mediaproviders.emulators import ensemble
from mediaserver.cli import app

RUN = CliRunner()


@pytest.mark.parametrize("service", ["transcribe", "google-speech"])
def test_a_taken_port(service: str, tmp_path: Path) -> None:
    if service == "google-speech":
        pytest.importorskip("google.cloud.speech_v1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = RUN.invoke(app, ["emulate", service, "--port", str(port), "--certificates", str(tmp_path)])
    assert outcome.exit_code == 2
    assert f"--port {port}: cannot listen" in outcome.stderr and "Traceback" not in outcome.stderr


def test_an_extra_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, *_: object) -> None:
        raise ImportError(f"{name} needs the extra x")

    monkeypatch.setattr(ensemble, "build", build)
    outcome = RUN.invoke(app, ["emulate", "google-speech"])
    assert (outcome.exit_code, outcome.stderr) == (2, "google-speech needs the extra x\n")


def test_all_of_them_but_those_without_their_extra(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['google.cloud.speech_v1.types'] = None; "
        f"from mediaserver.cli import app; app(['emulate', 'all', '--port', '0', '--certificates', {str(tmp_path)!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line.strip())
            if line.startswith("(Ctrl-C"):
                break
        running.terminate()
    told = {line.partition(" at ")[0] for line in said if " at http" in line}
    assert told == set(ensemble.NAMES) - {"google-speech"}
    assert any(line.startswith("left out: google-speech needs the extra") for line in said)
    assert (tmp_path / "transcribe" / "authority.pem").exists()
