"""From a brief to what the service is told."""

import json

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCMU, Brief, ToolSpec
from mediaproviders.nova_sonic import traits_of
from mediaproviders.nova_sonic.configuration import setup


def made(generation=2, *, cued=False, **fields):
    brief = Brief("nova", "Be brief.", fields.pop("input_format", PCM16_8K), PCM16_16K, **fields)
    return setup(brief, generation, cued=cued)


def test_defaults():
    plain = made()
    assert json.loads(plain.session_start)["event"]["sessionStart"] == {
        "inferenceConfiguration": {"maxTokens": 1024, "topP": 0.9, "temperature": 0.7}
    }
    assert plain.prompt_start["audioOutputConfiguration"]["voiceId"] == "matthew"
    assert plain.prompt_start["audioOutputConfiguration"]["sampleRateHertz"] == 16000
    assert "toolConfiguration" not in plain.prompt_start
    assert (plain.heard, plain.spoken, plain.system) == (PCM16_8K, PCM16_16K, "Be brief.")


def test_the_agents_own_settings_win():
    own = {"temperature": 0.0, "inferenceConfiguration": {"maxTokens": 50}, "voice": "AMY"}
    session = made(temperature=0.3, max_output_tokens=4000, voice="tiffany", advanced={"nova_sonic": own})
    inference = json.loads(session.session_start)["event"]["sessionStart"]["inferenceConfiguration"]
    assert inference == {"maxTokens": 50, "topP": 0.9, "temperature": 0.0}
    assert session.prompt_start["audioOutputConfiguration"]["voiceId"] == "amy"
    inference = json.loads(made(temperature=0.3, max_output_tokens=4000).session_start)["event"]["sessionStart"]
    assert inference["inferenceConfiguration"] == {"maxTokens": 4000, "topP": 0.9, "temperature": 0.3}


def test_an_agent_that_asks_for_more_than_the_service_takes_gets_the_most():
    session = made(temperature=1.5, max_output_tokens=20_000)
    inference = json.loads(session.session_start)["event"]["sessionStart"]["inferenceConfiguration"]
    assert inference == {"maxTokens": 4096, "topP": 0.9, "temperature": 1.0}


def test_a_tools_schema_is_a_text():
    session = made(tools=(ToolSpec("weather", "Tells it.", {"type": "object", "properties": {}}),))
    (tool,) = session.prompt_start["toolConfiguration"]["tools"]
    assert tool["toolSpec"]["inputSchema"] == {"json": '{"type":"object","properties":{}}'}
    assert session.prompt_start["toolConfiguration"]["toolChoice"] == {"auto": {}}


def test_only_a_cue_needs_to_be_explained():
    assert "Hello!" in made(1, cued=True, greeting="Hello!").system
    for plain in (made(1, greeting="Hello!"), made(1, cued=True), made(2, greeting="Hello!")):
        assert plain.system == "Be brief."


@pytest.mark.parametrize(
    ("generation", "fields", "fault"),
    [
        (2, {"input_format": PCMU}, "no input format"),
        (2, {"interruption": "local"}, "interruption = local"),
        (2, {"modality": "text"}, "text modality"),
        (2, {"voice": "mathew"}, "did you mean matthew?"),
        (2, {"voice": "greta"}, "'greta' is not of this model"),
        (1, {"advanced": {"nova_sonic": {"voice": "kiara"}}}, "nova_sonic.voice is 'kiara'"),
        (1, {"advanced": {"nova_sonic": {"endpointing_sensitivity": "LOW"}}}, "second generation"),
        (2, {"advanced": {"nova_sonic": {"pace": 1}}}, "nova_sonic.pace is unknown"),
    ],
)
def test_faults(generation, fields, fault):
    with pytest.raises(ValueError, match=fault.replace("?", r"\?")):
        made(generation, **fields)


def test_traits():
    second, first = traits_of(2), traits_of(1, can_greet=False)
    assert (second.greeting, second.text_input) == ("response", True)
    assert (first.greeting, first.text_input) == ("none", False)
    assert traits_of(1).greeting == "response"
    assert second.input_formats[0] == second.output_formats[0] == PCM16_8K
    assert second.max_connection_s == 480
    for wrong in ("can_cancel", "can_truncate", "reversible_interrupt", "hears_speech_start", "text_output"):
        assert not getattr(second, wrong)
