"""The example that is deployed with the server."""

import re
from pathlib import Path

from mediaserver.agents.definition import AgentDefinition
from mediaserver.agents.file import load, loads

EXAMPLE = Path(__file__).parents[2] / "deploy" / "agents.example.yaml"


def test_it_has_neither_faults_nor_warnings():
    loaded = load(EXAMPLE)
    assert loaded.warnings == [] and loaded.roster.find().name == "clinic"


def test_it_shows_every_setting():
    text = EXAMPLE.read_text()
    assert [name for name in AgentDefinition.model_fields if not re.search(rf"^[ #-]*{name}:", text, re.MULTILINE)] == [
        "voice_streaming"  # said in words
    ]


def test_what_is_commented_out_is_right_too():
    lines = []
    for line in EXAMPLE.read_text().splitlines():
        shown = re.match(r"^( *)# ( *)(- |[a-z_]+:)(.*)$", line)
        lines.append(f"{shown[1]}{shown[2]}{shown[3]}{shown[4]}" if shown else line)
    text = "\n".join(lines).replace("model: local ", "model: azure/gpt-realtime ")
    text = text.replace("base_url: https://gateway.example/v1", "endpoint: https://x.example")
    loaded = loads(text)
    assert list(loaded.roster.agents) == ["clinic", "shop"]
    assert [each.model for each in loaded.roster.find().fallback] == ["grok-voice", "nova-2-sonic"]
    assert loaded.roster.models["house"].provider_model == "house-voice"
