"""The live feed of a call: what happens in it, told to anybody who watches, from what was told so far to its end."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from mediaserver.call.end import CallEnd
from mediaserver.talk.orders import Noted, Watch

KEPT: Final = 500
"""Events of a call that are told to who comes later. Of more, the oldest are left out."""
WAITING: Final = KEPT
"""Events that may wait for one reader. Of more, the oldest are left out, and it is told how many."""
READERS: Final = 8
"""Of one call at once."""


@dataclass(frozen=True, slots=True)
class Told:
    """`event` happened `at` seconds after the answer."""

    event: str
    at: float
    fields: Mapping[str, object] = field(default_factory=dict)
    number: int = field(default=0, compare=False)
    """Its place among all of its feed, from 1; 0: it is for one reader."""


class TooManyReadersError(Exception):
    """As many watch the call as may."""


class _Backlog:
    """Told and not yet read. What a later event says anew is not kept twice: a text that grew, the quality since."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers = count()
        self._waiting: OrderedDict[Hashable, Told] = OrderedDict()
        self.missed = 0
        """Events left out."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, told: Told) -> None:
        key = _subject(told)
        if key is None:
            key = next(self._numbers)
        else:
            self._waiting.pop(key, None)
        self._waiting[key] = told
        if len(self._waiting) > self._most:
            self._waiting.popitem(last=False)
            self.missed += 1

    def pop(self) -> Told:
        return self._waiting.popitem(last=False)[1]

    def all(self) -> tuple[Told, ...]:
        return tuple(self._waiting.values())


def _subject(told: Told) -> Hashable | None:
    """What it is about, if the newest word on that is all that counts; None: it counts for itself."""
    match told.event:
        case "quality":
            return told.event
        case "transcript":
            return told.event, told.fields.get("who"), told.fields.get("item")
        case _:
            return None


class Reader:
    """One who watches. An iterator that ends with the call; `close` it when nobody reads on."""

    def __init__(self, feed: "Feed") -> None:
        self._feed = feed
        self._backlog = _Backlog(WAITING)
        self._woken = asyncio.Event()
        self._over = False

    def __aiter__(self) -> AsyncIterator[Told]:
        return self

    async def __anext__(self) -> Told:
        """The next event; "missed" {count} where some were left out. It may be cancelled without loss."""
        while (told := self.at_hand()) is None:
            if self._over:
                raise StopAsyncIteration
            self._woken.clear()
            await self._woken.wait()
        return told

    def at_hand(self) -> Told | None:
        """The next event, if there is one already."""
        if self._backlog.missed:
            missed, self._backlog.missed = self._backlog.missed, 0
            return Told("missed", self._feed.seconds_now(), {"count": missed})
        return self._backlog.pop() if self._backlog else None

    def close(self) -> None:
        """Read no more; safe to call twice."""
        self._feed.leave(self)
        self.end()

    def tell(self, told: Told) -> None:
        """For the feed: something happened."""
        self._backlog.add(told)
        self._woken.set()

    def end(self) -> None:
        """For the feed: nothing more will happen."""
        self._over = True
        self._woken.set()


class Feed:
    """What happens in one call. `clock` gives monotonic seconds, as events are told by."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answered: float | None = None
        self._history = _Backlog(KEPT)
        self._readers: list[Reader] = []
        self._told = 0
        self.over = False

    @property
    def read(self) -> bool:
        """Somebody is watching."""
        return bool(self._readers)

    def subscribe(self, after: int = 0) -> Reader:
        """Watch: what was told so far comes first, `after` what the reader has. Raises TooManyReadersError."""
        if len(self._readers) >= READERS:
            raise TooManyReadersError(f"{READERS} are watching this call already: close one of their feeds first")
        reader = Reader(self)
        for told in self._history.all():
            if told.number > after:
                reader.tell(told)
        if self.over:
            reader.end()
        else:
            self._readers.append(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Somebody watches no more."""
        if reader in self._readers:
            self._readers.remove(reader)

    def seconds_now(self) -> float:
        """Seconds since the answer; 0 before."""
        return self._seconds(self._clock())

    def answered(self, at: float) -> None:
        """The call was answered `at` (monotonic seconds): there its time begins."""
        self._answered = at
        self.tell("state", at, {"state": "talking"})

    def tell(self, event: str, at: float, fields: Mapping[str, object]) -> None:
        """`event` happened `at` (monotonic seconds)."""
        self._told += 1
        told = Told(event, self._seconds(at), fields, self._told)
        self._history.add(told)
        for reader in self._readers:
            reader.tell(told)

    def end(self, reason: str) -> None:
        """The call is over."""
        self.tell("state", self._clock(), {"state": "over", "reason": reason})
        self.over = True
        readers, self._readers = self._readers, []
        for reader in readers:
            reader.end()

    def _seconds(self, at: float) -> float:
        return 0.0 if self._answered is None else round(at - self._answered, 3)


class Feeds:
    """Those of all calls that are watched, by the call's name. `order` asks the media plane to tell, or no longer."""

    def __init__(self, order: Callable[[Watch], None], clock: Callable[[], float]) -> None:
        self._order = order
        self._clock = clock
        self._feeds: dict[str, Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def of(self, call: str, answered_at: float | None) -> Feed:
        """The feed of a call that is not over, from now on if it was not watched before.

        `answered_at`: when it was answered, in monotonic seconds; None: it was not yet.
        """
        feed = self._feeds.get(call)
        if feed is None:
            feed = self._feeds[call] = Feed(self._clock)
            if answered_at is None:
                feed.tell("state", self._clock(), {"state": "connecting"})
            else:
                feed.answered(answered_at)
            self._order(Watch(call, on=True))
        return feed

    def forget_unread(self, call: str) -> None:
        """Nobody has come to watch: have nothing told."""
        feed = self._feeds.get(call)
        if feed is not None and not feed.read:
            del self._feeds[call]
            self._order(Watch(call, on=False))

    def noted(self, noted: Noted) -> None:
        """The media plane tells something."""
        feed = self._feeds.get(noted.call)
        if feed is not None:
            feed.tell(noted.what, noted.at, noted.fields)

    def answered(self, call: str, at: float) -> None:
        """A call was answered `at` (monotonic seconds)."""
        feed = self._feeds.get(call)
        if feed is not None:
            feed.answered(at)

    def over(self, call: str, end: CallEnd) -> None:
        """A call has ended."""
        feed = self._feeds.pop(call, None)
        if feed is not None:
            feed.end(end.reason)
