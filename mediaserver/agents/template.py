"""Texts with `{variables}`. Two braces stand for one."""

import re
from collections.abc import Collection, Iterator, Mapping

from mediaproviders.advanced.section import nearest

_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a variable may be called."""
HEADER = "sip_"
"""How the variables begin that hold a header field of the call: they are empty where the call has none."""


def faults(text: str, known: Collection[str]) -> Iterator[str]:
    """What is wrong with a template whose variables are `known`, one clause each."""
    for piece in _PIECE.finditer(text):
        name = piece.group(1)
        if name is not None and name not in known and not name.startswith(HEADER):
            yield f"{{{name}}} is no variable; {nearest(name, list(known))}"
        elif name is None and len(piece.group()) == 1:
            line = text.count("\n", 0, piece.start()) + 1
            here = text[piece.start() : piece.start() + 12].splitlines()[0]
            brace = piece.group()
            yield f"line {line}: {brace} at {here!r} is no variable; write {brace * 2} for a brace"


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced. Raises KeyError for one without a value that is no header field."""

    def value(piece: re.Match[str]) -> str:
        name = piece.group(1)
        if name is None:
            return piece.group()[0]
        return values.get(name, "") if name.startswith(HEADER) else values[name]

    return _PIECE.sub(value, text)
