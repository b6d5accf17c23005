import pytest

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, Brief, ToolSpec
from mediaproviders.openai_realtime import validate
from mediaproviders.openai_realtime.configuration import session


def brief(**fields):
    return Brief("gpt-realtime", "Be brief.", PCMU, PCMU, **fields)


def test_plain_brief():
    assert session(brief()) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcmu"}},
        },
        "tools": [],
        "tool_choice": "auto",
    }


def test_formats():
    audio = session(Brief("m", "", PCMA, PCM16_24K))["audio"]
    assert audio["input"]["format"] == {"type": "audio/pcma"}
    assert audio["output"]["format"] == {"type": "audio/pcm", "rate": 24000}


def test_local_interruption_leaves_both_decisions_to_us():
    detection = session(brief(interruption="local"))["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad", "create_response": False, "interrupt_response": False}


def test_every_setting():
    own = {
        "voice": "coral",
        "speed": 1.1,
        "noise_reduction": "far_field",
        "input_audio_transcription_language": "de",
        "input_audio_transcription_model": "whisper-1",
        "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
    }
    tool = ToolSpec("weather", "Tells it.", {"type": "object"})
    made = session(brief(voice="alloy", tools=(tool,), max_output_tokens=900, advanced={"openai_realtime": own}))
    assert validate({"openai_realtime": own}) == []
    assert made["audio"]["output"] == {"format": {"type": "audio/pcmu"}, "voice": "coral", "speed": 1.1}
    heard = made["audio"]["input"]
    assert heard["transcription"] == {"model": "whisper-1", "language": "de"}
    assert heard["noise_reduction"] == {"type": "far_field"}
    assert heard["turn_detection"]["eagerness"] == "high"
    assert heard["turn_detection"]["create_response"] is True
    assert made["tools"] == [
        {"type": "function", "name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}
    ]
    assert made["max_output_tokens"] == 900
    assert session(brief(max_output_tokens=9000))["max_output_tokens"] == "inf"


def test_transcription_can_be_switched_off():
    own = {"openai_realtime": {"input_audio_transcription_model": None}}
    assert session(brief(advanced=own))["audio"]["input"]["transcription"] is None


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"vioce": "x"}, ["openai_realtime.vioce", "voice"]),
        ({"temperature": 1}, ["openai_realtime.temperature is not taken by OpenAI"]),
        ({"speed": 3}, ["openai_realtime.speed is 3", "1.5"]),
        ({"speed": True}, ["openai_realtime.speed is True"]),
        ({"voice": ""}, ["openai_realtime.voice"]),
        ({"noise_reduction": "car"}, ["near_field"]),
        ({"turn_detection": None}, ["openai_realtime.turn_detection is None"]),
        ({"turn_detection": {"silence_ms": 3}}, ["turn_detection.silence_ms", "silence_duration_ms"]),
        ({"turn_detection": {"threshold": 2}}, ["turn_detection.threshold is 2"]),
        ({"turn_detection": {"create_response": True}}, ["create_response", "interruption"]),
        ({"turn_detection": {"eagerness": "low"}}, ["turn_detection", "eagerness of semantic_vad"]),
        ({"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}, ["turn_detection", "threshold of server_vad"]),
        ("voice", ["openai_realtime is 'voice'"]),
    ],
)
def test_faults_name_key_and_remedy(own, words):
    faults = validate({"openai_realtime": own})
    assert len(faults) == 1
    assert all(word in faults[0] for word in words), faults
    with pytest.raises(ValueError, match="openai_realtime"):
        session(brief(advanced={"openai_realtime": own}))


def test_all_faults_at_once_and_other_keys_ignored():
    assert len(validate({"openai_realtime": {"a": 1, "speed": 9}, "gemini_audio": {"x": 1}})) == 2
    assert validate({"gemini_audio": {"x": 1}}) == []
