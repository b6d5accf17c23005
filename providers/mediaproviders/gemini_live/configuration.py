"""From a brief to the setup of a session, the agent's own settings checked."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any, Final

from google.genai import types

from mediaproviders.advanced import silero
from mediaproviders.advanced.gemini import GeminiAudio, Transcription, setting
from mediaproviders.advanced.section import faults
from mediaproviders.contract import Brief, ProviderError
from mediaproviders.gemini_live import commands
from mediaproviders.hearing import Pace

KEY: Final = "gemini_audio"
SILENCE_MS: Final = 500.0
"""Silence that ends a turn by our own detector, unless the agent says otherwise."""


def validate(advanced: Mapping[str, object]) -> list[str]:
    """The faults of `advanced["gemini_audio"]`, one sentence each. Other keys are ignored."""
    own = advanced.get(KEY)
    return [] if own is None else faults(KEY, GeminiAudio, own)


def settings(brief: Brief) -> GeminiAudio:
    """The agent's own settings. Raises ProviderError naming every fault."""
    wrong = validate(brief.advanced)
    if silero.KEY in brief.advanced:
        wrong += faults(silero.KEY, silero.SileroVad, brief.advanced[silero.KEY])
    if brief.modality == "text":
        wrong.append("this model answers in audio only: the text modality is not possible")
    if wrong:
        raise ProviderError("; ".join(wrong), code="invalid_configuration", retryable=False)
    return GeminiAudio.model_validate(brief.advanced.get(KEY) or {})


def listens(brief: Brief, own: GeminiAudio) -> bool:
    """The caller's turns are found by our detector, not by the service's."""
    return brief.interruption == "local" or own.vad_mode == "silero"


def is_preview(own: GeminiAudio) -> bool:
    """It asks for something that only the preview version of the Developer API has."""
    return setting(own, "affective_dialog") is not None or setting(own, "proactive_audio") is not None


def pace(brief: Brief, own: GeminiAudio) -> Pace:
    """How our own detector cuts turns: as is said of it, else as is said of the service's."""
    if (given := brief.advanced.get(silero.KEY)) is not None:
        detector = silero.SileroVad.model_validate(given)
        return Pace(onset_ms=detector.min_speech_ms, end_ms=detector.redemption_ms, guess_ms=inf)
    onset, silence = setting(own, "prefix_padding_ms"), setting(own, "silence_duration_ms")
    usual = Pace(guess_ms=inf, end_ms=SILENCE_MS)
    if isinstance(onset, int):
        usual = replace(usual, onset_ms=float(onset))
    return replace(usual, end_ms=float(silence)) if isinstance(silence, int) else usual


def setup(brief: Brief, own: GeminiAudio, resume: str | None) -> types.LiveConnectConfig:
    """The session to be opened; `resume` is the handle of an earlier one, whose history it has."""
    fields: dict[str, Any] = {
        "response_modalities": ["AUDIO"],
        "system_instruction": _instructions(brief, resume),
        "temperature": own.temperature if own.temperature is not None else brief.temperature,
        "top_p": own.top_p,
        "top_k": own.top_k,
        "seed": own.seed,
        "max_output_tokens": own.max_output_tokens or brief.max_output_tokens,
        "speech_config": _speech(brief, own),
        "thinking_config": _some(
            thinking_budget=setting(own, "thinking_budget"), include_thoughts=setting(own, "include_thoughts")
        ),
        "enable_affective_dialog": setting(own, "affective_dialog"),
        "proactivity": _some(proactive_audio=setting(own, "proactive_audio")),
        "tools": _tools(brief, own),
        "session_resumption": {"handle": resume} if own.session_resumption or resume else None,
        "input_audio_transcription": _transcription(own.input_audio_transcription, own),
        "output_audio_transcription": _transcription(own.output_audio_transcription),
        "realtime_input_config": _realtime_input(own, ours=listens(brief, own)),
        "context_window_compression": _compression(own),
        "safety_settings": [each.model_dump() for each in own.safety_settings] or None,
    }
    try:
        return types.LiveConnectConfig.model_validate(
            {key: value for key, value in fields.items() if value is not None}
        )
    except ValueError as fault:
        raise ProviderError(str(fault), code="invalid_configuration", retryable=False) from fault


def _instructions(brief: Brief, resume: str | None) -> str | None:
    text = brief.instructions
    if brief.history and resume is None:
        # Turns put into the conversation are passed over by the first answer to audio unless they were answered
        # themselves; what stands in the setup is not.
        so_far = commands.minutes(brief.history)
        text = f"{text}\n\nThe conversation has been going on for a while. So far it was:\n{so_far}"
    return text.strip() or None


def _speech(brief: Brief, own: GeminiAudio) -> dict[str, Any] | None:
    voice = own.voice or brief.voice
    if own.speech_config is not None and own.speech_config.voice_config is not None:
        voice = own.speech_config.voice_config.prebuilt_voice_config.voice_name
    named = {"prebuilt_voice_config": {"voice_name": voice}} if voice else None
    return _some(voice_config=named, language_code=setting(own, "language_code"))


def _tools(brief: Brief, own: GeminiAudio) -> list[dict[str, Any]] | None:
    tools: list[dict[str, Any]] = []
    if brief.tools:
        declared = [
            {"name": each.name, "description": each.description, "parameters_json_schema": dict(each.parameters)}
            for each in brief.tools
        ]
        tools.append({"function_declarations": declared})
    if own.google_search:
        tools.append({"google_search": {}})
    return tools or None


def _transcription(wanted: bool | Transcription, own: GeminiAudio | None = None) -> dict[str, Any] | None:
    if wanted is False:
        return None
    details = wanted.model_dump(exclude_none=True) if isinstance(wanted, Transcription) else {}
    if own is not None and own.input_audio_transcription_language is not None:
        details.setdefault("language_codes", [own.input_audio_transcription_language])
    return details


def _realtime_input(own: GeminiAudio, *, ours: bool) -> dict[str, Any] | None:
    detection: dict[str, Any] | None = {"disabled": True}
    if not ours:
        detection = _some(
            start_of_speech_sensitivity=_constant("START_SENSITIVITY", setting(own, "start_sensitivity")),
            end_of_speech_sensitivity=_constant("END_SENSITIVITY", setting(own, "end_sensitivity")),
            prefix_padding_ms=setting(own, "prefix_padding_ms"),
            silence_duration_ms=setting(own, "silence_duration_ms"),
        )
    return _some(
        automatic_activity_detection=detection,
        # The turns that our detector begins are to interrupt: it is how an answer is stopped.
        activity_handling=None if ours else setting(own, "activity_handling"),
        turn_coverage=setting(own, "turn_coverage"),
    )


def _compression(own: GeminiAudio) -> dict[str, Any] | None:
    wanted = own.context_window_compression
    if isinstance(wanted, bool):
        return {"sliding_window": {}} if wanted else None
    return {"sliding_window": {}, **wanted.model_dump(exclude_none=True)}


def _constant(prefix: str, value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return value if value.startswith(prefix) else f"{prefix}_{value.upper()}"


def _some(**fields: object) -> dict[str, Any] | None:
    """The fields that have a value; None if there are none."""
    return {key: value for key, value in fields.items() if value is not None} or None
