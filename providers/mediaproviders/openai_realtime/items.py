"""The items of a session as far as they can be cut: how much came of each, and what stands before it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

ROOT: Final = "root"
"""Stands for the place before the first item."""


@dataclass(slots=True)
class _Item:
    received: int = 0
    """Bytes of audio that came for it."""
    cut: bool = False
    """Cut to what was heard: nothing may be added."""


class AgentItems:
    """What the agent said, by item, in an output format of `bytes_per_ms`."""

    def __init__(self, bytes_per_ms: int) -> None:
        self._bytes_per_ms = bytes_per_ms
        self._items: dict[str, _Item] = {}

    def add_audio(self, item: str, size: int) -> bool:
        """`size` bytes came for `item`. False: it has been cut, and they are void."""
        said = self._items.get(item)
        if said is None:
            said = self._items[item] = _Item()
        if said.cut:
            return False
        said.received += size
        return True

    def add_words(self, item: str) -> bool:
        """Words came for `item`. False: it has been cut, and they are void."""
        return self.add_audio(item, 0)

    def truncate(self, item: str, heard_ms: int) -> int | None:
        """Cut `item` to what was heard. Returns the ms to tell the service, or None if there is nothing to cut."""
        said = self._items.get(item)
        if said is None:
            return None
        received_ms = said.received // self._bytes_per_ms
        if said.cut and heard_ms >= received_ms:
            return None
        # More than it sent is an error to the service, and a bot that stays silent ever after in some.
        heard_ms = max(0, min(heard_ms, received_ms))
        said.received = heard_ms * self._bytes_per_ms
        said.cut = True
        return heard_ms

    def cut(self, item: str) -> bool:
        """Close `item` to what still comes. False: it is none of the agent's."""
        said = self._items.get(item)
        if said is not None:
            said.cut = True
        return said is not None


class Order:
    """The order of all items, as the service tells it; kept so that one can be put where another was."""

    def __init__(self, ids: Callable[[int], str] = "heard_{}".format) -> None:
        self._order: list[str] = []
        self._stands_for: dict[str, str] = {}
        self._ids = ids

    def added(self, item: str, after: str | None) -> None:
        """The service put `item` behind another; one that is not known counts as the last."""
        if item in self._order:
            return
        place = self._order.index(after) + 1 if after in self._order else len(self._order)
        self._order.insert(place, item)

    def deleted(self, item: str) -> None:
        """The service took `item` out."""
        if item in self._order:
            self._order.remove(item)

    def replace(self, item: str) -> tuple[str, str, str] | None:
        """Put a new item in the place of one. Returns the id to delete, the id to create, and the one before it."""
        old = self._stands_for.get(item, item)
        if old not in self._order:
            return None
        new = self._ids(len(self._stands_for) + 1) if old == item else f"{old}a"
        place = self._order.index(old)
        self._order[place] = self._stands_for[item] = new
        return old, new, self._order[place - 1] if place else ROOT

    def remove(self, item: str) -> str | None:
        """Take an item out. Returns the id to delete."""
        old = self._stands_for.get(item, item)
        if old not in self._order:
            return None
        self._order.remove(old)
        return old
