"""Live feeds as server-sent events: what goes over the wire, when it ends, and who may read."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mediaserver.api.events import stream, written
from mediaserver.call.feed import Feed, Told
from mediaserver.talk.orders import Noted
from support.virtual_time import settle, tell
from support.web_calls import ADMIN_KEY, Office
from support.web_offers import offer


async def begun(office: Office, client: Any) -> str:
    """The location of a call that is answered."""
    posted = asyncio.ensure_future(client.post("/whip/a", content=offer(), headers={"Content-Type": "application/sdp"}))
    await office.asked()
    office.at.ready()
    response = await posted
    await settle()
    return str(response.headers["location"])


def read(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream that is over."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


async def test_a_call_is_told_from_its_beginning_to_its_end() -> None:
    office = Office()
    async with office.client() as client:
        location = await begun(office, client)
        reading = asyncio.ensure_future(client.get(f"{location}/events"))
        await settle()
        assert not reading.done()
        said = {"who": "caller", "item": "i", "text": "Grüße\n\nevent: forged", "final": True}
        office.at.reception.media(Noted(office.at.id, "transcript", 0.0, said))
        await settle()
        await client.delete(location)
        response = await asyncio.wait_for(reading, 5)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store" and response.headers["x-accel-buffering"] == "no"
        events = read(response.text)
        assert [name for name, _ in events] == ["state", "state", "transcript", "state"]
        assert events[2][1]["text"] == said["text"] and events[-1][1]["reason"] == "caller-hung-up"
        assert all(isinstance(event["at"], float) for _, event in events) and office.nothing_left()


async def test_who_may_read() -> None:
    office = Office()
    async with office.client() as client:
        location = await begun(office, client)
        other = {"Authorization": f"Bearer {office.token('b')}"}
        for path, headers, status in (
            (f"{location}/events", {"Authorization": "x"}, 401),
            (f"{location}/events", other, 403),
            (f"{location}/events", {"Accept": "application/json"}, 406),
            ("/whip/a/unknown/events", {}, 404),
        ):
            response = await client.get(path, headers=headers)
            assert response.status_code == status and response.json()["status"] == status
        office.clock += 301
        await client.delete(location)
        assert (await client.get(f"{location}/events")).status_code == 401


async def test_who_comes_again_is_told_what_it_does_not_have() -> None:
    office = Office()
    async with office.client() as client:
        location = await begun(office, client)
        for digit in "123":
            office.at.reception.media(Noted(office.at.id, "digit", 0.0, {"digit": digit}))
        asked = [asyncio.ensure_future(client.get(f"{location}/events", headers={"Last-Event-ID": given}))
                 for given in ("4", "0", "nonsense", "99999999999")]  # fmt: skip
        await settle()
        await client.delete(location)
        heard = [[name for name, _ in read((await asyncio.wait_for(each, 5)).text)] for each in asked]
        whole = ["state", "state", "digit", "digit", "digit", "state"]
        assert heard == [["digit", "state"], whole, whole, whole]


async def test_any_call_by_its_name_for_who_has_the_admin_key() -> None:
    office = Office()
    office.at.talking()  # a phone's
    async with office.client() as client:
        path, key = f"/api/calls/{office.at.id}/events", {"Authorization": f"Bearer {ADMIN_KEY}"}
        assert (await client.get(path)).status_code == 403, "a token for calls is no key"
        assert (await client.get("/api/calls/nobody/events", headers=key)).status_code == 404
        reading = asyncio.ensure_future(client.get(path, headers=key))
        await settle()
        office.at.ended()
        assert [event["state"] for _, event in read((await asyncio.wait_for(reading, 5)).text)] == ["talking", "over"]


async def test_so_many_may_read_at_once() -> None:
    office = Office()
    async with office.client() as client:
        location = await begun(office, client)
        readers = [office.at.reception.web.feed(location.rpartition("/")[2]) for _ in range(8)]
        response = await client.get(f"{location}/events")
        assert response.status_code == 429 and response.headers["retry-after"]
        readers[0].close()
        reading = asyncio.ensure_future(client.get(f"{location}/events"))
        await settle()
        office.at.hang_up()
        assert read((await asyncio.wait_for(reading, 5)).text)[-1][1]["reason"] == "agent-hung-up"


async def following(pieces: AsyncIterator[bytes]) -> bytes:
    return await anext(pieces)


def test_silence_is_filled_and_nothing_is_lost_by_it() -> None:
    async def story() -> None:
        feed = Feed(lambda: 100.0)
        reader = feed.subscribe()
        pieces = stream(reader, beat_s=15.0)
        loop = asyncio.get_running_loop()
        assert (await following(pieces)).startswith(b":")
        began = loop.time()
        assert (await following(pieces)).startswith(b":") and loop.time() - began == pytest.approx(15.0)
        waiting = asyncio.ensure_future(following(pieces))
        await settle()
        feed.tell("digit", 100.0, {"digit": "5"})
        assert await waiting == b'event: digit\ndata: {"at":0.0,"digit":"5"}\nid: 1\n\n'
        feed.end("caller-hung-up")
        assert b'"over"' in await following(pieces)
        with pytest.raises(StopAsyncIteration):
            await following(pieces)

    tell(story())


def test_what_happens_at_once_is_sent_together_and_a_text_that_grows_as_it_is_by_then() -> None:
    async def story() -> None:
        feed = Feed(lambda: 100.0)
        pieces = stream(feed.subscribe(), gap_s=0.1)
        await following(pieces)
        reading = asyncio.ensure_future(_all(pieces))
        for text in ("a", "ab", "abc", "abcd"):
            feed.tell("transcript", 100.0, {"who": "agent", "item": "i", "text": text})
            await asyncio.sleep(0.03)
        feed.tell("digit", 100.0, {"digit": "5"})
        feed.end("caller-hung-up")
        sent = await reading
        assert [[name for name, _ in piece] for piece in sent] == [["transcript"], ["transcript"], ["digit", "state"]]
        assert [piece[0][1].get("text") for piece in sent[:2]] == ["a", "abcd"]

    tell(story())


async def _all(pieces: AsyncIterator[bytes]) -> list[list[tuple[str, dict[str, Any]]]]:
    return [read(piece.decode()) async for piece in pieces]


def test_a_reader_that_is_gone_costs_nothing() -> None:
    async def story() -> None:
        feed = Feed(lambda: 100.0)
        pieces = stream(feed.subscribe())
        await following(pieces)
        assert feed.read
        await pieces.aclose()  # type: ignore[attr-defined]
        assert not feed.read

    tell(story())


def test_one_event_is_one_block_whatever_it_says() -> None:
    block = written(Told("transcript", 1.5, {"text": "a\r\nb\n\nc\u2028d", "final": False}))
    assert block.count(b"\n\n") == 1 and block.endswith(b"\n\n") and block.count(b"data:") == 1
