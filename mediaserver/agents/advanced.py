"""The advanced configuration of an agent: which objects it may hold, and what stands in them."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from pydantic import BaseModel

from mediaproviders.advanced import faults, nearest, nova, silero
from mediaproviders.catalog import MODELS, Model
from mediaserver.agents.definition import AgentDefinition, LocalModel
from mediaserver.agents.findings import Findings

SILERO: Final = silero.KEY
SECTIONS: Final[Mapping[str, str]] = {
    "openai_realtime": "mediaproviders.advanced.openai:OpenAISection",
    "xai_realtime": "mediaproviders.advanced.xai:XAISection",
    "gemini_audio": "mediaproviders.advanced.gemini:GeminiAudio",
    "nova_sonic": "mediaproviders.advanced.nova:NovaSection",
}
"""Key to `module:class` of the object it holds."""


def section(key: str) -> type[BaseModel]:
    """What the object under `key` may be. Raises KeyError for a key nobody knows."""
    if key == SILERO:
        return silero.SileroVad
    if key == "local":
        return LocalModel
    module, _, name = SECTIONS[key].partition(":")
    found: type[BaseModel] = getattr(import_module(module), name)
    return found


def known_keys() -> tuple[str, ...]:
    """Everything an advanced configuration may hold."""
    return (*SECTIONS, SILERO, "local")


def check_advanced(definition: AgentDefinition, models: Sequence[Model], streaming: bool, found: Findings) -> None:
    """Every object belongs to the agent's model or to one that may take over, and is well formed."""
    expected = list(dict.fromkeys(key for model in models for key in _keys(definition, model)))
    for key, value in definition.advanced_configuration.items():
        where = f"advanced_configuration.{key}"
        if key not in known_keys():
            found.fault(where, f"is unknown; {nearest(key, list(known_keys()))}")
            continue
        if key != SILERO and key not in expected:
            own = " or ".join(expected)
            remedy = f"write {own}" if expected else "remove it"
            found.fault(where, f"belongs to models of another provider than {models[0].name}; {remedy}")
            continue
        told = faults(where, section(key), value)
        for fault in told or _of_generations(key, value, models) or _of_dialects(key, definition, models):
            path, _, rest = fault.partition(" ")
            found.fault(path, rest)
        if key == SILERO and not listens(definition, models[0], streaming):
            found.warn(where, f"has no effect: {models[0].name} finds the caller's turns itself")


def _of_generations(key: str, value: object, models: Sequence[Model]) -> list[str]:
    """What the generation of Nova Sonic that is wanted does not have."""
    if key != nova.KEY:
        return []
    generations = dict.fromkeys(model.generation for model in models if model.generation is not None)
    wanted = nova.NovaSection.model_validate(value)
    return [f"advanced_configuration.{each}" for number in generations for each in wanted.faults_of(number)]


def _of_dialects(key: str, definition: AgentDefinition, models: Sequence[Model]) -> list[str]:
    """What the service that is wanted does not take, though others of its protocol do."""
    if key not in ("openai_realtime", "xai_realtime"):
        return []
    from mediaproviders.openai_realtime import configuration, dialects  # it loads the SDK: only for who needs it

    preview = definition.access is not None and definition.access.api_version is not None
    spoken = {
        "openai": dialects.OPENAI,
        "azure": dialects.AZURE_PREVIEW if preview else dialects.AZURE,
        "xai": dialects.XAI,
    }
    own = {key: definition.advanced_configuration[key]}
    wanted = dict.fromkeys(model.provider for model in models if key in _keys(definition, model))
    if key == "openai_realtime" and len(wanted) > 1:
        wanted.pop("xai", None)  # it is meant for the others; xAI's own may be given beside it
    told = [fault for provider in wanted for fault in configuration.validate(own, spoken[provider])]
    return [f"advanced_configuration.{fault}" for fault in dict.fromkeys(told)]


def _keys(definition: AgentDefinition, model: Model) -> tuple[str, ...]:
    """The keys a model's settings stand under. xAI's protocol is OpenAI's, and so may be what is said of it."""
    if model.advanced is None:
        return ()
    as_openai = model.provider == "xai" and model.advanced not in definition.advanced_configuration
    return (model.advanced, "openai_realtime") if as_openai else (model.advanced,)


def listens(definition: AgentDefinition, model: Model, streaming: bool) -> bool:
    """Whether the server's own detector finds the caller's turns."""
    gemini = definition.advanced_configuration.get("gemini_audio")
    chosen = isinstance(gemini, Mapping) and gemini.get("vad_mode") == "silero"
    return not streaming or (model.provider == "google" and (chosen or definition.interruption == "local"))


def for_model(definition: AgentDefinition, model: Model) -> dict[str, Any]:
    """What of it a session of `model` is to be given."""
    wanted = {*_keys(definition, model), SILERO}
    return {key: value for key, value in definition.advanced_configuration.items() if key in wanted}


def schemas() -> dict[str, Any]:
    """The JSON Schema of an advanced configuration, with every object it may hold."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for key in known_keys():
        model = section(key)
        schema = model.model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
        definitions |= {f"{key}.{name}": inner for name, inner in schema.pop("$defs", {}).items()}
        definitions[key] = schema
        models = sorted(name for name, each in MODELS.items() if each.advanced == key)
        said = f"Of {', '.join(models)}." if models else "The server's own detector of the caller's turns."
        properties[key] = {"$ref": f"#/$defs/{key}", "description": said}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Advanced configuration of an agent",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": definitions,
    }
