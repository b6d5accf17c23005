"""Faults of the settings as sentences: field, value, remedy."""

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def sentences(error: ValidationError, settings: type[BaseModel]) -> list[str]:
    """What is wrong with `settings`, one sentence a fault."""
    faults = error.errors()
    # A list whose only item is wrong is then "too short" as well: nobody should look for a second fault.
    wrong_items = {fault["loc"][:-1] for fault in faults if fault["loc"]}
    return [
        _sentence(fault, settings)
        for fault in faults
        if fault["type"] != "too_short" or fault["loc"] not in wrong_items
    ]


def _sentence(fault: Any, settings: type[BaseModel]) -> str:
    """One fault as field, value and remedy."""
    where = [str(part) for part in fault["loc"]]
    field = ".".join(where) or "settings"
    if fault["type"] == "extra_forbidden":
        known = _fields_of(settings, where[:-1])
        near = difflib.get_close_matches(where[-1], known, 1) or [
            f"{table}.{where[-1]}" for table in settings.model_fields if where[-1] in _fields_of(settings, [table])
        ]
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
        return f"{field}: unknown setting; {remedy}"
    shown = "" if isinstance(fault["input"], dict) else f" is {fault['input']!r}"
    if where[:1] in (["providers"], ["agent"]) or where[:2] == ["sip", "users"]:
        shown = ""  # it may be a secret that stands in the wrong place
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    return f"{field}{shown}: {message}"


def _fields_of(settings: type[BaseModel], path: list[str]) -> list[str]:
    model = settings
    for name in path:
        field = model.model_fields.get(name)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        model = field.annotation
    return list(model.model_fields)
