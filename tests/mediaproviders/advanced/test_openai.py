"""`openai_realtime`: what it may hold, and what is said of the rest."""

import pytest

from mediaproviders.advanced import faults
from mediaproviders.advanced.openai import KEY, OpenAISection


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"voice": "coral"},
        {"input_audio_transcription_language": "de", "input_audio_transcription_model": "whisper-1"},
        {"input_audio_transcription_model": None},
        {"input_audio_transcription": None},
        {"input_audio_transcription": {"model": "whisper-1", "language": "de", "prompt": "Parcels."}},
        {"turn_detection": {"silence_duration_ms": 300}},
        {"turn_detection": {"type": "server_vad", "threshold": 1, "prefix_padding_ms": 0, "idle_timeout_ms": 5000}},
        {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
        {"noise_reduction": "near_field"},
        {"noise_reduction": None},
        {"input_audio_noise_reduction": {"type": "far_field", "strength": 0.5}},
        {"speed": 1, "temperature": 0.8, "reasoning_effort": "minimal", "parallel_tool_calls": False},
        {"truncation": "disabled"},
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 9}}},
    ],
)
def test_accepted(value):
    assert faults(KEY, OpenAISection, value) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"vioce": "x"}, "openai_realtime.vioce is unknown; did you mean voice?"),
        ({"voice": ""}, "openai_realtime.voice is ''"),
        ({"voice": 3}, "openai_realtime.voice is 3"),
        ({"speed": 0.2}, "openai_realtime.speed is 0.2"),
        ({"speed": 1.6}, "openai_realtime.speed is 1.6"),
        ({"speed": True}, "openai_realtime.speed is True"),
        ({"speed": "1"}, "openai_realtime.speed is '1'"),
        ({"temperature": 0.5}, "openai_realtime.temperature is 0.5"),
        ({"temperature": 1.3}, "openai_realtime.temperature is 1.3"),
        ({"reasoning_effort": "none"}, "openai_realtime.reasoning_effort is 'none'"),
        ({"noise_reduction": "car"}, "openai_realtime.noise_reduction.type is 'car'"),
        ({"noise_reduction": {}}, "openai_realtime.noise_reduction.type is missing"),
        ({"noise_reduction": None, "input_audio_noise_reduction": None}, "are the same; give one"),
        ({"truncation": "some"}, "openai_realtime.truncation.type is 'some'"),
        ({"truncation": "retention_ratio"}, "retention_ratio is missing"),
        ({"truncation": {"type": "auto", "retention_ratio": 0.5}}, "cannot be combined with auto"),
        ({"turn_detection": None}, "openai_realtime.turn_detection is None"),
        ({"turn_detection": {"silence_ms": 3}}, "silence_ms is unknown; did you mean silence_duration_ms?"),
        ({"turn_detection": {"threshold": 1.1}}, "turn_detection.threshold is 1.1"),
        ({"turn_detection": {"silence_duration_ms": 0.5}}, "turn_detection.silence_duration_ms is 0.5"),
        ({"turn_detection": {"idle_timeout_ms": 100}}, "turn_detection.idle_timeout_ms is 100"),
        ({"turn_detection": {"type": "magic"}}, "turn_detection.type is 'magic'"),
        ({"turn_detection": {"create_response": True}}, "is True: the agent's `interruption` decides it"),
        ({"turn_detection": {"interrupt_response": None}}, "the agent's `interruption` decides it"),
        ({"turn_detection": {"eagerness": "low"}}, "eagerness of semantic_vad cannot be combined with server_vad"),
        (
            {"turn_detection": {"type": "semantic_vad", "threshold": 0.5, "prefix_padding_ms": 1}},
            "threshold and prefix_padding_ms of server_vad cannot be combined with semantic_vad",
        ),
        (
            {"input_audio_transcription": {}, "input_audio_transcription_language": "de"},
            "input_audio_transcription and input_audio_transcription_language say the same",
        ),
        ({"input_audio_transcription": {"modle": "x"}}, "did you mean model?"),
        ("coral", "openai_realtime is 'coral'"),
    ],
)  # fmt: skip
def test_refused(value, told):
    sentences = faults(KEY, OpenAISection, value)
    assert len(sentences) == 1
    assert told in sentences[0]


def test_the_schema_knows_short_spellings_and_nothing_that_is_refused():
    schema = OpenAISection.model_json_schema()
    assert {"enum": ["near_field", "far_field"]} in schema["properties"]["noise_reduction"]["anyOf"]
    assert {"enum": ["auto", "disabled"]} in schema["properties"]["truncation"]["anyOf"]
    assert "create_response" not in schema["$defs"]["TurnDetection"]["properties"]
    assert schema["additionalProperties"] is False
