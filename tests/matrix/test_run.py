"""The matrix itself, one model of each provider; `make matrix` runs all of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODELS = "gpt-realtime,azure/gpt-realtime,nova-2-sonic,gemini-2.5-flash-native-audio,grok-voice,chat/gpt-4.1-mini"


@pytest.mark.timeout(300)
def test_one_model_of_each_provider_is_as_promised(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "matrix", "--models", MODELS, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
    shown = json.loads((tmp_path / "matrix.json").read_text())
    assert len(shown) == 18
    assert all(fault is None for cell in shown for fault in cell["outcome"].values())
    assert (tmp_path / "matrix.md").read_text().count("refused") == 4
