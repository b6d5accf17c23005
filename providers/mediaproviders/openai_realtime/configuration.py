"""From a brief to the session.update of a dialect: the agent's wishes, its advanced settings, and their checks."""

from collections.abc import Mapping
from typing import Final

from mediaproviders import advanced
from mediaproviders.contract import Brief
from mediaproviders.openai_realtime.dialects import OPENAI, Dialect

MOST_OUTPUT_TOKENS: Final = 4096
"""More is written as "inf"."""
TEMPERATURES: Final = (0.6, 1.2)
"""What the models take; others are refused."""

_SPELLINGS: Final = {"reasoning": "reasoning_effort"}
"""Settings that are called otherwise in the advanced configuration."""


def validate(settings: Mapping[str, object], dialect: Dialect = OPENAI) -> list[str]:
    """The faults of the advanced configuration a dialect reads, one sentence each. Other keys are ignored."""
    return _read(settings, dialect)[1]


def session(brief: Brief, dialect: Dialect = OPENAI) -> dict[str, object]:
    """The session of session.update. Raises ValueError naming every fault of the advanced settings."""
    own, faults = _read(brief.advanced, dialect)
    if faults:
        raise ValueError("; ".join(faults))
    wanted = _agent(brief, dialect)
    if brief.modality == "text":
        wanted["turn_detection"] = dialect.no_detection
        wanted |= {name: own[name] for name in _OF_THE_MODEL if name in own}
    else:
        wanted |= _audio(brief, dialect, own)
    configured: dict[str, object] = dict(dialect.constants)
    for name, value in wanted.items():
        if name in dialect.places and not (value is None and name in dialect.no_nulls):
            _put(configured, dialect.places[name], value)
    return configured


_OF_THE_MODEL: Final = ("temperature", "reasoning", "truncation", "parallel_tool_calls")
"""Settings that mean something without audio as well."""


def _read(settings: Mapping[str, object], dialect: Dialect) -> tuple[dict[str, object], list[str]]:
    """The settings of the section that counts, and its faults."""
    key = next((key for key in dialect.sections if settings.get(key) is not None), None)
    if key is None:
        return {}, []
    section, reader = dialect.sections[key]
    faults = advanced.faults(key, section, settings[key])
    if faults:
        return {}, faults
    own = reader(section.model_validate(settings[key]))
    strange = [_SPELLINGS.get(name, name) for name in own if name not in dialect.places]
    faults = [f"{key}.{name} is not taken by {dialect.service}" for name in strange]
    detection = own.get("turn_detection")
    kind = str(detection.get("type")) if isinstance(detection, Mapping) else ""
    if kind in dialect.detectors:
        faults.append(f"{key}.turn_detection.type is {kind!r}: {dialect.detectors[kind]}")
    return own, faults


def _agent(brief: Brief, dialect: Dialect) -> dict[str, object]:
    wanted: dict[str, object] = {
        "modality": dialect.modalities[brief.modality],
        "instructions": brief.instructions,
        "tools": [
            {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in brief.tools
        ],
        "tool_choice": "auto",
    }
    if brief.max_output_tokens is not None:
        within = brief.max_output_tokens <= MOST_OUTPUT_TOKENS
        wanted["max_output_tokens"] = brief.max_output_tokens if within else "inf"
    if brief.temperature is not None:
        wanted["temperature"] = min(max(brief.temperature, TEMPERATURES[0]), TEMPERATURES[1])
    return wanted


def _audio(brief: Brief, dialect: Dialect, own: Mapping[str, object]) -> dict[str, object]:
    wanted: dict[str, object] = {
        "input_format": dialect.formats(brief.input_format),
        "output_format": dialect.formats(brief.output_format),
    }
    if brief.voice is not None:
        wanted["voice"] = brief.voice
    wanted |= own
    wanted["turn_detection"] = _turn_detection(brief, own)
    transcription = _transcription(dialect, own)
    if transcription is not None or dialect.transcription is not None:
        wanted["transcription"] = transcription
    return wanted


def _transcription(dialect: Dialect, own: Mapping[str, object]) -> Mapping[str, object] | None:
    asked = own.get("transcription", {})
    if not isinstance(asked, Mapping):
        return None
    return {**(dialect.transcription or {}), **asked} or None


def _turn_detection(brief: Brief, own: Mapping[str, object]) -> dict[str, object]:
    asked = own.get("turn_detection")
    detection: dict[str, object] = {"type": "server_vad"}
    if isinstance(asked, Mapping):
        detection.update(asked)
    # Under `local` the detector still closes turns; whether one is answered or interrupts is then our decision.
    decides = brief.interruption == "provider"
    detection["create_response"] = decides
    detection["interrupt_response"] = decides
    return detection


def _put(into: dict[str, object], path: tuple[str, ...], value: object) -> None:
    *way, last = path
    for name in way:
        deeper = into.setdefault(name, {})
        assert isinstance(deeper, dict)
        into = deeper
    into[last] = value
