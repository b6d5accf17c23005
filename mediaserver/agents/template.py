"""Texts with `{variables}`. Two braces stand for one."""

import re
from collections.abc import Collection, Iterator, Mapping

from mediaproviders.advanced.section import nearest

_PIECE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a variable may be called."""


def faults(text: str, known: Collection[str]) -> Iterator[str]:
    """What is wrong with a template whose variables are `known`, one clause each."""
    for piece in _PIECE.finditer(text):
        name = piece.group(1)
        if name is not None and name not in known:
            yield f"{{{name}}} is no variable; {nearest(name, list(known))}"
        elif name is None and len(piece.group()) == 1:
            line = text.count("\n", 0, piece.start()) + 1
            here = text[piece.start() : piece.start() + 12].splitlines()[0]
            brace = piece.group()
            yield f"line {line}: {brace} at {here!r} is no variable; write {brace * 2} for a brace"


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables replaced. Raises KeyError for one without a value."""

    def value(piece: re.Match[str]) -> str:
        name = piece.group(1)
        return values[name] if name is not None else piece.group()[0]

    return _PIECE.sub(value, text)
