"""Model names as data: which adapter serves a name, and what the provider itself calls the model.

The names are what agents are configured with; they outlive the provider's. Adapters are imported when one is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Final, cast

from mediaproviders.contract import Provider

ADAPTERS: Final[Mapping[str, str]] = {
    "openai": "mediaproviders.openai_realtime:OpenAIRealtime",
    "local": "mediaproviders.local:LocalProvider",
}
"""Provider name to `module:class`."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model an agent can name. Its traits are those of the adapter that :func:`build` makes."""

    name: str
    provider: str
    """A key of the adapters."""
    provider_model: str
    """What goes into :attr:`mediaproviders.contract.Brief.model`."""
    deprecated: str | None = None
    """Why it should no longer be chosen, and what to choose instead."""


def _by_name(*models: Model) -> Mapping[str, Model]:
    return {model.name: model for model in models}


MODELS: Final = _by_name(
    Model("gpt-realtime", "openai", "gpt-realtime", "ends on 2027-01-20; use gpt-realtime-2.1"),
    Model("gpt-realtime-mini", "openai", "gpt-realtime-mini", "ends on 2027-01-20; use gpt-realtime-2.1-mini"),
    Model("gpt-4o-realtime", "openai", "gpt-4o-realtime-preview", "is not served any more; use gpt-realtime-2.1"),
    Model(
        "gpt-4o-mini-realtime",
        "openai",
        "gpt-4o-mini-realtime-preview",
        "is not served any more; use gpt-realtime-2.1-mini",
    ),
    Model("gpt-realtime-2.1", "openai", "gpt-realtime-2.1"),
    Model("gpt-realtime-2.1-mini", "openai", "gpt-realtime-2.1-mini"),
    Model("local", "local", "local"),
)
"""The names known from the start. Merge with one's own: `{**MODELS, "name": Model(...)}`."""


def find(name: str, models: Mapping[str, Model] = MODELS) -> Model:
    """The model of that name. Raises ValueError naming the nearest known one."""
    model = models.get(name)
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
    try:
        return cast(Provider, adapter(**settings))
    except TypeError as error:
        raise ValueError(f"settings of {model.provider}: {error}") from error
