"""From a brief to a session: formats, voice, tools, and the agent's own settings checked."""

from dataclasses import dataclass
from typing import Any, Final

import orjson

from mediaproviders.advanced import faults, nearest
from mediaproviders.advanced.nova import KEY, VOICES, NovaSection
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, AudioFormat, Brief
from mediaproviders.nova_sonic.commands import audio_format, event

FORMATS: Final = {audio.rate: audio for audio in (PCM16_8K, PCM16_16K, PCM16_24K)}
VOICE: Final = "matthew"
MAX_TOKENS: Final = 1024
TOP_P: Final = 0.9
TEMPERATURE: Final = 0.7
MOST_TOKENS: Final = 4096
HIGHEST_TEMPERATURE: Final = 1.0
"""The most the service takes; an agent, whose settings are for any provider, may ask for more."""
CUE: Final = (
    "\n\nThe first thing you hear is a spoken cue of the operator, not of the caller. When you hear it, open the call"
    " by saying: {greeting}"
)
"""How a model that only answers speech is made to speak first."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the service is told of a session before anything is said."""

    session_start: bytes
    prompt_start: dict[str, Any]
    system: str
    heard: AudioFormat
    """What the service hears."""
    spoken: AudioFormat
    """What it speaks."""


def setup(brief: Brief, generation: int, *, cued: bool = False) -> Setup:
    """The session of a brief; `cued`: a spoken cue will ask for the greeting. Raises ValueError naming its faults."""
    section = _section(brief, generation)
    heard = FORMATS[section.input_sample_rate or brief.input_format.rate]
    spoken = FORMATS[section.output_sample_rate or brief.output_format.rate]
    system = brief.instructions
    if cued and brief.greeting:
        system += CUE.format(greeting=brief.greeting)
    return Setup(_session_start(brief, section), _prompt_start(brief, section, spoken), system, heard, spoken)


def _section(brief: Brief, generation: int) -> NovaSection:
    own = brief.advanced.get(KEY, {})
    found = faults(KEY, NovaSection, own)
    known = VOICES[generation]
    if brief.voice is not None and brief.voice.lower() not in known:
        found.append(f"voice {brief.voice!r} is not of this model; {nearest(brief.voice.lower(), list(known))}")
    for name, audio in (("input", brief.input_format), ("output", brief.output_format)):
        if audio not in FORMATS.values():
            found.append(f"{audio} is no {name} format of Nova Sonic")
    if brief.interruption != "provider":
        found.append("interruption = local is impossible: the service decides by itself")
    if brief.modality != "audio":
        found.append("the text modality is impossible: the service always speaks")
    if found:
        raise ValueError("; ".join(found))
    section = NovaSection.model_validate(own)
    if late := list(section.faults_of(generation)):
        raise ValueError("; ".join(late))
    return section


def _session_start(brief: Brief, section: NovaSection) -> bytes:
    inference = {
        "maxTokens": _first(section.chosen("max_tokens"), _at_most(brief.max_output_tokens, MOST_TOKENS), MAX_TOKENS),
        "topP": _first(section.chosen("top_p"), TOP_P),
        "temperature": _first(
            section.chosen("temperature"), _at_most(brief.temperature, HIGHEST_TEMPERATURE), TEMPERATURE
        ),
    }
    fields: dict[str, Any] = {"inferenceConfiguration": inference}
    if section.sensitivity is not None:
        fields["turnDetectionConfiguration"] = {"endpointingSensitivity": section.sensitivity}
    return event("sessionStart", **fields)


def _prompt_start(brief: Brief, section: NovaSection, spoken: AudioFormat) -> dict[str, Any]:
    voice = section.voice or (brief.voice or VOICE).lower()
    fields: dict[str, Any] = {
        "textOutputConfiguration": {"mediaType": "text/plain"},
        "audioOutputConfiguration": {**audio_format(spoken), "voiceId": voice},
    }
    if brief.tools:
        fields["toolUseOutputConfiguration"] = {"mediaType": "application/json"}
        tools = [
            {
                "toolSpec": {
                    "name": tool.name,
                    "description": tool.description,
                    # A text within the JSON, unlike everywhere else.
                    "inputSchema": {"json": orjson.dumps(dict(tool.parameters)).decode()},
                }
            }
            for tool in brief.tools
        ]
        choice = section.tool_choice.model_dump(exclude_unset=True) if section.tool_choice else {"auto": {}}
        fields["toolConfiguration"] = {"tools": tools, "toolChoice": choice}
    return fields


def _at_most(value: float | None, most: float) -> float | None:
    return None if value is None else min(value, most)


def _first(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)
