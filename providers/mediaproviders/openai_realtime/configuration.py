"""From a brief to a session: formats, turn detection, transcription, and the agent's own settings checked."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from mediaproviders.contract import AudioFormat, Brief

KEY: Final = "openai_realtime"
TRANSCRIPTION_MODEL: Final = "gpt-4o-mini-transcribe"
MOST_OUTPUT_TOKENS: Final = 4096
"""More is written as "inf"."""

type _Check = Callable[[object], str | None]


def validate(advanced: Mapping[str, object]) -> list[str]:
    """The faults of `advanced["openai_realtime"]`, one sentence each. Other keys are ignored."""
    own = advanced.get(KEY)
    if own is None:
        return []
    return _faults(KEY, own, _SETTINGS)


def session(brief: Brief) -> dict[str, object]:
    """The session of session.update. Raises ValueError naming every fault of the advanced settings."""
    faults = validate(brief.advanced)
    if faults:
        raise ValueError("; ".join(faults))
    own = brief.advanced.get(KEY)
    settings: Mapping[str, object] = own if isinstance(own, Mapping) else {}
    output: dict[str, object] = {"format": _format(brief.output_format)}
    voice = settings.get("voice") or brief.voice
    if voice is not None:
        output["voice"] = voice
    if "speed" in settings:
        output["speed"] = settings["speed"]
    configured: dict[str, object] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": brief.instructions,
        "audio": {"input": _input(brief, settings), "output": output},
        "tools": [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in brief.tools
        ],
        "tool_choice": "auto",
    }
    if brief.max_output_tokens is not None:
        within = brief.max_output_tokens <= MOST_OUTPUT_TOKENS
        configured["max_output_tokens"] = brief.max_output_tokens if within else "inf"
    return configured


def _input(brief: Brief, settings: Mapping[str, object]) -> dict[str, object]:
    heard: dict[str, object] = {
        "format": _format(brief.input_format),
        "transcription": _transcription(settings),
        "turn_detection": _turn_detection(brief, settings),
    }
    for key in ("noise_reduction", "input_audio_noise_reduction"):
        if key in settings:
            kind = settings[key]
            heard["noise_reduction"] = {"type": kind} if isinstance(kind, str) else kind
    return heard


def _transcription(settings: Mapping[str, object]) -> dict[str, object] | None:
    if settings.get("input_audio_transcription_model", TRANSCRIPTION_MODEL) is None:
        return None
    transcription: dict[str, object] = {"model": TRANSCRIPTION_MODEL}
    for part in ("model", "language", "prompt"):
        value = settings.get(f"input_audio_transcription_{part}")
        if value is not None:
            transcription[part] = value
    return transcription


def _turn_detection(brief: Brief, settings: Mapping[str, object]) -> dict[str, object]:
    own = settings.get("turn_detection")
    detection: dict[str, object] = {"type": "server_vad"}
    if isinstance(own, Mapping):
        detection.update(own)
    # Under `local` the detector still closes turns; whether one is answered or interrupts is then our decision.
    decides = brief.interruption == "provider"
    detection["create_response"] = decides
    detection["interrupt_response"] = decides
    return detection


def _format(audio: AudioFormat) -> dict[str, object]:
    if audio.encoding == "pcm16":
        return {"type": "audio/pcm", "rate": audio.rate}
    return {"type": f"audio/{audio.encoding}"}


# --- checks: None, or what the value has to be ---------------------------------------------------------------------


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value else "a text that is not empty"


def _text_or_null(value: object) -> str | None:
    return None if value is None or (isinstance(value, str) and value) else "a text that is not empty, or null"


def _number(low: float, high: float) -> _Check:
    def check(value: object) -> str | None:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if number and low <= value <= high else f"a number from {low:g} to {high:g}"  # type: ignore[operator]

    return check


def _one_of(*allowed: str) -> _Check:
    def check(value: object) -> str | None:
        return None if value in allowed else "one of " + ", ".join(allowed)

    return check


def _noise_reduction(value: object) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else value
    return None if kind in ("near_field", "far_field", None) else "near_field, far_field or null"


_SETTINGS: Final[Mapping[str, _Check | None]] = {
    "voice": _text,
    "input_audio_transcription_language": _text,
    "input_audio_transcription_model": _text_or_null,
    "input_audio_transcription_prompt": _text,
    "turn_detection": None,
    "noise_reduction": _noise_reduction,
    "input_audio_noise_reduction": _noise_reduction,
    "speed": _number(0.25, 1.5),
}
_TURN_DETECTION: Final[Mapping[str, _Check | None]] = {
    "type": _one_of("server_vad", "semantic_vad"),
    "threshold": _number(0, 1),
    "prefix_padding_ms": _number(0, 10_000),
    "silence_duration_ms": _number(0, 10_000),
    "idle_timeout_ms": _number(0, 600_000),
    "eagerness": _one_of("auto", "low", "medium", "high"),
}
_NESTED: Final = {"turn_detection": _TURN_DETECTION}
_SEMANTIC_ONLY: Final = frozenset({"eagerness"})
_DECIDED: Final = frozenset({"create_response", "interrupt_response"})


def _faults(path: str, value: object, known: Mapping[str, _Check | None]) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{path} is {value!r}, it has to be an object"]
    faults: list[str] = []
    for key, setting in value.items():
        where = f"{path}.{key}"
        if key not in known:
            faults.append(_unknown(where, str(key), known))
            continue
        check = known[key]
        wanted = check(setting) if check else None
        if wanted:
            faults.append(f"{where} is {setting!r}, it has to be {wanted}")
        elif key in _NESTED:
            faults += _faults(where, setting, _NESTED[key])
    if known is _TURN_DETECTION:
        faults += _mismatches(path, value)
    return faults


def _unknown(where: str, key: str, known: Mapping[str, object]) -> str:
    if key in _DECIDED and "eagerness" in known:
        return f"{where} cannot be set: `interruption` of the agent decides it"
    nearest = get_close_matches(key, list(known), n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else "known are " + ", ".join(sorted(known))
    return f"{where} is unknown; {hint}"


def _mismatches(path: str, detection: Mapping[object, object]) -> list[str]:
    """Keys that belong to the other kind of detector."""
    semantic = detection.get("type") == "semantic_vad"
    wrong = [
        key
        for key in detection
        if isinstance(key, str) and key in _TURN_DETECTION and key != "type" and (key in _SEMANTIC_ONLY) is not semantic
    ]
    other = "server_vad" if semantic else "semantic_vad"
    return [f"{path}.{key} belongs to {other}" for key in wrong]
