"""Speech services of agents: what may be set of each, and how one is made."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mediaproviders.advanced import nearest
from mediaproviders.speech import catalog
from mediaproviders.speech.catalog import Direction, Service, Setting
from mediaproviders.speech.contract import SpeechToText, TextToSpeech
from mediaserver.agents.definition import Access, Speech

_WAYS_IN: Final = frozenset(
    {"api_key", "base_url", "api_version", "credentials_file", "endpoint", "endpoint_url", "ca_file"}
    | {"region", "access_key_id", "secret_access_key", "session_token", "profile"}
)
"""Settings of the services that are no agent's: they come from `access`, or from the server."""


def service_faults(direction: Direction, speech: Speech) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings given of a service: name and clause."""
    known = catalog.find(direction, speech.service).settings
    settings = speech.settings
    for name in _WAYS_IN & settings.keys():
        yield name, "is not a setting of the service; give it under access"
    own = [name for name in known if name not in _WAYS_IN]
    for name in settings.keys() - _WAYS_IN - known.keys():
        yield name, f"is unknown to {speech.service}; {nearest(name, own) if own else 'it takes no settings'}"
    wanted = {name: value for name, value in settings.items() if name in own}
    assumed = {name: "x" for name, setting in known.items() if setting.required and name in _WAYS_IN}
    for fault in catalog.faults(direction, speech.service, wanted | assumed):
        name, _, rest = fault.partition(": ")[2].partition(" ")
        yield name, rest


def access_keys(direction: Direction, service: str) -> frozenset[str]:
    """What of an agent's `access` the service takes."""
    known = catalog.find(direction, service).settings
    if service == "azure":
        return frozenset({"api_key", "api_version", "endpoint", "token"})
    return frozenset(Access.model_fields) & known.keys() - {"endpoint"}


def build(direction: Direction, speech: Speech, access: Mapping[str, object]) -> SpeechToText | TextToSpeech:
    """The service, reached by `access` (names as in an agent's `access`, secrets uncovered).

    Raises ValueError, ProviderError.
    """
    known = catalog.find(direction, speech.service).settings
    given = dict(access)
    if speech.service == "azure" and "endpoint" in given:
        given["base_url"] = given.pop("endpoint")
    if "token" in given:
        given["api_key"] = given.pop("token")
    if speech.service == "local" and "workers" in given:
        given["processes"] = given.pop("workers")
    settings = {name: value for name, value in given.items() if name in known} | speech.settings
    if direction == "speech_to_text":
        return catalog.build_speech_to_text(speech.service, settings)
    return catalog.build_text_to_speech(speech.service, settings)


# --- schema --------------------------------------------------------------------------------------------------------


def schema(direction: Direction, base: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of `direction` in an agent: one alternative for each service. `base` is what all have."""
    services = catalog.SPEECH_TO_TEXT if direction == "speech_to_text" else catalog.TEXT_TO_SPEECH
    common = {name: each for name, each in base["properties"].items() if name != "service"}
    return {"anyOf": [_alternative(name, service, common) for name, service in services.items()]}


def _alternative(name: str, service: Service, common: Mapping[str, Any]) -> dict[str, Any]:
    own = {each: setting for each, setting in service.settings.items() if each not in _WAYS_IN}
    return {
        "title": name,
        "type": "object",
        "properties": {"service": {"const": name}, **common, **{each: _value(own[each]) for each in own}},
        "required": ["service", *(each for each, setting in own.items() if setting.required)],
        "additionalProperties": False,
    }


def _value(setting: Setting) -> dict[str, Any]:
    match setting.kind:
        case "text":
            return {"enum": list(setting.choices)} if setting.choices else {"type": "string", "minLength": 1}
        case "flag":
            return {"type": "boolean"}
        case "texts":
            return {"type": "array", "items": {"type": "string", "minLength": 1}}
    bounds = {"minimum": setting.least, "maximum": setting.most}
    kind = "integer" if setting.kind == "count" else "number"
    return {"type": kind, **{name: bound for name, bound in bounds.items() if bound is not None}}
