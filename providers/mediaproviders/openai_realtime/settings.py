"""The sections of the advanced configuration, read: from what an administrator wrote to settings of a session.

A setting has the name that the dialects' tables place it by; only those that were given are there.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from mediaproviders.advanced.openai import OpenAISection
from mediaproviders.advanced.xai import XAISection

_FLAT: Final = "input_audio_transcription_"
_OWN_VOICE: Final = "voice_"
_XAI_NAMES: Final = {"language": "language_hint"}


def of_openai(section: OpenAISection) -> dict[str, object]:
    """What `openai_realtime` asks for."""
    given = section.model_fields_set
    settings = _common(section, given)
    voice = section.voice
    if voice is not None:
        settings["voice"] = {"id": voice} if voice.startswith(_OWN_VOICE) else voice
    for name in ("noise_reduction", "input_audio_noise_reduction"):
        if name in given:
            settings["noise_reduction"] = _plain(getattr(section, name))
    if section.truncation is not None:
        ratio = section.truncation.type == "retention_ratio"
        settings["truncation"] = _plain(section.truncation) if ratio else section.truncation.type
    for name in ("temperature", "parallel_tool_calls"):
        if getattr(section, name) is not None:
            settings[name] = getattr(section, name)
    return settings


def of_xai(section: XAISection) -> dict[str, object]:
    """What `xai_realtime` asks for."""
    settings = _common(section, section.model_fields_set)
    if section.voice is not None:
        settings["voice"] = section.voice
    if section.replace is not None:
        settings["replace"] = section.replace
    transcription = settings.get("transcription")
    if isinstance(transcription, Mapping):
        settings["transcription"] = {_XAI_NAMES.get(name, name): value for name, value in transcription.items()}
    return settings


def _common(section: OpenAISection | XAISection, given: set[str]) -> dict[str, object]:
    settings: dict[str, object] = {}
    if section.speed is not None:
        settings["speed"] = section.speed
    if section.reasoning_effort is not None:
        settings["reasoning"] = {"effort": section.reasoning_effort}
    if "turn_detection" in given:
        settings["turn_detection"] = {"type": section.turn_detection.type, **_plain_fields(section.turn_detection)}
    if "input_audio_transcription" in given:
        settings["transcription"] = _plain(section.input_audio_transcription)
        return settings
    flat = {name.removeprefix(_FLAT): getattr(section, name) for name in given if name.startswith(_FLAT)}
    if flat:
        off = "model" in flat and flat["model"] is None
        settings["transcription"] = None if off else {name: value for name, value in flat.items() if value is not None}
    return settings


def _plain(section: BaseModel | None) -> dict[str, object] | None:
    return None if section is None else _plain_fields(section)


def _plain_fields(section: BaseModel) -> dict[str, object]:
    return section.model_dump(mode="json", exclude_none=True)
