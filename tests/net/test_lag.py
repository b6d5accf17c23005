"""When an event loop has more to do than it can, and when it has not."""

import asyncio
import time

from mediaserver.net.lag import LoopLag

HELD_S = 0.3


async def looks(lag: LoopLag, count: int, *, held: bool) -> None:
    """Until the lag was looked at so often, the loop being held up before each if so."""
    for _ in range(count):
        if held:
            time.sleep(HELD_S)  # noqa: ASYNC251  # as something would that must not
        before = lag._due
        async with asyncio.timeout(60):
            while lag._due == before:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


async def test_one_moment_is_forgiven_and_a_loop_that_is_late_all_the_time_is_late() -> None:
    lag = LoopLag(asyncio.get_running_loop())
    try:
        assert lag.seconds == 0.0
        await looks(lag, 3, held=False)
        calm = lag.seconds
        await looks(lag, 1, held=True)
        assert lag.seconds <= max(calm, 0.15)
        await looks(lag, 3, held=True)
        assert lag.seconds >= 0.15
        async with asyncio.timeout(60):
            while lag.seconds >= 0.1:
                await looks(lag, 1, held=False)
    finally:
        lag.close()
