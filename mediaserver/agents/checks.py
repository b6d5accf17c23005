"""What an agent may not say, though each word of it is well formed. Nothing is loaded or connected for it."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationError

from mediaproviders import catalog
from mediaproviders.catalog import MODELS, Model
from mediaproviders.speech.catalog import Direction
from mediaserver.agents import template
from mediaserver.agents.advanced import check_advanced
from mediaserver.agents.definition import AgentDefinition, Fallback, Speech, own_access
from mediaserver.agents.findings import Finding, Findings, of_shape
from mediaserver.agents.line_checks import check_line
from mediaserver.agents.secrets import Secrets
from mediaserver.agents.services import access_keys, service_faults

VENDOR: Mapping[str, str] = {
    "openai": "OpenAI",
    "azure": "Azure OpenAI",
    "xai": "xAI",
    "google": "Google",
    "amazon": "Amazon",
    "openai-chat": "a text model",
    "local": "the offline model",
}
ACCESS_KEYS: Mapping[str, frozenset[str]] = {
    "openai": frozenset({"api_key", "base_url"}),
    "azure": frozenset({"api_key", "endpoint", "token", "api_version"}),
    "xai": frozenset({"api_key", "base_url"}),
    "google": frozenset({"api_key", "base_url", "vertexai", "project", "location"}),
    "amazon": frozenset({"region", "access_key_id", "secret_access_key", "session_token", "profile"}),
    "openai-chat": frozenset({"api_key", "base_url"}),
    "local": frozenset(),
}
"""What reaching each provider may take."""
LEAST_TOKENS = 1000
"""Speech takes many tokens: with fewer a spoken answer breaks off."""


def streams(definition: AgentDefinition, model: Model) -> bool:
    """Whether the agent's calls run with voice streaming on."""
    return model.streaming if definition.voice_streaming is None else definition.voice_streaming


def check(definition: AgentDefinition, models: Mapping[str, Model] = MODELS) -> Findings:
    """Everything to be said about a well-formed agent."""
    found = Findings()
    _texts(definition, found)
    model = _model(definition.model, "model", models, found)
    fallbacks = [
        (f"fallback.{index}", each, _model(each.model, f"fallback.{index}.model", models, found))
        for index, each in enumerate(definition.fallback)
    ]
    if model is None:
        return found
    _answers(definition, model, found)
    _holder(definition, "", model, found)
    for where, fallback, its in fallbacks:
        if its is not None:
            _fallback(definition, model, where, fallback, its, found)
    _speech(definition, model, found)
    known = [model, *(its for _, _, its in fallbacks if its is not None)]
    check_advanced(definition, known, streams(definition, model), found)
    check_line(definition, known, found)
    return found


def _model(name: str, where: str, models: Mapping[str, Model], found: Findings) -> Model | None:
    try:
        model = catalog.find(name, models)
    except ValueError as error:
        found.fault(where, str(error))
        return None
    if model.deprecated is not None:
        found.warn(where, f"{name} {model.deprecated}")
    return model


def _texts(definition: AgentDefinition, found: Findings) -> None:
    for field in ("prompt", "welcome"):
        for fault in template.faults(getattr(definition, field) or "", definition.known_variables):
            found.fault(field, fault)
    zone = definition.variables.get("timezone")
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (KeyError, OSError, ValueError):
            found.fault("variables.timezone", f"is {zone!r}: write a time zone as in 'Europe/Berlin'")


def _answers(definition: AgentDefinition, model: Model, found: Findings) -> None:
    """Modality, interruption and length of answers."""
    vendor, streaming = VENDOR.get(model.provider, model.provider), streams(definition, model)
    if definition.voice_streaming is True and not model.streaming:
        found.fault(
            "voice_streaming", f"{model.name} is a text model and cannot stream voice; leave it out or set false"
        )
    if definition.voice_streaming is False and not model.text:
        why = (
            f"is false, but {model.name} ({vendor}) answers in audio only; set true, or choose an OpenAI or Azure model"
        )
        found.fault("voice_streaming", why)
    if definition.interruption == "local" and streaming and not model.local_interruption:
        found.fault("interruption", f"is local, but {model.name} ({vendor}) decides interruptions itself; use provider")
    tokens = definition.max_output_tokens
    if tokens is not None and tokens < LEAST_TOKENS and model.realtime:
        found.warn("max_output_tokens", f"is {tokens}: spoken answers take many tokens; set {LEAST_TOKENS} or more")
    if definition.limits.max_cost is not None and model.price is None:
        found.warn("limits.max_cost", f"has no effect: the price of {model.name} is not known; set it under `models`")
    if definition.voice is not None and not streaming:
        found.warn("voice", "has no effect while voice streaming is off; set text_to_speech.voice")
    elif definition.voice is not None and model.voices:
        _voice(definition.voice, "voice", model, found)


def _voice(voice: str, where: str, model: Model, found: Findings) -> None:
    if voice.casefold() not in {known.casefold() for known in model.voices}:
        # Amazon's are all there are; other services get new ones, and take those of one's own.
        say = found.fault if model.provider == "amazon" else found.warn
        say(where, f"{voice!r} is not known of {model.name}; known are {', '.join(model.voices)}")


def _holder(holder: AgentDefinition | Fallback, prefix: str, model: Model, found: Findings) -> None:
    """Deployment and keys of one's own."""
    vendor = VENDOR.get(model.provider, model.provider)
    if holder.deployment is not None and model.provider != "azure":
        found.fault(f"{prefix}deployment", f"is for Azure models, and {model.name} is of {vendor}; remove it")
    _access(holder, prefix, ACCESS_KEYS.get(model.provider, frozenset()), f"{vendor} ({model.name})", found)


def _access(
    holder: AgentDefinition | Fallback | Speech, prefix: str, allowed: frozenset[str], whose: str, found: Findings
) -> None:
    """Keys of one's own are the provider's, whole, and kept well."""
    given = own_access(holder)
    if holder.api_key is not None and holder.access is not None and holder.access.api_key is not None:
        found.fault(f"{prefix}access.api_key", "is given as api_key too; give one")
    for key, value in given.items():
        where = f"{prefix}{'api_key' if key == 'api_key' and holder.api_key is not None else f'access.{key}'}"
        if key not in allowed:
            takes = ", ".join(sorted(allowed)) or "no keys"
            found.fault(where, f"does not belong to {whose}, which takes {takes}; remove it")
        elif isinstance(value, SecretStr):
            for warning in Secrets().warnings(value):
                found.warn(where, warning)
    for address in ("base_url", "endpoint"):
        if address in given and not {"api_key", "token"} & given.keys():
            found.fault(f"{prefix}access.{address}", "give api_key too: the server's own key is not sent elsewhere")
    if ("access_key_id" in given) != ("secret_access_key" in given):
        found.fault(f"{prefix}access", "access_key_id and secret_access_key go together; give both")


def _fallback(
    definition: AgentDefinition, first: Model, where: str, given: Fallback, model: Model, found: Findings
) -> None:
    """One that takes over has to fit into the call as it is: spoken to directly, or between speech services."""
    vendor = VENDOR.get(model.provider, model.provider)
    streaming = streams(definition, first)
    if streaming and not model.streaming:
        found.fault(
            f"{where}.model", f"{model.name} is a text model, and voice streaming is on; choose one that speaks"
        )
    if not streaming and not model.text:
        why = f"{model.name} ({vendor}) answers in audio only, and voice streaming is off; choose one that can do text"
        found.fault(f"{where}.model", why)
    if definition.interruption == "local" and streaming and not model.local_interruption:
        found.fault(
            f"{where}.model", f"{model.name} ({vendor}) decides interruptions itself, and interruption is local"
        )
    if given.voice is not None and model.voices:
        _voice(given.voice, f"{where}.voice", model, found)
    if given.model == definition.model and given.deployment == definition.deployment and not own_access(given):
        found.warn(f"{where}.model", f"is {model.name} again: where it cannot be reached once, it likely cannot twice")
    _holder(given, f"{where}.", model, found)


def _speech(definition: AgentDefinition, model: Model, found: Findings) -> None:
    services: dict[Direction, Speech | None] = {
        "speech_to_text": definition.speech_to_text,
        "text_to_speech": definition.text_to_speech,
    }
    if streams(definition, model):
        for field, service in services.items():
            speaks_for_typing = field == "text_to_speech" and model.generation == 1
            if service is not None and not speaks_for_typing:
                found.warn(field, f"has no effect: {model.name} hears and speaks itself while voice streaming is on")
    elif model.text:
        for field, service in services.items():
            if service is None:
                found.fault(field, "is missing: with voice streaming off the model works in text; name a service")
    for direction, service in services.items():
        if service is not None:
            _service(direction, service, found)


def _service(direction: Direction, service: Speech, found: Findings) -> None:
    for name, text in service_faults(direction, service):
        found.fault(f"{direction}.{name}", text)
    _access(service, f"{direction}.", access_keys(direction, service.service), f"the {service.service} service", found)


def examine(value: object, models: Mapping[str, Model] = MODELS) -> tuple[AgentDefinition | None, Findings]:
    """An agent as written: what it is, if it can be used, and everything to be said about it, all at once."""
    found = Findings()
    try:
        definition = AgentDefinition.model_validate(value)
    except ValidationError as error:
        found.faults += of_shape(AgentDefinition, error)
        found.faults += _further(value, error, models)
        return None, found
    found = check(definition, models)
    return (None if found.faults else definition), found


def _further(value: object, error: ValidationError, models: Mapping[str, Model]) -> list[Finding]:
    """Faults of the rest, when what is malformed is left out."""
    if not isinstance(value, Mapping):
        return []
    wrong = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
    try:
        rest = AgentDefinition.model_validate({key: each for key, each in value.items() if key not in wrong})
    except ValidationError:
        return []
    return [fault for fault in check(rest, models).faults if fault.field.partition(".")[0] not in wrong]
