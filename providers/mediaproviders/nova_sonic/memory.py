"""What was said before, as the service takes it: text blocks of alternating roles, the caller's first."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mediaproviders.contract import Said, Told

MOST_BYTES: Final = 40 * 1024
MOST_PART_BYTES: Final = 1024
MOST_BLOCKS: Final = 40
OPENING: Final = "(The caller is on the line.)"
"""Stands before an agent that spoke first."""


@dataclass(frozen=True, slots=True)
class Block:
    """One thing said, in parts the service takes."""

    role: str
    parts: tuple[str, ...]


def blocks(told: Iterable[Told]) -> list[Block]:
    """The newest of what was told that fits. Tools are left out: the service has no history of them."""
    merged: list[tuple[str, str]] = []
    for each in told:
        if not isinstance(each, Said) or not (text := each.text.strip()):
            continue
        role = "ASSISTANT" if each.speaker == "agent" else "USER"
        if each.speaker == "system":
            text = f"(Note: {text})"
        if merged and merged[-1][0] == role:
            merged[-1] = role, f"{merged[-1][1]}\n{text}"
        else:
            merged.append((role, text))
    kept = _newest(merged)
    if kept and kept[0][0] == "ASSISTANT":
        kept.insert(0, ("USER", OPENING))
    return [Block(role, tuple(parts(text))) for role, text in kept]


def _newest(merged: list[tuple[str, str]]) -> list[tuple[str, str]]:
    room, kept = MOST_BYTES - len(OPENING), list[tuple[str, str]]()
    for role, text in reversed(merged[-(MOST_BLOCKS - 1) :]):
        size = len(text.encode())
        if size > room:
            text = _end_of(text, room)
            if text:
                kept.append((role, text))
            break
        room -= size
        kept.append((role, text))
    return kept[::-1]


def _end_of(text: str, size: int) -> str:
    return text.encode()[-size:].decode(errors="ignore") if size > 0 else ""


def parts(text: str, size: int = MOST_PART_BYTES) -> Iterable[str]:
    """`text` in parts of at most `size` bytes, cut between words where there are any."""
    rest = text.encode()
    while len(rest) > size:
        end = rest.rfind(b" ", 1, size) + 1 or size
        # Never within a character.
        while end > 1 and rest[end] & 0xC0 == 0x80:
            end -= 1
        yield rest[:end].decode()
        rest = rest[end:]
    if rest:
        yield rest.decode()
