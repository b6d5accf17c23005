"""Where a server's agents come from: a file of several, or the one of its own settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mediaproviders.catalog import MODELS, Model, OverrideError, extend
from mediaserver.agents import file
from mediaserver.agents.checks import examine
from mediaserver.agents.definition import AgentDefinition
from mediaserver.agents.file import DEFAULT_FILE, Loaded
from mediaserver.agents.provision import Provision
from mediaserver.agents.ready import ReadyAgent
from mediaserver.agents.roster import Roster
from mediaserver.config import Settings
from mediaserver.errors import ConfigurationError

UNWRITTEN: Final[Mapping[str, Any]] = {
    "name": "assistant",
    "model": "local",
    "prompt": "You are a friendly assistant on the telephone. Keep answers short.",
    "welcome": "Hello! How can I help you?",
}
"""What the settings' own agent is where its table does not say."""


def of(settings: Settings, path: Path | None = None) -> Loaded:
    """The agents of a server: of the file at `path`, else of the one that the settings name, else the settings' own.

    Without any of these, `agents.yaml` in the working directory is taken if it is there. Raises ConfigurationError with
    a sentence per fault.
    """
    models = known_models(settings.models)
    if path is None and settings.agents is not None:
        if settings.agent:
            raise ConfigurationError(["agent and agents are both given: keep the table or the file, not both"])
        path = settings.agents
    if path is None and not settings.agent and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    return _own(settings.agent, models) if path is None else file.load(path, models)


def known_models(given: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Model]:
    """The catalogue with what the settings' `models` say. Raises ConfigurationError."""
    try:
        return extend(given, MODELS)
    except OverrideError as error:
        raise ConfigurationError(error.faults) from None


def _own(table: Mapping[str, Any], models: Mapping[str, Model]) -> Loaded:
    # TOML and the environment have no null: an empty text says "without".
    written = {name: value for name, value in table.items() if value != "" or name in ("welcome", "greeting")}
    defaults = {name: value for name, value in UNWRITTEN.items() if name not in written}
    if "greeting" in written:
        defaults.pop("welcome")
    whole = {**defaults, **written}
    definition, found = examine(whole, models)
    if definition is None:
        wrong = {fault.field.partition(".")[0] for fault in found.faults}
        rest = {name: value for name, value in whole.items() if name not in wrong}
        raise ConfigurationError([f"agent.{fault}" for fault in found.faults], _usable({**UNWRITTEN, **rest}, models))
    return _one(definition, models, [f"agent.{warning}" for warning in found.warnings])


def _usable(rest: Mapping[str, Any], models: Mapping[str, Model]) -> Loaded | None:
    """The agent without what is wrong with it, so that it can be seen what else is."""
    definition, _ = examine(rest, models)
    return None if definition is None else _one(definition, models, [])


def _one(definition: AgentDefinition, models: Mapping[str, Model], warnings: list[str]) -> Loaded:
    return Loaded(Roster({definition.name: definition}, definition.name, models), warnings, own=True)


def ready(loaded: Loaded, provision: Provision) -> dict[str, ReadyAgent]:
    """The agents with all they need, by name. Raises ConfigurationError with every fault of all of them."""
    if not loaded.own:
        return provision.all(loaded.roster)
    definition = loaded.roster.find()
    try:
        return {definition.name: provision.agent(definition)}
    except ConfigurationError as error:
        faults = [fault if fault.startswith("providers.") else f"agent.{fault}" for fault in error.faults]
        raise ConfigurationError(faults) from None
