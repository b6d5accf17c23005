"""How much a core keeps: the entries of all containers that can be reached from it."""

from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_PLAIN = (str, bytes, bytearray, int, float, bool, type(None), type, ModuleType, FunctionType, BuiltinFunctionType)


def weight(root: object) -> int:
    """The sum of the lengths of dicts, lists, sets and the like; each object counts once."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    entries = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            entries += len(one)
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)) or hasattr(one, "popleft"):
            entries += len(one)
            waiting += one
        elif isinstance(one, MethodType):
            waiting.append(one.__self__)
        else:
            waiting += _attributes(one)
    return entries


def _attributes(one: object) -> list[Any]:
    found = list(getattr(one, "__dict__", {}).values())
    for kind in type(one).__mro__:
        slots = getattr(kind, "__slots__", ())
        found += [getattr(one, slot) for slot in ((slots,) if isinstance(slots, str) else slots) if hasattr(one, slot)]
    return found
