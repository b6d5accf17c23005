"""What the service says: one JSON event at a time."""

from typing import Any, Final

import orjson

MARKER: Final = "interrupted"


class MalformedError(ValueError):
    """An event that makes no sense."""


def read(raw: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and fields of an event. Raises MalformedError."""
    try:
        ((kind, fields),) = orjson.loads(raw)["event"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise MalformedError(f"no event: {raw[:80]!r}") from None
    if not isinstance(fields, dict):
        raise MalformedError(f"{kind} without fields")
    return kind, fields


def text(fields: dict[str, Any], name: str) -> str:
    """A field that has to be a text. Raises MalformedError."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{name} is {value!r}"[:120])
    return value


def stage(fields: dict[str, Any]) -> str:
    """How sure a text is: `SPECULATIVE` is what will be said, `FINAL` what was. Unsaid counts as speculative."""
    try:
        value = orjson.loads(fields.get("additionalModelFields") or "{}").get("generationStage")
    except (ValueError, TypeError, AttributeError):
        value = None
    return value if isinstance(value, str) else "SPECULATIVE"


def is_marker(content: str) -> bool:
    """The text is no text but tells that the caller interrupted."""
    if MARKER not in content or not content.lstrip().startswith("{"):
        return False
    try:
        return orjson.loads(content).get(MARKER) is True
    except (ValueError, AttributeError):
        return False


def tokens(fields: dict[str, Any]) -> tuple[int, int, int, int]:
    """New tokens of a usage event: speech and text read, speech and text written. Raises MalformedError."""
    try:
        delta = fields["details"]["delta"]
        read_, written = delta["input"], delta["output"]
        counts = [int(side.get(kind, 0)) for side in (read_, written) for kind in ("speechTokens", "textTokens")]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedError("usageEvent without a delta") from None
    return counts[0], counts[1], counts[2], counts[3]
