"""From a brief to a setup."""

import pytest

from mediaproviders.contract import ProviderError, ToolSpec
from mediaproviders.gemini_live import TRAITS, validate
from mediaproviders.gemini_live.configuration import listens, pace, settings, setup
from support.geminiemulator import brief


def made(resume=None, advanced=None, **fields):
    wanted = brief(**fields, advanced={"gemini_audio": advanced or {}})
    return setup(wanted, settings(wanted), resume)


def test_the_usual():
    config = made(voice="Puck", temperature=0.7, max_output_tokens=3000)
    assert [each.value for each in config.response_modalities] == ["AUDIO"]
    assert config.system_instruction == "Be brief."
    assert config.speech_config.voice_config.prebuilt_voice_config.voice_name == "Puck"
    assert (config.temperature, config.max_output_tokens) == (0.7, 3000)
    assert config.input_audio_transcription is not None
    assert config.output_audio_transcription is not None
    assert config.realtime_input_config is None
    assert config.tools is None


def test_the_agent_s_own_settings_win():
    own = {"voice": "Kore", "temperature": 0, "max_output_tokens": 100, "output_audio_transcription": False}
    config = made(voice="Puck", temperature=0.7, max_output_tokens=3000, advanced=own)
    assert config.speech_config.voice_config.prebuilt_voice_config.voice_name == "Kore"
    assert (config.temperature, config.max_output_tokens) == (0, 100)
    assert config.output_audio_transcription is None
    nested = {"speech_config": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Zephyr"}}}}
    config = made(voice="Puck", advanced=nested)
    assert config.speech_config.voice_config.prebuilt_voice_config.voice_name == "Zephyr"


def test_tools():
    config = made(tools=(ToolSpec("weather", "Tells it.", {"type": "object"}),), advanced={"google_search": True})
    (declared,) = config.tools[0].function_declarations
    assert (declared.name, declared.parameters_json_schema) == ("weather", {"type": "object"})
    assert config.tools[1].google_search is not None


@pytest.mark.parametrize(
    "fields", [{"interruption": "local"}, {"advanced": {"vad_mode": "silero"}}, {"advanced": {"vad_mode": "google"}}]
)
def test_whose_detector_it_is(fields):
    wanted = brief(**{**fields, "advanced": {"gemini_audio": fields.get("advanced", {})}})
    ours = listens(wanted, settings(wanted))
    config = setup(wanted, settings(wanted), None)
    detection = config.realtime_input_config and config.realtime_input_config.automatic_activity_detection
    assert ours is (detection is not None and detection.disabled is True)
    assert ours is (fields != {"advanced": {"vad_mode": "google"}})


def test_our_detector_takes_the_same_settings():
    wanted = brief(advanced={"gemini_audio": {"silence_duration_ms": 800, "prefix_padding_ms": 100}})
    own = pace(wanted, settings(wanted))
    assert (own.end_ms, own.onset_ms) == (800, 100)
    assert pace(brief(), settings(brief())).end_ms == 500


def test_turns_marked_by_us_always_interrupt():
    own = {"vad_mode": "silero", "activity_handling": "NO_INTERRUPTION"}
    assert made(advanced=own).realtime_input_config.activity_handling is None
    handling = made(advanced={"activity_handling": "NO_INTERRUPTION"}).realtime_input_config.activity_handling
    assert handling.value == "NO_INTERRUPTION"


def test_a_session_gone_on_with():
    assert made(resume="h").session_resumption.handle == "h"
    assert made(advanced={"session_resumption": False}).session_resumption is None
    assert made(resume="h", advanced={"session_resumption": False}).session_resumption.handle == "h"


def test_every_fault_is_told_at_once():
    assert validate({"other": 1}) == []
    wanted = brief(modality="text", advanced={"gemini_audio": {"temperature": 9, "x": 1}})
    with pytest.raises(ProviderError) as caught:
        settings(wanted)
    assert caught.value.code == "invalid_configuration"
    assert len(str(caught.value).split("; ")) >= 3


def test_what_it_says_it_can():
    assert not TRAITS.text_output
    assert not TRAITS.can_truncate
    assert TRAITS.reversible_interrupt


def test_what_is_said_of_our_own_detector_goes_before_what_is_said_of_the_services():
    both = {"gemini_audio": {"silence_duration_ms": 900}, "silero_vad": {"min_speech_ms": 120, "redemption_ms": 640}}
    wanted = brief(advanced=both)
    own = pace(wanted, settings(wanted))
    assert (own.onset_ms, own.end_ms) == (120, 640)
    with pytest.raises(ProviderError, match=r"silero_vad\.redemption"):
        settings(brief(advanced={"silero_vad": {"redemption": 1}}))
