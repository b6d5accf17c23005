"""The SDK's own type annotations, compiled into checks of JSON values.

The SDK describes every client event as nested TypedDicts. A check walks a JSON value beside such an annotation and
raises :class:`Refusal` with the path of the first field that is unknown, absent or of another type.
"""

from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

from mediaproviders.emulators.openai.refusal import Refusal, invalid_value, missing, unknown, wrong_type

type Check = Callable[[object, str], None]

# The service takes null for these although the SDK's types leave it out: it is how they are switched off.
NULLABLE = frozenset({"noise_reduction", "transcription", "previous_item_id", "prompt", "tracing"})
# The same of the interface before GA; Azure's preview does not take null for noise reduction.
NULLABLE |= {"input_audio_transcription", "turn_detection"}
DISCRIMINATORS = ("type", "role")
SCALARS: dict[object, tuple[type | tuple[type, ...], str]] = {
    str: (str, "a string"),
    bool: (bool, "a boolean"),
    int: (int, "an integer"),
    float: ((int, float), "a decimal"),
}


@cache
def check_of(annotation: Any) -> Check:
    """The check for an annotation: TypedDict, Union, Literal, list, dict, scalar; anything else takes every value."""
    if annotation in SCALARS:
        return _scalar(annotation)
    if is_typeddict(annotation):
        return _record(annotation)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _union(get_args(annotation))
    if origin is Literal:
        return _literal(get_args(annotation))
    if origin is dict:
        return _mapping(check_of(get_args(annotation)[1]))
    if origin is not None and get_args(annotation):
        # List, Iterable, Sequence and the SDK's own "sequence but not a string".
        return _array(check_of(get_args(annotation)[0]))
    return _anything


@cache
def fields_of(record: Any) -> Mapping[str, tuple[Any, bool]]:
    """Field name to (annotation, required) of a TypedDict, with the wrappers of requiredness taken off."""
    fields: dict[str, tuple[Any, bool]] = {}
    for name, hint in get_type_hints(record, include_extras=True).items():
        origin: Any = get_origin(hint)
        inner = get_args(hint)[0] if origin in (Required, NotRequired) else hint
        fields[name] = (inner, origin is Required)
    return fields


def literals_of(annotation: Any) -> tuple[object, ...]:
    """Every literal an annotation names, also inside a union."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(value for part in get_args(annotation) for value in literals_of(part))


def _anything(value: object, path: str) -> None:
    del value, path


def _scalar(kind: Any) -> Check:
    accepted, name = SCALARS[kind]

    def check(value: object, path: str) -> None:
        # bool is an int in Python, not in JSON.
        if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
            raise wrong_type(path, name, value)

    return check


def _literal(allowed: tuple[object, ...]) -> Check:
    def check(value: object, path: str) -> None:
        if not any(value == each and type(value) is type(each) for each in allowed):
            raise _not_among(value, path, allowed)

    return check


def _not_among(value: object, path: str, allowed: tuple[object, ...]) -> Refusal:
    named = [f"'{each}'" for each in dict.fromkeys(allowed)]
    listed = " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
    return invalid_value(path, f"Invalid value: '{value}'. Supported values are: {listed}.")


def _array(element: Check) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(path, "an array", value)
        for index, each in enumerate(value):
            element(each, f"{path}[{index}]")

    return check


def _mapping(element: Check) -> Check:
    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        for key, each in value.items():
            element(each, f"{path}.{key}")

    return check


def _record(record: Any) -> Check:
    fields = fields_of(record)

    def check(value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(path, "an object", value)
        prefix = f"{path}." if path else ""
        for name in value:
            if name not in fields:
                raise unknown(prefix + name)
        for name, (annotation, required) in fields.items():
            if name in value:
                if value[name] is not None or name not in NULLABLE:
                    check_of(annotation)(value[name], prefix + name)
            elif required:
                raise missing(prefix + name)

    return check


def _union(members: tuple[Any, ...]) -> Check:
    plain = tuple(each for each in _flattened(members) if each is not NoneType)
    nullable = len(plain) < len(_flattened(members))
    records = tuple(each for each in plain if is_typeddict(each))
    others = tuple(each for each in plain if not is_typeddict(each))

    def check(value: object, path: str) -> None:
        if value is None and nullable:
            return
        if isinstance(value, dict) and records:
            check_of(_chosen(records, value, path))(value, path)
            return
        _any_of(others or records, value, path)

    return check


def _flattened(members: tuple[Any, ...]) -> tuple[Any, ...]:
    flat: list[Any] = []
    for each in members:
        flat.extend(_flattened(get_args(each)) if get_origin(each) in (Union, UnionType) else (each,))
    return tuple(flat)


def _any_of(members: tuple[Any, ...], value: object, path: str) -> None:
    refusal: Refusal | None = None
    for each in members:
        try:
            check_of(each)(value, path)
        except Refusal as refused:
            # A wrong value of the right type says more than a wrong type.
            refusal = refused if refusal is None or refused.code == "invalid_value" else refusal
        else:
            return
    if refusal is not None:
        raise refusal


def _chosen(records: tuple[Any, ...], value: Mapping[str, object], path: str) -> Any:
    """The one TypedDict of a union that `value` claims to be, by its `type` and `role`."""
    candidates = records
    for name in DISCRIMINATORS:
        if len(candidates) == 1:
            break
        tagged = {each: literals_of(fields_of(each)[name][0]) for each in candidates if name in fields_of(each)}
        if not tagged:
            continue
        where = f"{path}.{name}" if path else name
        if name not in value:
            raise missing(where)
        matching = tuple(each for each, tags in tagged.items() if value[name] in tags)
        if not matching:
            allowed = tuple(tag for tags in tagged.values() for tag in tags)
            raise _not_among(value[name], where, allowed)
        candidates = matching
    return candidates[0]
