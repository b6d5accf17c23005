"""Agents in a YAML file: every fault with its line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mediaproviders.catalog import MODELS, Model
from mediaserver.agents import roster
from mediaserver.agents.roster import Remark, Roster
from mediaserver.errors import ConfigurationError

DEFAULT_FILE = "agents.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The agents of a file, and what is allowed in it and yet likely not meant."""

    roster: Roster
    warnings: list[str]
    own: bool = False
    """It is the one agent of the server's own settings, not of a file."""


def load(path: Path, models: Mapping[str, Model] = MODELS) -> Loaded:
    """The agents of the file at `path`. Raises ConfigurationError with one sentence per fault of all agents."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read ({error.strerror}); give an existing file"]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([f"{path}: is no UTF-8 text; save it as that"]) from None
    return loads(text, str(path), models)


def loads(text: str, name: str = DEFAULT_FILE, models: Mapping[str, Model] = MODELS) -> Loaded:
    """As :func:`load`, of the file's text; `name` is what sentences begin with."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError([f"{name}{line}: is not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError([f"{name}: is not YAML: {type(error).__name__}"]) from None
    places: dict[roster.Path, int] = {}
    twice = list(_walk(tree, (), places, set())) if tree is not None else []
    reading = roster.read(document, models)
    if twice or reading.roster is None:
        told = sorted([*twice, *reading.faults], key=lambda remark: _line(remark.path, places))
        raise ConfigurationError([_sentence(name, remark, places) for remark in told])
    return Loaded(reading.roster, [_sentence(name, remark, places) for remark in reading.warnings])


def _sentence(name: str, remark: Remark, places: Mapping[roster.Path, int]) -> str:
    return f"{name}, line {_line(remark.path, places)}: {remark.text}"


def _line(path: roster.Path, places: Mapping[roster.Path, int]) -> int:
    """The line of the nearest thing around `path` that is written down."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def _walk(node: Any, path: roster.Path, places: dict[roster.Path, int], walked: set[int]) -> Iterator[Remark]:
    """Note the line of everything; what is said about keys that stand twice."""
    places.setdefault(path, node.start_mark.line + 1)
    if id(node) in walked:  # an alias: what it stands for has its lines where it is written
        return
    walked.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), places, walked)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            inner = (*path, str(key.value))
            if isinstance(key, yaml.ScalarNode) and key.value != "<<" and key.value in seen:
                yield Remark(path, f"{key.value}: stands twice (again in line {key.start_mark.line + 1}); remove one")
            seen.add(str(key.value))
            places.setdefault(inner, key.start_mark.line + 1)
            yield from _walk(value, inner, places, walked)
