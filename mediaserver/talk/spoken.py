"""What the agent said, item by item: the text it generated beside the part that was heard. Pure."""

from collections import OrderedDict
from dataclasses import dataclass

_REMEMBERED = 64


@dataclass(slots=True)
class Spoken:
    """One item of the agent."""

    item: str
    text: str = ""
    complete: bool = False
    """The text is the whole of it."""
    over: bool = False
    """Its audio has been played, or cut."""
    broken_off: bool = False
    """The rest was never generated, or never came."""
    heard_share: float | None = None
    """Part of its audio the caller heard, 0-1, if it was cut."""

    @property
    def heard_text(self) -> str:
        """The words heard, by the share of audio heard; whole words only."""
        if self.heard_share is None:
            return self.text
        cut = self.text[: round(len(self.text) * self.heard_share)]
        whole = len(cut) == len(self.text) or not cut or self.text[len(cut)].isspace()
        return cut.strip() if whole else cut.rpartition(" ")[0].strip()


class Record:
    """The items of a conversation that are not yet settled, in order. A settled one is handed out once."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, Spoken] = OrderedDict()

    def text(self, item: str, text: str, final: bool) -> Spoken | None:
        """A piece of text, or (final) the whole; the item if this settles it."""
        spoken = self._of(item)
        if spoken.complete:
            return None
        spoken.text = text if final else spoken.text + text
        spoken.complete = final
        return self._settle(spoken)

    def so_far(self, item: str) -> str:
        """The text of an item that is not settled."""
        return self._of(item).text

    def played(self, item: str) -> Spoken | None:
        """All its audio was played; the item if this settles it."""
        spoken = self._of(item)
        spoken.over = True
        return self._settle(spoken)

    def cut(self, item: str, heard_ms: float, received_ms: float) -> Spoken:
        """It was interrupted: settled, whatever text there is by now."""
        spoken = self._items.pop(item, None) or Spoken(item)
        spoken.over = True
        spoken.heard_share = min(1.0, heard_ms / received_ms) if received_ms > 0 else 0.0
        return spoken

    def broken_off(self, item: str) -> Spoken | None:
        """Its session is gone: what there is of its text is all of it. The item if this settles it."""
        spoken = self._items.get(item)
        if spoken is None or spoken.complete:
            return None
        spoken.broken_off = spoken.complete = True
        return self._settle(spoken)

    def _of(self, item: str) -> Spoken:
        spoken = self._items.get(item)
        if spoken is None:
            spoken = self._items[item] = Spoken(item)
            if len(self._items) > _REMEMBERED:  # text without audio, for ever: a provider that misbehaves
                self._items.popitem(last=False)
        return spoken

    def _settle(self, spoken: Spoken) -> Spoken | None:
        if spoken.complete and spoken.over:
            return self._items.pop(spoken.item, None)
        return None
