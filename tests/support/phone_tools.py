"""Tools as an administrator would write them."""

import asyncio


async def opening_hours(day: str, holidays: bool = False) -> dict[str, object]:
    """When the shop is open."""
    return {"day": day, "from": 11 if holidays else 9}


async def broken() -> None:
    """Fails."""
    raise ZeroDivisionError("division by zero")


async def never() -> None:
    """Takes for ever."""
    await asyncio.Event().wait()


def not_async() -> None:
    """Cannot be used: it would block every call."""
