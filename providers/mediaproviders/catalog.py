"""Model names as data: which adapter serves a name, what the provider calls the model, and what it costs.

The names are what agents are configured with; they outlive the provider's. Adapters are imported when one is built.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from mediaproviders.advanced.section import faults as section_faults
from mediaproviders.contract import Provider, Usage
from mediaproviders.models import CHAT, MODELS, Chat, Model, Price, ordinary

__all__ = [
    "ADAPTERS",
    "CHAT",
    "MODELS",
    "Chat",
    "Model",
    "Override",
    "OverrideError",
    "Price",
    "build",
    "cost",
    "cost_per_minute",
    "extend",
    "find",
]

ADAPTERS: Final[Mapping[str, str]] = {
    "openai": "mediaproviders.openai_realtime:OpenAIRealtime",
    "azure": "mediaproviders.openai_realtime:AzureRealtime",
    "xai": "mediaproviders.openai_realtime:XAIRealtime",
    "google": "mediaproviders.gemini_live:GeminiLive",
    "amazon": "mediaproviders.nova_sonic:NovaSonic",
    "openai-chat": "mediaproviders.openai_chat:OpenAIChat",
    "local": "mediaproviders.local:LocalProvider",
}
"""Provider name to `module:class`."""


def find(name: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model of that name. Raises ValueError naming the nearest known one."""
    model = models.get(name) or ordinary(name)
    if model is not None:
        return model
    nearest = get_close_matches(name, list(models), n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else "known are " + ", ".join(sorted(models))
    raise ValueError(f"model {name!r} is unknown; {hint}")


def build(
    name: str,
    settings: Mapping[str, object],
    *,
    models: Mapping[str, Model] = MODELS,
    adapters: Mapping[str, str] = ADAPTERS,
) -> Provider:
    """The provider of model `name`, made with `settings` as keyword arguments of its adapter.

    Raises ValueError for an unknown name, a provider without an adapter, or settings the adapter does not take.
    """
    model = find(name, models)
    face = adapters.get(model.provider)
    if face is None:
        raise ValueError(f"model {name!r} is of provider {model.provider!r}, which has no adapter")
    module, _, attribute = face.partition(":")
    adapter = getattr(import_module(module), attribute)
    if model.generation is not None:
        settings = {"generation": model.generation, **settings}
    if model.provider == "xai" and model.text:  # a configuration says so: by itself the adapter does without
        settings = {"text_output": True, **settings}
    try:
        return cast(Provider, adapter(**settings))
    except TypeError as error:
        raise ValueError(f"settings of {model.provider}: {error}") from error


# --- prices --------------------------------------------------------------------------------------------------------


def cost(model: Model, usage: Usage) -> float | None:
    """US dollars of one response by the list price; None where that is not known. Minutes are charged apart."""
    return None if model.price is None else model.price.of(usage)


def cost_per_minute(model: Model) -> float | None:
    """US dollars for each minute a session is open: 0 for a model charged by tokens alone, None where not known."""
    return None if model.price is None else model.price.per_minute


# --- names of one's own --------------------------------------------------------------------------------------------


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceOverride(_Strict):
    """A price, in US dollars per million tokens or per minute of connection."""

    text_input: float = Field(0.0, ge=0)
    text_output: float = Field(0.0, ge=0)
    audio_input: float = Field(0.0, ge=0)
    audio_output: float = Field(0.0, ge=0)
    cached_input: float | None = Field(None, ge=0)
    per_minute: float = Field(0.0, ge=0)
    as_of: str = ""


class Override(_Strict):
    """What a configuration says of a model: a known one changed, or a new one."""

    like: str | None = None
    """A known model whose fields it takes over, apart from those given here."""
    provider: str | None = None
    """One of the adapters' names: openai, azure, xai, google, amazon, openai-chat, local."""
    provider_model: str | None = None
    """What the provider calls it; on Azure the name of the deployment."""
    vertex_model: str | None = None
    deprecated: str | None = None
    advanced: str | None = None
    voices: tuple[str, ...] | None = None
    realtime: bool | None = None
    text: bool | None = None
    """It may be run in text, with speech services around it, and then so are chats."""
    chat: Chat | None = None
    local_interruption: bool | None = None
    audio_flow: bool | None = None
    price: PriceOverride | None = None
    generation: int | None = Field(None, ge=1, le=2)


class OverrideError(ValueError):
    """Models that cannot be used as a configuration has them; one sentence per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def extend(
    overrides: Mapping[str, object],
    models: Mapping[str, Model] = MODELS,
    adapters: Mapping[str, str] = ADAPTERS,
) -> Mapping[str, Model]:
    """`models` with those of a configuration: name to the fields of an :class:`Override`.

    Raises OverrideError with every fault.
    """
    faults: list[str] = []
    known = dict(models)
    for name, given in overrides.items():
        wrong = section_faults(f"models.{name}", Override, given)
        if not wrong:
            override = Override.model_validate(given)
            wrong = list(_misfits(name, override, known, adapters))
            if not wrong:
                known[name] = _made(name, override, known)
        faults += wrong
    if faults:
        raise OverrideError(faults)
    return known


def _misfits(name: str, given: Override, known: Mapping[str, Model], adapters: Mapping[str, str]) -> Iterator[str]:
    where = f"models.{name}"
    if given.like is not None:
        try:
            find(given.like, known)
        except ValueError as error:
            yield f"{where}.like: {error}"
    elif name not in known and (given.provider is None or given.provider_model is None):
        yield f"{where}: a new name needs `like` (a known model), or both `provider` and `provider_model`"
    if given.provider is not None and given.provider not in adapters:
        yield f"{where}.provider is {given.provider!r}; known are {', '.join(adapters)}"


def _made(name: str, given: Override, known: Mapping[str, Model]) -> Model:
    if given.like is not None:
        base = replace(find(given.like, known), name=name)
    elif name in known:
        base = known[name]
    else:
        base = _typical(name, given, known)
    written = given.model_dump(exclude_unset=True, exclude={"like"})
    if given.price is not None:
        written["price"] = Price(**given.price.model_dump())
    changes: dict[str, Any] = {field.name: written[field.name] for field in fields(Model) if field.name in written}
    if changes.get("text"):
        changes.setdefault("chat", "text")
    return replace(base, **{key: value for key, value in changes.items() if value is not None or key in _CLEARABLE})


_CLEARABLE: Final = frozenset({"deprecated", "price", "vertex_model"})


def _typical(name: str, given: Override, known: Mapping[str, Model]) -> Model:
    """A new model of a provider: as that provider's others are, less what is each model's own."""
    provider, own = cast(str, given.provider), cast(str, given.provider_model)
    if provider == "openai-chat":
        return Model(name, provider, own, realtime=False, text=True)
    others = [model for model in known.values() if model.provider == provider]
    if not others:
        return Model(name, provider, own)
    return replace(others[-1], name=name, provider_model=own, deprecated=None, price=None, vertex_model=None)
