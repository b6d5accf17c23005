"""The caller's closed turns: whose words are waited for, and what of them the next session would have to hear again."""

from collections.abc import Iterable
from typing import Final

_MOST: Final = 16
"""Turns that are kept; a service that transcribes nothing leaves them all."""


class Turns:
    """Turns by item. Words are waited for `patience_s`; times are in seconds of any one clock."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._wordless: dict[str, float] = {}
        """Since when."""
        self._audio: dict[str, list[bytes]] = {}
        """Of those that have not been answered either."""
        self._again: list[bytes] = []
        """What the current session was given of them and has not closed as a turn of its own."""
        self._lost: list[str] = []
        self.only_again = False
        """That is all it can have heard: nobody is speaking now."""

    def __contains__(self, item: str) -> bool:
        """Its words have not come."""
        return item in self._wordless

    def closed(self, item: str, audio: Iterable[bytes], now: float) -> None:
        """A turn was closed; `audio` is what was heard of it anew."""
        self._wordless[item] = now
        self._audio[item] = [*self._again, *audio]
        self._again, self.only_again = [], False
        for kept in (self._wordless, self._audio):
            if len(kept) > _MOST:
                del kept[next(iter(kept))]

    def worded(self, item: str) -> None:
        """The words of a turn have come."""
        self._wordless.pop(item, None)
        self._audio.pop(item, None)

    def answered(self) -> None:
        """The agent has answered: nothing needs to be heard again."""
        self._audio.clear()
        self._again, self.only_again = [], False

    def awaited(self, now: float) -> list[str]:
        """Turns whose words may still come."""
        return [item for item, since in self._wordless.items() if now - since < self._patience_s]

    def session_lost(self, now: float, *, lingers: bool) -> None:
        """The session is gone, and with it the words it had not told yet, unless it `lingers`."""
        self._lost = [] if lingers else self.awaited(now)

    def hear_again(self, items: Iterable[str], *, speaking: bool) -> list[bytes]:
        """What the next session has to hear because nobody knows what was said in `items`.

        They will be turns of its own. `speaking`: and the caller is speaking now.
        """
        for item in items:
            if (audio := self._audio.get(item)) is not None:
                self._again += audio
                self.worded(item)
        self._audio.clear()
        self.only_again = bool(self._again) and not speaking
        return self._again

    def lost(self) -> list[str]:
        """Turns that were answered, and whose words will not come any more."""
        lost, self._lost = self._lost, []
        return [item for item in lost if item in self._wordless]
