"""`xai_realtime`: what it may hold, and what is said of the rest."""

import pytest

from mediaproviders.advanced import faults
from mediaproviders.advanced.xai import KEY, XAISection


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"voice": "Eve", "speed": 0.7, "reasoning_effort": "none", "replace": {"SQL": "sequel"}},
        {"turn_detection": {"type": "server_vad", "threshold": 0.1, "silence_duration_ms": 300}},
        {"input_audio_transcription_language": "de", "input_audio_transcription_keyterms": ["Oslo"]},
        {"input_audio_transcription": {"model": "grok-transcribe", "keyterms": ["x"] * 100}},
    ],
)
def test_accepted(value):
    assert faults(KEY, XAISection, value) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"noise_reduction": "near_field"}, "xai_realtime.noise_reduction is unknown"),
        ({"truncation": "auto"}, "xai_realtime.truncation is unknown"),
        ({"temperature": 1}, "xai_realtime.temperature is unknown"),
        ({"speed": 0.5}, "xai_realtime.speed is 0.5"),
        ({"reasoning_effort": "low"}, "xai_realtime.reasoning_effort is 'low'"),
        ({"replace": {"a": ""}}, "xai_realtime.replace"),
        ({"turn_detection": {"type": "semantic_vad"}}, "turn_detection.type is 'semantic_vad'"),
        ({"turn_detection": {"threshold": 0.95}}, "turn_detection.threshold is 0.95"),
        ({"turn_detection": {"create_response": True}}, "the agent's `interruption` decides it"),
        ({"input_audio_transcription_keyterms": ["x"] * 101}, "input_audio_transcription_keyterms"),
        ({"input_audio_transcription_keyterms": ["x" * 51]}, "input_audio_transcription_keyterms"),
        ({"input_audio_transcription": {}, "input_audio_transcription_model": "x"}, "say the same; give one"),
    ],
)
def test_refused(value, told):
    sentences = faults(KEY, XAISection, value)
    assert len(sentences) == 1
    assert told in sentences[0]


def test_the_schema():
    schema = XAISection.model_json_schema()
    assert "interrupt_response" not in schema["$defs"]["TurnDetection"]["properties"]
    assert schema["additionalProperties"] is False
