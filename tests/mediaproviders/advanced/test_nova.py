"""Settings of Amazon's models."""

import pytest

from mediaproviders.advanced import faults
from mediaproviders.advanced.nova import KEY, NovaSection


def test_every_key():
    flat = {
        "voice": "Tiffany",
        "temperature": 0,
        "top_p": 1.0,
        "max_tokens": 1000,
        "endpointing_sensitivity": "medium",
        "input_sample_rate": 16000,
        "output_sample_rate": 24000,
        "tool_choice": "any",
    }
    section = NovaSection.model_validate(flat)
    assert (section.voice, section.sensitivity) == ("tiffany", "MEDIUM")
    assert section.tool_choice.model_dump(exclude_unset=True) == {"any": {}}
    assert [section.chosen(name) for name in ("temperature", "top_p", "max_tokens")] == [0, 1.0, 1000]


def test_the_services_own_spelling():
    nested = {
        "inferenceConfiguration": {"maxTokens": 500, "topP": 0.5, "temperature": 0.1},
        "turnDetectionConfiguration": {"endpointingSensitivity": "LOW"},
        "tool_choice": {"tool": {"name": "weather"}},
    }
    section = NovaSection.model_validate(nested)
    assert section.sensitivity == "LOW"
    assert [section.chosen(name) for name in ("temperature", "top_p", "max_tokens")] == [0.1, 0.5, 500]
    assert section.tool_choice == NovaSection.model_validate({"tool_choice": "weather"}).tool_choice
    assert set(NovaSection.model_json_schema()["properties"]) >= set(nested)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"voice": "mathew"}, "nova_sonic.voice is 'mathew': no voice of Nova Sonic; did you mean matthew?"),
        ({"voic": "amy"}, "nova_sonic.voic is unknown; did you mean voice?"),
        ({"temperature": 1.5}, "nova_sonic.temperature is 1.5: input should be less than or equal to 1"),
        ({"max_tokens": 0}, "nova_sonic.max_tokens is 0: input should be greater than or equal to 1"),
        (
            {"endpointing_sensitivity": "huge"},
            "nova_sonic.endpointing_sensitivity is 'HUGE': input should be 'HIGH', 'MEDIUM' or 'LOW'",
        ),
        (
            {"inferenceConfiguration": {"max_tokens": 5}},
            "nova_sonic.inferenceConfiguration.max_tokens is unknown; did you mean maxTokens?",
        ),
        (
            {"turnDetectionConfiguration": {}},
            "nova_sonic.turnDetectionConfiguration.endpointingSensitivity is missing",
        ),
    ],
)
def test_faults(wrong, sentence):
    assert faults(KEY, NovaSection, wrong) == [sentence]


@pytest.mark.parametrize(
    ("twice", "named"),
    [
        ({"top_p": 0.5, "inferenceConfiguration": {"topP": 0.5}}, "top_p and inferenceConfiguration.topP"),
        (
            {"endpointing_sensitivity": "LOW", "turnDetectionConfiguration": {"endpointingSensitivity": "LOW"}},
            "endpointing_sensitivity and turnDetectionConfiguration",
        ),
        ({"tool_choice": {"auto": {}, "any": {}}}, "give one of auto, any and tool"),
        ({"tool_choice": {}}, "give one of auto, any and tool"),
    ],
)
def test_settings_said_twice(twice, named):
    (fault,) = faults(KEY, NovaSection, twice)
    assert named in fault


def test_what_a_generation_does_not_have():
    section = NovaSection(voice="greta", endpointing_sensitivity="LOW")
    assert list(section.faults_of(1)) == ["nova_sonic.endpointing_sensitivity is for the second generation"]
    (fault,) = section.faults_of(2)
    assert fault.startswith("nova_sonic.voice is 'greta': not of this generation; ")
