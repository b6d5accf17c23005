"""What is to be said about an agent: faults, with which it cannot be saved, and warnings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from mediaproviders.advanced.section import nearest


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one setting."""

    field: str
    """Where, as `speech_to_text.service` or `fallback.0.model`."""
    text: str
    """What is wrong and what to do about it."""

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


@dataclass(slots=True)
class Findings:
    """All there is to be said about one agent."""

    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def fault(self, where: str, text: str) -> None:
        """The agent cannot be used so."""
        self.faults.append(Finding(where, text))

    def warn(self, where: str, text: str) -> None:
        """It is allowed, and likely not meant."""
        self.warnings.append(Finding(where, text))


def of_shape(model: type[BaseModel], error: ValidationError) -> list[Finding]:
    """What pydantic found, in our words. A value that may be a secret is not repeated."""
    found = error.errors(include_url=False)
    # A list whose only item is wrong is then "too short" as well: nobody should look for a second fault.
    wrong_items = {fault["loc"][:-1] for fault in found if fault["loc"]}
    return [_finding(model, each) for each in found if each["type"] != "too_short" or each["loc"] not in wrong_items]


def _finding(model: type[BaseModel], fault: Any) -> Finding:
    path = [str(part) for part in fault["loc"] if part != "[key]"]
    where = ".".join(path) or "agent"
    if fault["type"] == "extra_forbidden":
        known = list(_holder(model, fault["loc"][:-1]).model_fields)
        return Finding(where, f"is unknown; {nearest(path[-1], known)}")
    if fault["type"] == "missing":
        return Finding(where, "is missing; give it")
    if fault["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return Finding(where, "has to be an object: keys with values")
    if fault["type"] == "tuple_type":
        return Finding(where, "has to be a list")
    if fault["type"] == "string_pattern_mismatch":
        return Finding(where, _PATTERNS.get(path[-1], fault["msg"]))
    said = fault["msg"].removeprefix("Value error, ").replace("Input should be", "has to be")
    return Finding(where, f"{_shown(model, fault)}{said[:1].lower()}{said[1:]}")


_PATTERNS: Mapping[str, str] = {
    "base_url": 'write a URL with its scheme, as in "https://gateway.example/v1"',
    "endpoint": 'write a URL with its scheme, as in "https://my-resource.openai.azure.com"',
    "name": "has to be without /, @ and :, and without a space at either end; it becomes a SIP address",
}


def _shown(model: type[BaseModel], fault: Any) -> str:
    value, path = fault["input"], fault["loc"]
    if not isinstance(value, str | int | float | bool) or _may_be_secret(model, path):
        return ""
    return f"is {value!r}: "


def _may_be_secret(model: type[BaseModel], path: tuple[int | str, ...]) -> bool:
    names = [part for part in path if isinstance(part, str)]
    if "access" in names or "advanced_configuration" in names:
        return True
    given = _holder(model, path[:-1]).model_fields.get(names[-1] if names else "")
    return given is None or SecretStr in _parts(given.annotation)


def _holder(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel]:
    """The model in which the last name of a location is looked up."""
    for name in path:
        given = model.model_fields.get(str(name))
        if given is not None:
            inner = (
                part for part in _parts(given.annotation) if isinstance(part, type) and issubclass(part, BaseModel)
            )
            model = next(inner, model)
    return model


def _parts(annotation: Any) -> list[Any]:
    inner = [part for each in get_args(annotation) for part in _parts(each)]
    return [annotation, *inner]
