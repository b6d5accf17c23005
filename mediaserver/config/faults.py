"""Faults of the settings as sentences: field, value, remedy."""

import difflib
from collections.abc import Iterator
from types import UnionType
from typing import Any, TypeAliasType, get_args, get_origin

from pydantic import BaseModel, ValidationError

_WHOLLY_SECRET = (("providers",), ("agent",), ("sip", "users"), ("phones",))
"""Where a value, wherever it stands, may be a secret in the wrong place."""
_SECRETS = frozenset({"password", "inbound_password", "admin_key", "token_secret"})
_NOT_SHOWN = ("trunks", "certificates")
_LONGEST_VALUE = 200


def sentences(error: ValidationError, settings: type[BaseModel]) -> list[str]:
    """What is wrong with `settings`, one sentence a fault."""
    faults = error.errors()
    # A list whose only item is wrong is then "too short" as well: nobody should look for a second fault.
    wrong_items = {fault["loc"][:-1] for fault in faults if fault["loc"]}
    return [
        sentence
        for fault in faults
        if fault["type"] != "too_short" or fault["loc"] not in wrong_items
        for sentence in _sentences(fault, settings)
    ]


def _sentences(fault: Any, settings: type[BaseModel]) -> Iterator[str]:
    """One fault as field, value and remedy; what tables say of each other is a fault a line."""
    where = [str(part) for part in fault["loc"]]
    if not where:
        yield from fault["msg"].removeprefix("Value error, ").splitlines()
        return
    field = ".".join(where)
    if fault["type"] == "extra_forbidden":
        yield f"{field}: unknown setting; {_nearest(where, settings)}"
        return
    shown = "" if isinstance(fault["input"], dict | BaseModel) or _secret(where) else f" is {_short(fault['input'])}"
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    yield f"{field}{shown}: {message}"


def _secret(where: list[str]) -> bool:
    if any(tuple(where[: len(table)]) == table for table in _WHOLLY_SECRET):
        return True
    return where[-1] in _SECRETS or where[-1] in _NOT_SHOWN or (where[0] == "trunks" and len(where) == 2)


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _nearest(where: list[str], settings: type[BaseModel]) -> str:
    known = _fields_of(settings, where[:-1])
    near = difflib.get_close_matches(where[-1], known, 1) or [
        f"{table}.{where[-1]}" for table in settings.model_fields if where[-1] in _fields_of(settings, [table])
    ]
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _fields_of(settings: type[BaseModel], path: list[str]) -> list[str]:
    """The settings of a table, as they are written; none if the path leads to no table."""
    kind: Any = settings
    for name in path:
        kind = _within(kind, name)
    return [field.alias or name for name, field in kind.model_fields.items()] if _is_table(kind) else []


def _within(kind: Any, name: str) -> Any:
    """The type of what stands under `name` in a value of type `kind`."""
    if _is_table(kind):
        field = next((each for key, each in kind.model_fields.items() if name in (key, each.alias)), None)
        return None if field is None else _plain(field.annotation)
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return _plain(arguments[1])
    if get_origin(kind) in (tuple, list) and arguments:
        return _plain(arguments[0])
    return None


def _plain(kind: Any) -> Any:
    """The type itself, without what checks it, its alias or its None."""
    if isinstance(kind, TypeAliasType):
        return _plain(kind.__value__)
    if (origin := get_origin(kind)) is not None:
        if isinstance(origin, TypeAliasType):
            return _plain(origin.__value__)
        if hasattr(kind, "__metadata__"):
            return _plain(get_args(kind)[0])
        if origin is UnionType:
            return _plain(next(each for each in get_args(kind) if each is not type(None)))
    return kind


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
