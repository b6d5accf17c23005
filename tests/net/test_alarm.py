"""The one timer of the shell."""

import asyncio
import time

from mediaserver.net.alarm import Alarm


async def test_it_rings_no_later_than_it_is_set_to_and_is_not_moved_back() -> None:
    rung: asyncio.Queue[float] = asyncio.Queue()
    alarm = Alarm(lambda: rung.put_nowait(time.monotonic()))
    alarm.set(time.monotonic() + 60)
    soon = time.monotonic() + 0.02
    alarm.set(soon)
    alarm.set(soon + 60)
    async with asyncio.timeout(5):
        assert await rung.get() >= soon - 0.002
    alarm.set(0.0)
    async with asyncio.timeout(5):
        await rung.get()
    for stop in (lambda: alarm.set(None), alarm.stop, alarm.stop):
        alarm.set(time.monotonic())
        stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rung.empty()
