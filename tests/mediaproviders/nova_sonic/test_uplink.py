"""The queue before the service."""

import asyncio

import pytest

from mediaproviders.contract import PCM16_8K
from mediaproviders.nova_sonic.uplink import Uplink

CHUNK = 960


def uplink(queue_ms=180):
    return Uplink(PCM16_8K, uplink_ms=60, queue_ms=queue_ms)


async def drained(queue):
    queue.end()
    taken = []
    async with asyncio.timeout(1):
        while (each := await queue.next()) is not None:
            taken.append(each)
    return taken


async def test_audio_leaves_in_chunks():
    queue = uplink()
    queue.add_audio(b"a" * 320)
    queue.add_audio(b"b" * 320)
    queue.add_audio(b"c" * 640)
    queue.add_audio(b"d" * 640)
    assert await drained(queue) == [
        (b"a" * 320 + b"b" * 320 + b"c" * 320, True),
        (b"c" * 320 + b"d" * 640, True),
    ]


async def test_commands_stay_behind_the_audio_before_them():
    queue = uplink()
    queue.add_command(b"open")
    queue.add_audio(b"a" * CHUNK)
    for part in (b"start", b"text", b"end"):
        queue.add_command(part)
    queue.add_audio(b"b" * CHUNK)
    assert [each for each, _ in await drained(queue)] == [
        b"open",
        b"a" * CHUNK,
        b"start",
        b"text",
        b"end",
        b"b" * CHUNK,
    ]


async def test_the_oldest_audio_is_dropped_and_no_command():
    queue = uplink()
    queue.add_command(b"open")
    for letter in (b"a", b"b", b"c", b"d", b"e"):
        queue.add_audio(letter * CHUNK)
        queue.add_command(letter)
    assert queue.dropped_ms == 120
    assert queue.full
    assert [each[:1] for each, _ in await drained(queue)] == [b"o", b"a", b"b", b"c", b"c", b"d", b"d", b"e", b"e"]


async def test_discarded_audio_counts_as_dropped():
    queue = uplink()
    queue.add_audio(b"a" * (CHUNK + 160))
    queue.add_command(b"end")
    queue.discard_audio()
    assert queue.dropped_ms == 70
    assert await drained(queue) == [(b"end", False)]


async def test_waiting_for_the_first():
    queue = uplink()
    waiting = asyncio.create_task(queue.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.add_audio(bytes(CHUNK))
    assert await asyncio.wait_for(waiting, 1) == (bytes(CHUNK), True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.next(), 0.01)
