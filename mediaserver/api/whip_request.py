"""What every request of WHIP is asked: its media types, its size, whether it is still wanted (RFC 9725 4, RFC 9110)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from mediaserver.api.problem import ProblemError
from mediaserver.call.web import RefusedError


def refusal(refused: RefusedError) -> ProblemError:
    """The refusal of a call, as HTTP tells it."""
    if refused.retry_after is None:
        return ProblemError(refused.status, str(refused))
    return ProblemError(refused.status, str(refused), retry_after=str(refused.retry_after))


def check_type(request: Request, wanted: str, header: str) -> None:
    """Raise ProblemError (415) for a body of another media type; `header` is the one that names what is taken."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != wanted:
        said = f"Content-Type is {given[:80]!r}" if given else "the request has no Content-Type"
        raise ProblemError(415, f"{said}: it has to be {wanted}", **{header: wanted})


def check_accept(request: Request, offered: str) -> None:
    """Raise ProblemError (406) when the client would not take the only media type there is (RFC 9110 12.5.1)."""
    accept = request.headers.get("accept", "")
    kind = offered.partition("/")[0]
    if not accept.strip():
        return
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        refused = any(part.replace(" ", "").rstrip("0") in ("q=", "q=0.") for part in parameters)
        if name in (offered, f"{kind}/*", "*/*") and not refused:
            return
    raise ProblemError(406, f"Accept is {accept[:80]!r}: the response would be {offered}")


async def body_of(request: Request, most: int) -> bytes:
    """The body. Raises ProblemError: 413 for more than `most` octets, of which no more are read; 400 for half of it."""
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:12]) > most:
        raise _too_large(most)
    octets = bytearray()
    try:
        async for chunk in request.stream():
            octets += chunk
            if len(octets) > most:
                raise _too_large(most)
    except ClientDisconnect:
        raise ProblemError(400, "the request broke off before its end") from None
    return bytes(octets)


def _too_large(most: int) -> ProblemError:
    return ProblemError(413, f"the body is longer than {most} octets", connection="close")


def bearer_of(request: Request) -> str:
    """The bearer token (RFC 6750 2.1). Raises ProblemError (401)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ProblemError(401, "Authorization is missing: send Bearer and a token", www_authenticate="Bearer")
    return token.strip()


async def unless_gone[T](request: Request, work: Coroutine[Any, Any, T], undo: Callable[[T], None]) -> T | None:
    """Do `work` while the client waits for it; None if it has gone away. The body has to be read before.

    Then the work is cancelled, or undone by `undo` if it has just been done. Who waits for a call and leaves has hung
    up, and HTTP has no other word for it than the end of the connection.
    """
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((doing, gone), return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return None
        done = doing.result()
        if gone.done():
            undo(done)
            return None
        return done
    finally:
        gone.cancel()
        doing.cancel()
        await asyncio.wait((doing, gone))


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
