import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from mediaserver.agents.sealing import KEY_VARIABLE
from mediaserver.agents.secrets import Secrets
from mediaserver.cli.agents import agents_app

RUN = CliRunner()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "XAI_API_KEY", KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def write(text: str) -> None:
    Path("agents.yaml").write_text(text)


def test_every_fault_of_every_agent_with_exit_code_2() -> None:
    write(
        "agents:\n"
        "- {name: a, model: gpt-realtme, prompt: p}\n"
        "- {name: b, model: nova-2-sonic, prompt: p, voice_streaming: false}\n"
    )
    outcome = RUN.invoke(agents_app, ["check"])
    assert outcome.exit_code == 2
    assert "agents.yaml, line 2: agent 'a': model: model 'gpt-realtme' is unknown; did you mean" in outcome.stderr
    assert "agents.yaml, line 3: agent 'b': voice_streaming: is false, but nova-2-sonic (Amazon)" in outcome.stderr
    assert outcome.stdout == ""


def test_keys_and_tools_are_looked_for_unless_it_is_not_wanted() -> None:
    write("agents:\n- {name: a, model: grok-voice, prompt: p, tools: ['no_such_package:f']}\n")
    outcome = RUN.invoke(agents_app, ["check"])
    assert outcome.exit_code == 2
    assert "agent 'a': tools 'no_such_package:f'" in outcome.stderr
    assert "agent 'a': providers.xai.api_key: model 'grok-voice' needs one" in outcome.stderr
    outcome = RUN.invoke(agents_app, ["check", "--no-keys"])
    assert outcome.exit_code == 0 and "ok: a (answers)" in outcome.stdout


def test_warnings_and_another_file() -> None:
    Path("other.yaml").write_text(
        "default: b\nagents:\n- {name: a, model: local, prompt: p}\n- {name: b, model: nova-sonic, prompt: p}\n"
    )
    outcome = RUN.invoke(agents_app, ["check", "other.yaml", "--no-keys"])
    assert outcome.exit_code == 0
    assert "warning: other.yaml, line 4: agent 'b': model: nova-sonic ended on 2026-09-14" in outcome.stdout
    assert "ok: a, b (answers)" in outcome.stdout


@pytest.mark.parametrize(("what", "has"), [([], "agents"), (["agent"], "prompt"), (["advanced"], "gemini_audio")])
def test_schemas_are_json(what: list[str], has: str) -> None:
    outcome = RUN.invoke(agents_app, ["schema", *what])
    assert outcome.exit_code == 0 and has in json.loads(outcome.stdout)["properties"]


def test_a_sealed_secret_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    key = RUN.invoke(agents_app, ["key"]).stdout.strip()
    monkeypatch.setenv(KEY_VARIABLE, key)
    outcome = RUN.invoke(agents_app, ["seal"], input="sk-secret\n")
    assert outcome.exit_code == 0 and "sk-secret" not in outcome.stdout
    assert Secrets().resolve(SecretStr(outcome.stdout.strip()), "api_key") == "sk-secret"


def test_sealing_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = RUN.invoke(agents_app, ["seal"], input="x")
    assert outcome.exit_code == 2 and "make one with `mediaserver agents key`" in outcome.stderr
    monkeypatch.setenv(KEY_VARIABLE, RUN.invoke(agents_app, ["key"]).stdout.strip())
    outcome = RUN.invoke(agents_app, ["seal"], input="\n")
    assert outcome.exit_code == 2 and "standard input: is empty" in outcome.stderr


def test_the_catalogue_is_a_table_with_deprecations() -> None:
    Path("mediaserver.toml").write_text('[models.house]\nlike = "gpt-realtime-2.1"\nprovider_model = "house-voice"\n')
    lines = RUN.invoke(agents_app, ["models"]).stdout.splitlines()
    rows = {line.split()[0]: line for line in lines if line}
    assert "use gpt-realtime-2.1" in rows["gpt-realtime"] and "on or off" in rows["gpt-realtime"]
    assert "amazon.nova-2-sonic-v1:0" in rows["nova-2-sonic"] and "slow" in rows["nova-2-sonic"]
    assert "house-voice" in rows["house"] and "0.05/min" in rows["grok-voice"]
    lines = RUN.invoke(agents_app, ["models", "--current"]).stdout.splitlines()
    assert not any("nova-sonic" in line.split()[:1] for line in lines)
