"""The application: every route behind one gate, and one way to say no."""

from dataclasses import replace
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from mediaserver.api import agents, events, issue, pages, status, whip
from mediaserver.api.gate import Gate
from mediaserver.api.last_resort import DETAIL, LastResort
from mediaserver.api.origin import Origins
from mediaserver.api.permits import CALL_TOKEN
from mediaserver.api.problem import DESCRIBED, problem
from mediaserver.api.rates import Rates
from mediaserver.api.reach import Reach

_ABOUT: Final = """\
Calls from web pages, and what is to be known of the server.

A page calls by [WHIP](https://www.rfc-editor.org/rfc/rfc9725): it posts an offer to `/whip/{agent}` with a token, which
its own server got by `POST /api/tokens`. Whatever is refused is told as `application/problem+json`
([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)), whose `detail` says what is wrong and what to do about it.
"""


def build(reach: Reach) -> ASGIApp:
    """All that HTTP serves of this server."""
    reach = replace(reach, rates=Rates(reach.settings.per_source))
    app = FastAPI(
        title="mediaserver",
        description=_ABOUT,
        version=reach.version or "0",
        # The documentation pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=DESCRIBED,
        exception_handlers={HTTPException: _refused, RequestValidationError: _invalid, Exception: _failed},
    )
    for each in (status, issue, agents, events, pages):
        app.include_router(each.router(reach))
    app.include_router(whip.router(reach), dependencies=[CALL_TOKEN])
    app.openapi()  # made now, and kept: it takes 20 ms, in which no call could be served
    given = reach.settings
    origins = Origins.of(given.origins)
    gate = Gate(app, origins=origins, rates=reach.rates, most=given.max_body, body_s=given.request_s)
    return LastResort(gate, reach.responded)


async def _refused(request: Request, refused: Exception) -> Response:
    """What a route, or the routing, refuses."""
    assert isinstance(refused, HTTPException)
    detail, headers = refused.detail, refused.headers
    if refused.status_code == 404 and detail == "Not Found":
        detail = f"there is nothing at {request.url.path[:200]}: /openapi.json says what there is"
    elif refused.status_code == 405 and detail == "Method Not Allowed":
        detail = f"{request.method} is not for this address: it takes {(headers or {}).get('Allow', 'other methods')}"
    return problem(refused.status_code, detail, headers)


async def _invalid(request: Request, fault: Exception) -> Response:
    """A body that is not as it has to be: one sentence a fault."""
    assert isinstance(fault, RequestValidationError)
    if isinstance(fault.body, bytes):  # it was not read, for nothing says that it is JSON
        given = request.headers.get("content-type")
        said = "there is no Content-Type" if given is None else f"Content-Type is {given[:100]!r}"
        return problem(422, f"{said}: it has to be application/json")
    return problem(422, "; ".join(_sentence(each["loc"], each["msg"]) for each in fault.errors()))


def _sentence(where: tuple[int | str, ...], message: str) -> str:
    if message == "JSON decode error":  # by then `where` is a place in the text
        return f"the body is no JSON, from character {where[-1]} on"
    field = ".".join(str(part) for part in where if part != "body") or "the body"
    message = message.removeprefix("Value error, ").replace("Input should be", "should be")
    return f"{field}: {message[:1].lower()}{message[1:]}"


async def _failed(request: Request, fault: Exception) -> Response:
    """A bug of ours, which goes on to be told in the log."""
    return problem(500, DETAIL)
