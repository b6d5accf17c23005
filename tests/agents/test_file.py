import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediaserver.agents.file import load, loads
from mediaserver.errors import ConfigurationError

TWO = """\
agents:
  - name: clinic
    model: local
    prompt: |
      You are {agent}.
  - name: shop
    model: house
    prompt: Sell.
models:
  house: {like: gpt-realtime-2.1, provider_model: gpt-x}
"""


def refused(text):
    with pytest.raises(ConfigurationError) as error:
        loads(text)
    return error.value.faults


def test_the_first_answers_unless_another_is_named():
    roster = loads(TWO).roster
    assert list(roster.agents) == ["clinic", "shop"] and roster.find().name == "clinic"
    assert roster.find("shop").model == "house" and roster.models["house"].provider_model == "gpt-x"
    assert loads("default: shop\n" + TWO).roster.find().name == "shop"
    with pytest.raises(ValueError, match="agent 'shap' is unknown; did you mean shop"):
        roster.find("shap")


def test_all_faults_of_all_agents_come_at_once_with_their_lines():
    assert refused(
        "default: shp\n"
        "agents:\n"
        "  - name: clinic\n"
        "    model: gpt-realtme\n"
        "    prompt: Hi\n"
        "    voice: coral\n"
        "    fallback:\n"
        "      - grok-voice\n"
        "      - model: nova\n"
        "  - name: shop\n"
        "    model: local\n"
        "    prompt: |\n"
        "      Hi\n"
        "      {caler}\n"
        "  - prompt: Hi\n"
        "    model: local\n"
    ) == [
        "agents.yaml, line 1: default: is 'shp', which is no agent here; did you mean shop?",
        "agents.yaml, line 4: agent 'clinic': model: model 'gpt-realtme' is unknown; did you mean gpt-realtime?",
        "agents.yaml, line 9: agent 'clinic': fallback.1.model: model 'nova' is unknown; did you mean nova-sonic?",
        "agents.yaml, line 12: agent 'shop': prompt: {caler} is no variable; did you mean caller?",
        "agents.yaml, line 15: agent 3: name: is missing; give it",
    ]


def test_names_are_unique_whatever_their_case():
    (told,) = refused(TWO.replace("shop", "Clinic"))
    assert told == "agents.yaml, line 6: agent 'Clinic': name: is agent 1's already; give each a name of its own"


def test_a_key_that_stands_twice_is_refused():
    (told,) = refused(TWO.replace("    prompt: Sell.", "    prompt: Sell.\n    prompt: Buy."))
    assert told == "agents.yaml, line 6: prompt: stands twice (again in line 9); remove one"


def test_warnings_have_lines_too():
    told = loads(TWO.replace("    prompt: Sell.", "    prompt: Sell.\n    voice: corral")).warnings
    assert len(told) == 1 and told[0].startswith("agents.yaml, line 9: agent 'shop': voice: 'corral' is not known")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "agents.yaml, line 1: has to hold `agents:`"),
        ("- x", "agents.yaml, line 1: has to hold `agents:`"),
        ("agents: []", "agents.yaml, line 1: agents: has to be a list with at least one agent"),
        ("agents: {}", "agents.yaml, line 1: agents: has to be a list"),
        ("agents: [x]", "agents.yaml, line 1: agent 1: agent: has to be an object"),
        ("a: b: c", "agents.yaml, line 1: is not YAML: mapping values are not allowed here"),
        ("a: [1\nb: 2", "agents.yaml, line 2: is not YAML"),
        ("a: !!python/object:os.system {}", "is not YAML"),
        ("a: \x00", "is not YAML"),
        ("a: 2026-99-99", "is not YAML"),
    ],
)
def test_what_is_no_list_of_agents(text, words):
    assert any(words in told for told in refused(text)), refused(text)


def test_top_level_keys_and_models():
    told = refused(TWO + "agentz: []\n")
    assert told == ["agents.yaml, line 11: agentz: is unknown; did you mean agents?"]
    told = refused(TWO.replace("like: gpt-realtime-2.1", "lik: x"))
    assert any(
        each.startswith("agents.yaml, line 10: models.house.lik is unknown; did you mean like?") for each in told
    )
    assert any("models: has to be an object" in each for each in refused("agents: []\nmodels: [x]\n"))


def test_aliases_are_read_and_a_bomb_does_not_go_off():
    spare = TWO.replace("model: local", "model: local\n    limits: &l {max_cost: 1}").replace(
        "Sell.", "Sell.\n    limits: *l"
    )
    assert loads(spare).roster.find("shop").limits.max_cost == 1
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert len(refused("\n".join(lines))) >= 9


def test_reading_the_file(tmp_path: Path):
    path = tmp_path / "agents.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="no UTF-8"):
        load(path)
    path.write_text(TWO)
    assert load(path).roster.find().name == "clinic"


def test_agents_are_checked_without_loading_any_sdk(tmp_path: Path):
    path = tmp_path / "agents.yaml"
    path.write_text(
        "agents:\n"
        "- {name: a, model: nova-2-sonic, prompt: p, fallback: [grok-voice, gemini-2.5-flash-native-audio]}\n"
        "- name: b\n"
        "  model: chat/x\n"
        "  prompt: p\n"
        "  speech_to_text: {service: amazon}\n"
        "  text_to_speech: {service: google}\n"
    )
    code = (
        f"import sys; from pathlib import Path; from mediaserver.agents.file import load; load(Path({str(path)!r}));"
        " print([m for m in sys.modules if m.startswith(('openai','websockets','google.genai','google.cloud','aws_sdk',"
        "'boto3','botocore','awscrt','onnxruntime'))])"
    )
    environment = os.environ | {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.strip() == "[]"
