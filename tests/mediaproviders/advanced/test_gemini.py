import pytest

from mediaproviders.advanced.gemini import GeminiAudio, setting
from mediaproviders.advanced.section import faults

COVERAGE = "TURN_INCLUDES_ONLY_ACTIVITY"


def faults_of(**fields):
    return faults("gemini_audio", GeminiAudio, fields)


def test_nothing_has_to_be_set():
    own = GeminiAudio()
    assert (own.vad_mode, own.session_resumption, own.context_window_compression) == ("google", True, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"voice": "Kore", "language_code": "de-DE", "temperature": 0.5, "thinking_budget": -1},
        {"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}}},
        {"vad_mode": "silero", "silence_duration_ms": 700, "prefix_padding_ms": 100},
        {"start_sensitivity": "low", "end_sensitivity": "END_SENSITIVITY_HIGH"},
        {"realtime_input_config": {"automatic_activity_detection": {"silence_duration_ms": 300}}},
        {"input_audio_transcription": False, "output_audio_transcription": {"language_codes": ["de-DE"]}},
        {"context_window_compression": {"trigger_tokens": 1000, "sliding_window": {"target_tokens": 500}}},
        {"affective_dialog": True, "proactivity": {"proactive_audio": True}, "google_search": True},
    ],
)
def test_settings_it_takes(fields):
    assert faults_of(**fields) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"vioce": "Kore"}, "gemini_audio.vioce is unknown; did you mean voice?"),
        ({"vad_mode": "webrtc"}, "gemini_audio.vad_mode is 'webrtc'"),
        ({"temperature": 3}, "gemini_audio.temperature is 3"),
        ({"silence_duration_ms": -1}, "gemini_audio.silence_duration_ms is -1"),
        ({"voice": ""}, "gemini_audio.voice is ''"),
        (
            {"realtime_input_config": {"automatic_activity_detection": {"disabled": True}}},
            "gemini_audio.realtime_input_config.automatic_activity_detection.disabled is unknown",
        ),
        (
            {"turn_coverage": "TURN_INCLUDES_ALL_INPUT", "realtime_input_config": {"turn_coverage": COVERAGE}},
            "turn_coverage is also given as realtime_input_config.turn_coverage",
        ),
        ({"affective_dialog": True, "enable_affective_dialog": True}, "affective_dialog is also given"),
    ],
)  # fmt: skip
def test_settings_it_refuses(fields, expected):
    (said,) = faults_of(**fields)
    assert expected in said


def test_either_spelling_means_the_same():
    nested = {"thinking_config": {"thinking_budget": 5}, "proactivity": {"proactive_audio": True}}
    assert setting(GeminiAudio.model_validate(nested), "thinking_budget") == 5
    assert setting(GeminiAudio(proactive_audio=False), "proactive_audio") is False
    assert setting(GeminiAudio(), "voice") is None


def test_it_has_a_published_schema():
    properties = GeminiAudio.model_json_schema()["properties"]
    assert {"voice", "vad_mode", "thinking_budget"} <= properties.keys()
