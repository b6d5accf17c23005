import asyncio

import pytest

from mediaproviders.continuity.outlet import MOST, Outlet
from mediaproviders.contract import Fault
from support.virtual_time import settle, tell


def test_order_and_end():
    async def story():
        outlet = Outlet()
        outlet.put(Fault("1", ""))
        reader = asyncio.gather(*[asyncio.ensure_future(outlet.take())])
        assert (await reader)[0].code == "1"
        waiting = asyncio.create_task(outlet.take())
        await settle()
        outlet.put(Fault("2", ""))
        outlet.put(Fault("3", ""))
        outlet.end(ValueError("over"))
        outlet.end()
        assert (await waiting).code == "2"
        assert (await outlet.take()).code == "3"
        for _ in range(2):
            with pytest.raises(ValueError, match="over"):
                await outlet.take()

    tell(story())


def test_end_wakes_the_reader():
    async def story():
        outlet = Outlet()

        async def read():
            with pytest.raises(StopAsyncIteration):
                await outlet.take()

        waiting = asyncio.create_task(read())
        await settle()
        outlet.end()
        await waiting

    tell(story())


def test_cancelled_reader_loses_nothing():
    async def story():
        outlet = Outlet()
        waiting = asyncio.create_task(outlet.take())
        await settle()
        outlet.put(Fault("1", ""))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await outlet.take()).code == "1"

    tell(story())


def test_a_server_that_does_not_read_is_not_flooded(world):
    async def story():
        async with world() as w:
            w._reader.cancel()
            await settle()
            w.session.does(*[Fault(str(n), "") for n in range(2 * MOST)])
            await asyncio.sleep(1)
            got = []
            taken = w.conversation._outlet._events
            assert len(taken) == MOST
            async with asyncio.timeout(5):
                while len(got) < 2 * MOST:
                    got.append((await anext(w.conversation)).code)
            assert got == [str(n) for n in range(2 * MOST)]
            w._reader = asyncio.create_task(w._read())

    tell(story())
