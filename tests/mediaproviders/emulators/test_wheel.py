"""One timer for many sessions: each at its time, and none kept that has left."""

import asyncio
import gc
import time
import weakref

from mediaproviders.emulators.wheel import Wheel


class Member:
    def __init__(self, due):
        self.due = due
        self.ticked = asyncio.Event()

    def next_deadline(self):
        return self.due

    def tick(self, now):
        self.due = None
        self.ticked.set()


async def test_each_is_called_when_it_is_due():
    wheel, now = Wheel(time.monotonic), time.monotonic()
    members = [Member(now + 0.02), Member(now + 0.01), Member(None)]
    for member in members:
        wheel.schedule(member)
    async with asyncio.timeout(5):
        await members[0].ticked.wait()
    assert members[1].ticked.is_set() and not members[2].ticked.is_set()
    wheel.close()


async def test_one_that_has_left_is_neither_called_nor_kept():
    wheel, member = Wheel(time.monotonic), Member(time.monotonic() + 480)
    wheel.schedule(member)
    wheel.remove(member)
    kept = weakref.ref(member)
    del member
    gc.collect()
    assert kept() is None
    wheel.close()


async def test_an_earlier_deadline_counts():
    wheel, now = Wheel(time.monotonic), time.monotonic()
    member = Member(now + 480)
    wheel.schedule(member)
    member.due = now + 0.01
    wheel.schedule(member)
    async with asyncio.timeout(5):
        await member.ticked.wait()
    wheel.close()
