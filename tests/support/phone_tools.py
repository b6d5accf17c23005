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


async def tuple_keys() -> object:
    """Returns what JSON cannot say."""
    return {(1, 2): 3}


async def circular() -> object:
    """Returns itself."""
    found: list[object] = []
    found.append(found)
    return found


async def gives_up() -> None:
    """Is cancelled by its own doing."""
    raise asyncio.CancelledError


async def leaves() -> None:
    """Takes itself for the whole program."""
    raise SystemExit(1)


async def times_out_itself() -> None:
    """Some client library's time is up, not ours."""
    raise TimeoutError("no route")


class Unspeakable:
    """No JSON schema can say what it is."""


async def unspeakable(what: Unspeakable) -> None:
    """Takes what a model cannot give."""


async def unknown_kind(what: "NoSuchKind") -> None:  # type: ignore[name-defined] # noqa: F821
    """Its annotation means nothing."""


def not_async() -> None:
    """Cannot be used: it would block every call."""
