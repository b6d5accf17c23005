import pytest

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, Brief, ToolSpec
from mediaproviders.openai_realtime import validate
from mediaproviders.openai_realtime.configuration import session
from mediaproviders.openai_realtime.dialects import AZURE, AZURE_PREVIEW, OPENAI, XAI


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


# --- dialects ---


TOOL = ToolSpec("weather", "Tells it.", {"type": "object"})
FUNCTION = {"type": "function", "name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}


def test_before_ga():
    own = {"speed": 1.1, "temperature": 0.7, "noise_reduction": "near_field"}
    asked = brief(
        voice="alloy",
        tools=(TOOL,),
        max_output_tokens=1500,
        advanced={"openai_realtime": own | {"turn_detection": {"silence_duration_ms": 300}}},
    )
    assert session(asked, AZURE_PREVIEW) == {
        "modalities": ["audio", "text"],
        "instructions": "Be brief.",
        "tools": [FUNCTION],
        "tool_choice": "auto",
        "max_response_output_tokens": 1500,
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "whisper-1"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {
            "type": "server_vad",
            "silence_duration_ms": 300,
            "create_response": True,
            "interrupt_response": True,
        },
        "voice": "alloy",
        "speed": 1.1,
        "temperature": 0.7,
    }


def test_noise_reduction_is_not_set_to_null_before_ga():
    own = {"openai_realtime": {"noise_reduction": None}}
    assert "input_audio_noise_reduction" not in session(brief(advanced=own), AZURE_PREVIEW)
    assert session(brief(advanced=own))["audio"]["input"]["noise_reduction"] is None


@pytest.mark.parametrize("key", ["xai_realtime", "openai_realtime"])
def test_xai(key):
    own = {
        "voice": "rex",
        "speed": 0.9,
        "input_audio_transcription_language": "de",
        "turn_detection": {"threshold": 0.4},
        "reasoning_effort": "none",
    }
    asked = brief(voice="eve", tools=(TOOL,), max_output_tokens=1500, temperature=0.8, advanced={key: own})
    assert session(asked, XAI) == {
        "instructions": "Be brief.",
        "tools": [FUNCTION],
        "reasoning": {"effort": "none"},
        "voice": "rex",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.4,
            "create_response": True,
            "interrupt_response": True,
        },
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "transcription": {"language_hint": "de"}},
            "output": {"format": {"type": "audio/pcmu"}, "speed": 0.9},
        },
    }


def test_the_own_key_of_xai_wins():
    both = {"openai_realtime": {"voice": "coral", "noise_reduction": "near_field"}, "xai_realtime": {"voice": "leo"}}
    assert validate(both, XAI) == []
    assert session(brief(advanced=both), XAI)["voice"] == "leo"
    assert session(brief(advanced=both))["audio"]["output"]["voice"] == "coral"


@pytest.mark.parametrize("dialect", [AZURE, AZURE_PREVIEW])
def test_azure_is_not_asked_for_what_is_deaf_there(dialect):
    own = {"openai_realtime": {"turn_detection": {"type": "semantic_vad"}}}
    (fault,) = validate(own, dialect)
    assert fault.startswith("openai_realtime.turn_detection.type is 'semantic_vad'")
    assert fault.endswith("use server_vad")


@pytest.mark.parametrize("name", ["truncation", "reasoning_effort", "parallel_tool_calls"])
def test_what_the_preview_does_not_take(name):
    values = {"truncation": "auto", "reasoning_effort": "low", "parallel_tool_calls": True}
    told = f"openai_realtime.{name} is not taken by the preview interface of Azure OpenAI"
    assert validate({"openai_realtime": {name: values[name]}}, AZURE_PREVIEW) == [told]


@pytest.mark.parametrize(
    ("dialect", "extra"),
    [
        (OPENAI, {"type": "realtime", "output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}}),
        (AZURE_PREVIEW, {"modalities": ["text"], "turn_detection": None}),
        (XAI, {"turn_detection": {"type": None}}),
    ],
)
def test_text(dialect, extra):
    own = {"openai_realtime": {"voice": "ara", "speed": 1.2, "turn_detection": {"threshold": 0.5}}}
    common = {"instructions": "Be brief.", "tools": []}
    if dialect is not XAI:
        common["tool_choice"] = "auto"
    assert session(brief(modality="text", voice="x", advanced=own), dialect) == common | extra


def test_a_voice_of_ones_own_and_a_share_to_retain():
    own = {"voice": "voice_7", "truncation": {"type": "retention_ratio", "retention_ratio": 0.5}}
    made = session(brief(advanced={"openai_realtime": own}))
    assert made["audio"]["output"]["voice"] == {"id": "voice_7"}
    assert made["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.5}
    assert session(brief(advanced={"openai_realtime": {"truncation": "disabled"}}))["truncation"] == "disabled"


@pytest.mark.parametrize(
    ("own", "transcription"),
    [
        ({"input_audio_transcription": {"language": "de"}}, {"model": "gpt-4o-mini-transcribe", "language": "de"}),
        ({"input_audio_transcription": {"model": "whisper-1"}}, {"model": "whisper-1"}),
        ({"input_audio_transcription": None}, None),
    ],
)
def test_transcription_as_the_service_spells_it(own, transcription):
    heard = session(brief(advanced={"openai_realtime": own}))["audio"]["input"]
    assert heard["transcription"] == transcription
