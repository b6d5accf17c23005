"""What real clients sent and the services took, the emulators take, too."""

import json

import pytest

from mediaproviders.emulators.gemini import GeminiSettings
from mediaproviders.emulators.gemini import setup as setups
from mediaproviders.emulators.gemini.shapes import normalised
from mediaproviders.emulators.nova.grammar import Grammar
from mediaproviders.emulators.nova.shapes import parsed
from mediaproviders.emulators.openai import EmulatorSettings
from mediaproviders.emulators.openai.session import DIALECTS
from mediaproviders.emulators.openai.validation import check_values

NAMES = {"OpenAI": "openai", "Azure OpenAI": "azure", "xAI": "xai"}


def take_openai(service, messages):
    settings = EmulatorSettings(dialect=NAMES[service])
    dialect = DIALECTS[settings.dialect]()
    for message in messages:
        check_values(dialect.hear(message), settings.service.limits)


def take_gemini(service, messages):
    for message in messages:
        given = normalised(message)
        if "setup" in given:
            setups.read(given["setup"], GeminiSettings(), vertex=False, version="v1beta")


def take_nova(service, messages):
    grammar = Grammar(2, {"use-1"}.__contains__)
    for message in messages:
        grammar.follow(*parsed(json.dumps(message).encode()))


TAKERS = {**dict.fromkeys(NAMES, take_openai), "Gemini Live": take_gemini, "Amazon Nova Sonic": take_nova}


def test_what_the_client_sent(any_sequence):
    TAKERS[any_sequence.about["service"]](any_sequence.about["service"], any_sequence.of("client"))


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("openai_spoken_turn", lambda each: each.setdefault("colour", "red")),
        ("xai_spoken_turn", lambda each: each.setdefault("colour", "red")),
        ("gemini_tool_round", lambda each: each.setdefault("colour", "red")),
        ("nova_documented_turn", lambda each: each["event"].setdefault("colour", {})),
    ],
)
def test_it_would_be_noticed_if_not(sequence, name, spoil):
    given = sequence(name)
    messages = given.of("client")
    spoil(messages[-1])
    with pytest.raises(Exception, match=r"colour|Unable to parse"):
        TAKERS[given.about["service"]](given.about["service"], messages)


def test_each_says_where_it_comes_from(any_sequence):
    about = any_sequence.about
    assert about["kind"] in {"recorded", "documented", "reported"}
    assert len(about["after"]) == (3 if about["kind"] == "recorded" else 1)
    assert any_sequence.of("service")
