"""Several agents as one document: a list, which of them answers, and models of one's own. No file is touched here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mediaproviders.advanced import nearest
from mediaproviders.catalog import MODELS, Model, OverrideError, extend
from mediaserver.agents.checks import examine
from mediaserver.agents.definition import AgentDefinition

type Path = tuple[str | int, ...]
_KEYS = ("agents", "default", "models")


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about a place in the document."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Roster:
    """The agents of a server, by name, and the models they may use."""

    agents: Mapping[str, AgentDefinition]
    default: str
    """Who answers when nobody in particular is called."""
    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)

    def find(self, name: str | None = None) -> AgentDefinition:
        """The agent of that name; None: the one that answers. Raises ValueError naming the nearest."""
        agent = self.agents.get(self.default if name is None else name)
        if agent is None:
            raise ValueError(f"agent {name!r} is unknown; {nearest(str(name), list(self.agents))}")
        return agent


@dataclass(slots=True)
class Reading:
    """What came of reading a document. `roster` is None when there are faults."""

    roster: Roster | None = None
    faults: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)


def read(document: object, models: Mapping[str, Model] = MODELS) -> Reading:
    """The agents of a document: `agents` is a list, `default` a name, `models` as :func:`catalog.extend` takes it."""
    reading = Reading()
    if not isinstance(document, Mapping):
        reading.faults.append(Remark((), "has to hold `agents:` and under it a list of agents"))
        return reading
    for key in document:
        if key not in _KEYS:
            reading.faults.append(Remark((str(key),), f"{key}: is unknown; {nearest(str(key), list(_KEYS))}"))
    models = _models(document.get("models"), models, reading)
    agents = dict(_agents(document.get("agents"), models, reading))
    default = _default(document, agents, reading)
    if not reading.faults:
        reading.roster = Roster(agents, default, models)
    return reading


def _models(given: object, models: Mapping[str, Model], reading: Reading) -> Mapping[str, Model]:
    if given is None:
        return models
    if not isinstance(given, Mapping):
        reading.faults.append(Remark(("models",), "models: has to be an object: names with what is said of each"))
        return models
    try:
        return extend({str(name): fields for name, fields in given.items()}, models)
    except OverrideError as error:
        reading.faults += [Remark(_place(fault, given), fault) for fault in error.faults]
        return models


def _place(fault: str, given: Mapping[object, object]) -> Path:
    """The name a fault is about; names may hold dots."""
    rest = fault.removeprefix("models.")
    return ("models", next((str(name) for name in given if rest.startswith(f"{name}")), ""))


def _agents(given: object, models: Mapping[str, Model], reading: Reading) -> Iterator[tuple[str, AgentDefinition]]:
    if not isinstance(given, list) or not given:
        reading.faults.append(Remark(("agents",), "agents: has to be a list with at least one agent"))
        return
    seen: dict[str, int] = {}
    for index, value in enumerate(given):
        name = value.get("name") if isinstance(value, Mapping) else None
        known = name if isinstance(name, str) else None
        who = f"agent {known!r}" if known else f"agent {index + 1}"
        definition, found = examine(value, models)
        for findings, into in ((found.faults, reading.faults), (found.warnings, reading.warnings)):
            into += [Remark(("agents", index, *_steps(finding.field)), f"{who}: {finding}") for finding in findings]
        if known and known.casefold() in seen:
            first = seen[known.casefold()] + 1
            text = f"{who}: name: is agent {first}'s already; give each a name of its own"
            reading.faults.append(Remark(("agents", index, "name"), text))
        elif known:
            seen[known.casefold()] = index
        if definition is not None:
            yield definition.name, definition


def _steps(field: str) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in field.split("."))


def _default(document: Mapping[object, object], agents: Mapping[str, AgentDefinition], reading: Reading) -> str:
    given = document.get("default")
    if given is None:
        return next(iter(agents), "")
    names = _names(document.get("agents"))
    if given not in names:
        text = f"default: is {given!r}, which is no agent here; {nearest(str(given), names)}"
        reading.faults.append(Remark(("default",), text))
    return str(given)


def _names(given: object) -> list[str]:
    """Of all agents, those with faults included."""
    every = given if isinstance(given, list) else []
    return [each["name"] for each in every if isinstance(each, Mapping) and isinstance(each.get("name"), str)]
