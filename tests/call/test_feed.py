import asyncio
from collections.abc import Mapping

import pytest

from mediaserver.call.end import CallEnd, Result
from mediaserver.call.feed import KEPT, READERS, WAITING, Feed, Feeds, Reader, Told, TooManyReadersError
from mediaserver.talk.orders import Noted, Watch
from support.virtual_time import settle, tell

END = CallEnd(Result.COMPLETED, "caller-hung-up")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(feed: Feed, event: str, **fields: object) -> None:
    feed.tell(event, 101.0, fields)


async def read(reader: Reader) -> list[Told]:
    """What there is to read by now."""
    found: list[Told] = []
    while True:
        following = asyncio.ensure_future(anext(reader, None))
        await settle()
        if not following.done():
            following.cancel()
            return found
        event = following.result()
        if event is None:
            return found
        found.append(event)


def names(events: list[Told]) -> list[str]:
    return [each.event for each in events]


def test_whoever_comes_later_is_told_what_was_so_far_and_everyone_what_follows() -> None:
    async def story() -> None:
        clock = Clock()
        feed = Feed(clock)
        feed.tell("state", 100.0, {"state": "connecting"})
        feed.answered(clock.now)
        early = feed.subscribe()
        feed.tell("digit", 101.25, {"digit": "5"})
        late = feed.subscribe()
        clock.now = 103.5
        feed.end("caller-hung-up")
        expected = [
            Told("state", 0.0, {"state": "connecting"}),
            Told("state", 0.0, {"state": "talking"}),
            Told("digit", 1.25, {"digit": "5"}),
            Told("state", 3.5, {"state": "over", "reason": "caller-hung-up"}),
        ]
        assert await read(early) == expected == await read(late)
        assert [each async for each in feed.subscribe()] == expected, "one that is over can still be read, and ends"
        assert not feed.read

    tell(story())


def test_a_reader_is_woken_by_what_happens_and_by_the_end() -> None:
    async def story() -> None:
        feed = Feed(Clock())
        reader = feed.subscribe()
        following = asyncio.ensure_future(anext(reader))
        await settle()
        assert not following.done()
        told(feed, "digit", digit="1")
        assert (await following).fields == {"digit": "1"}
        last = asyncio.ensure_future(anext(reader, None))
        await settle()
        reader.close()
        assert await last is None
        reader.close()
        told(feed, "digit", digit="2")
        assert await anext(reader, None) is None

    tell(story())


def test_a_text_that_grows_and_the_quality_wait_for_a_reader_only_as_they_are_now() -> None:
    async def story() -> None:
        feed = Feed(Clock())
        reader = feed.subscribe()
        for text in ("Hel", "Hello", "Hello there"):
            told(feed, "transcript", who="agent", item="i", text=text, final=False)
            told(feed, "quality", lost=len(text))
        told(feed, "transcript", who="caller", item="i", text="Hi", final=True)
        for events in (await read(reader), await read(feed.subscribe())):
            assert names(events) == ["transcript", "quality", "transcript"]
            assert events[0].fields["text"] == "Hello there" and events[1].fields == {"lost": 11}

    tell(story())


def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    async def story() -> None:
        feed = Feed(Clock())
        slow, fast = feed.subscribe(), feed.subscribe()
        for number in range(WAITING + 10):
            told(feed, "digit", digit=str(number))
            if number % 100 == 0:
                await read(fast)
        events = await read(slow)
        assert events[0] == Told("missed", 0.0, {"count": 10}) and len(events) == WAITING + 1
        assert events[1].fields == {"digit": "10"} and events[-1].fields == {"digit": str(WAITING + 9)}
        assert "missed" not in names(await read(fast))

    tell(story())


def test_what_is_kept_for_those_to_come_is_bounded() -> None:
    async def story() -> None:
        feed = Feed(Clock())
        for number in range(3 * KEPT):
            told(feed, "digit", digit=str(number))
        assert len(feed._history) == KEPT
        events = await read(feed.subscribe())
        assert [each.fields["digit"] for each in (events[0], events[-1])] == [str(2 * KEPT), str(3 * KEPT - 1)]
        assert len(events) == KEPT

    tell(story())


def test_so_many_may_watch_and_again_when_one_has_gone() -> None:
    async def story() -> None:
        feed = Feed(Clock())
        readers = [feed.subscribe() for _ in range(READERS)]
        with pytest.raises(TooManyReadersError):
            feed.subscribe()
        readers[3].close()
        feed.subscribe()

    tell(story())


def test_who_comes_to_a_call_late_is_told_the_time_since_its_answer() -> None:
    async def story() -> None:
        clock = Clock()
        feeds = Feeds([].append, clock)
        clock.now = 160.0
        reader = feeds.of("a", 100.0).subscribe()
        feeds.noted(Noted("a", "digit", 161.5, {"digit": "1"}))
        assert [(each.event, each.at) for each in await read(reader)] == [("state", 0.0), ("digit", 61.5)]

    tell(story())


def test_the_media_plane_is_asked_to_tell_only_of_what_is_watched() -> None:
    async def story() -> None:
        orders: list[Watch] = []
        feeds = Feeds(orders.append, Clock())

        def noted(call: str, **fields: object) -> None:
            given: Mapping[str, object] = fields
            feeds.noted(Noted(call, "digit", 100.5, given))

        noted("a", digit="1")
        feeds.answered("a", 100.0)
        feeds.over("a", END)
        assert not orders and not len(feeds)

        feed = feeds.of("b", None)
        assert feeds.of("b", 99.0) is feed and orders == [Watch("b", on=True)]
        feeds.answered("b", 100.0)
        noted("b", digit="2")
        noted("c", digit="3")
        reader = feed.subscribe()
        feeds.forget_unread("b")
        assert len(feeds) == 1, "it is read"
        feeds.over("b", END)
        events = await read(reader)
        assert names(events) == ["state", "state", "digit", "state"] and not len(feeds)

        feeds.of("d", 99.0)
        feeds.forget_unread("d")
        feeds.forget_unread("d")
        assert orders[1:] == [Watch("d", on=True), Watch("d", on=False)] and not len(feeds)

    tell(story())
