"""What every request passes before a route sees it: whose page it is, how often it asks, how much it brings.

Pages elsewhere are answered by the CORS protocol (fetch.spec.whatwg.org). A preflight of any page is let through and
the request itself refused, so that the page can read why: nothing here goes by cookies, so that tells nobody anything.
"""

import asyncio
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mediaserver.api.origin import Origins, address_of, page_of
from mediaserver.api.problem import ProblemError
from mediaserver.api.rates import Rates

_SHARED: Final = ("/whip/", "/api/")
"""What pages elsewhere may ask for; the softphone's files may be read by all, the rest by none."""
_ALLOWED_METHODS: Final = "GET, POST, PATCH, DELETE, OPTIONS"
_ALLOWED_HEADERS: Final = "Authorization, Content-Type, If-Match, Last-Event-ID"
_EXPOSED: Final = "Location, ETag, Link, Retry-After, WWW-Authenticate, Accept-Post, Accept-Patch"
_PREFLIGHT_S: Final = "600"
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Gate:
    """In front of `app`. `most` octets are taken of a body, and `body_s` seconds waited for it."""

    def __init__(self, app: ASGIApp, *, origins: Origins, rates: Rates, most: int, body_s: float) -> None:
        self._app = app
        self._origins = origins
        self._rates = rates
        self._most = most
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        page = page_of(request) if scope["path"].startswith(_SHARED) else None
        if page is not None:
            send = _readable(send, page)
            if scope["method"] == "OPTIONS" and "access-control-request-method" in request.headers:
                await _preflight()(scope, receive, send)
                return
        try:
            self._admit(request, page)
            if scope["method"] in _WITH_BODY:
                receive = await self._body(request, receive)
        except ProblemError as refused:
            await refused.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, request: Request, page: str | None) -> None:
        """Raise ProblemError for a page that may not, or an address that asks too often."""
        if page is not None and not self._origins.allow(request, page):
            raise ProblemError(403, f"pages of {page[:200]} may not call here: add it to http.origins")
        if request.method == "POST" and request.scope["path"].startswith("/whip/"):
            self._rates.take(address_of(request))

    async def _body(self, request: Request, receive: Receive) -> Receive:
        """All of the body, to be received again. Raises ProblemError: 413, 408, or 400 for half of one."""
        length = request.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:12]) > self._most:
            raise _too_large(self._most)
        octets, more = bytearray(), True
        try:
            async with asyncio.timeout(self._body_s):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise ProblemError(400, "the request broke off before its end", connection="close")
                    octets += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(octets) > self._most:
                        raise _too_large(self._most)
        except TimeoutError:
            raise ProblemError(
                408, f"the body did not arrive within {self._body_s:g} s (http.request_s)", connection="close"
            ) from None
        return _again(bytes(octets), receive)


def _too_large(most: int) -> ProblemError:
    return ProblemError(413, f"the body is longer than {most} octets (http.max_body)", connection="close")


def _again(body: bytes, receive: Receive) -> Receive:
    """The body in one piece, and then what follows it."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _readable(send: Send, page: str) -> Send:
    """The response may be read by `page`."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Access-Control-Allow-Origin"] = page
            headers["Access-Control-Expose-Headers"] = _EXPOSED
            headers.add_vary_header("Origin")
        await send(message)

    return sent


def _preflight() -> Response:
    headers = {
        "Access-Control-Allow-Methods": _ALLOWED_METHODS,
        "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        "Access-Control-Max-Age": _PREFLIGHT_S,
    }
    return Response(status_code=204, headers=headers)
