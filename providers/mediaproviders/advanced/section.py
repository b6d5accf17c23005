"""One object of an agent's advanced configuration: what all of them have in common, and faults told as sentences."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class Section(BaseModel):
    """An object of the advanced configuration. A key nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def faults(path: str, section: type[BaseModel], value: object) -> list[str]:
    """What is wrong with `value` as a `section` found at `path`, one sentence each."""
    try:
        section.model_validate(value)
    except ValidationError as error:
        return [_sentence(path, section, fault) for fault in error.errors(include_url=False)]
    return []


def _sentence(path: str, section: type[BaseModel], fault: Any) -> str:
    keys, holder = _walk(section, fault["loc"])
    where = ".".join((path, *keys))
    if fault["type"] == "extra_forbidden":
        return f"{where} is unknown; {nearest(keys[-1], list(holder.model_fields))}"
    if fault["type"] == "missing":
        return f"{where} is missing"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{where} is {fault['input']!r}: {said[:1].lower()}{said[1:]}"


def nearest(key: str, known: list[str]) -> str:
    """A hint at what may have been meant."""
    close = get_close_matches(key, known, n=1, cutoff=0.4)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(sorted(known))


def _walk(section: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], type[BaseModel]]:
    """The keys on the way to a fault, and the object its last key belongs to.

    A location also names the branches of a union that were tried; those are no keys.
    """
    keys: list[str] = []
    holder = section
    within: list[type[BaseModel]] = [section]
    for index, part in enumerate(location):
        field = next((each for each in within if part in each.model_fields), None)
        if field is not None:
            holder = field
            keys.append(str(part))
            within = list(_sections(field.model_fields[str(part)].annotation))
        elif isinstance(part, int) or index == len(location) - 1:
            branch = any(each.__name__ == part for each in within)
            if not branch:
                holder = within[0] if within and not isinstance(part, int) else holder
                keys.append(str(part))
        else:
            within = [each for each in within if each.__name__ == part] or within
    return keys, holder


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _sections(part)
