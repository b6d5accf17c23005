"""The live feed of a call as server-sent events: what is said, who speaks, how long answers take, how the line is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from mediaserver.api.permits import ADMIN_KEY, CALL_TOKEN, check_admin
from mediaserver.api.reach import Reach
from mediaserver.api.whip import Whip
from mediaserver.api.whip_request import check_accept, refusal
from mediaserver.call.feed import Reader, Told
from mediaserver.call.web import RefusedError

EVENT_STREAM: Final = "text/event-stream"
BEAT_S: Final = 15.0
"""Silence no proxy on the way takes for a dead connection; and how soon one is found that is."""
GAP_S: Final = 0.1
"""Each piece that is sent costs a fifth of a millisecond: ten a second do for the eye."""
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would collect events before it passes them on
}


def router(reach: Reach) -> APIRouter:
    """The feed of each call: by its WHIP session to its own page, and by its name to who has the admin key."""
    routes, whip = APIRouter(tags=["Events"]), Whip(reach)

    def watched(request: Request, call: str) -> Response:
        check_accept(request, EVENT_STREAM)
        try:
            reader = reach.web.feed(call, _last_read(request))
        except RefusedError as refused:
            raise refusal(refused) from None
        return EventSourceResponse(stream(reader), headers=dict(_HEADERS))

    async def of_session(request: Request, agent: str, session: str) -> Response:
        """What happens in the call, from its beginning to its end."""
        whip.session(request, agent, session)
        return watched(request, session)

    async def of_call(request: Request, call: str) -> Response:
        """The same of any call, whatever way it came, by the name it has in the log; with the admin key."""
        check_admin(request, reach)
        return watched(request, call)

    for path, events, summary, permit in (
        ("/whip/{agent}/{session}/events", of_session, "Watch a call of one's own", CALL_TOKEN),
        ("/api/calls/{call}/events", of_call, "Watch a call", ADMIN_KEY),
    ):
        routes.add_api_route(
            path,
            events,
            methods=["GET"],
            response_class=Response,
            responses={200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}},
            summary=summary,
            dependencies=[permit],
        )
    return routes


async def stream(reader: Reader, beat_s: float = BEAT_S, gap_s: float = GAP_S) -> AsyncIterator[bytes]:
    """The events of `reader` as they go over the wire, with a comment when there are none for `beat_s`.

    What happens within `gap_s` goes together, and of a text that grows only what it has become.
    """
    try:
        yield b": a call\n\n"  # so that the headers leave at once
        while True:
            try:
                async with asyncio.timeout(beat_s):
                    told = await anext(reader)
            except TimeoutError:
                yield b": still here\n\n"
            except StopAsyncIteration:
                return
            else:
                yield written(told) + b"".join(map(written, iter(reader.at_hand, None)))
                await asyncio.sleep(gap_s)
    finally:
        reader.close()


def written(told: Told) -> bytes:
    """One event."""
    data = orjson.dumps({"at": told.at, **told.fields}).decode()
    return format_sse_event(event=told.event, data_str=data, id=str(told.number) if told.number else None)


def _last_read(request: Request) -> int:
    """The event that a client had last, if it comes again (HTML Standard, 9.2.4); 0: none."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
