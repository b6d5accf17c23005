"""WHIP (RFC 9725): a browser posts an offer and hears an agent; PATCH is for ICE, DELETE hangs up.

A POST is answered when the agent's model is ready, not before: whatever keeps a call from being taken is then told by
a status. It costs the caller next to nothing: the agent's first words are made while ICE and DTLS are under way.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from mediaserver.api.origin import address_of, page_of
from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import Reach
from mediaserver.api.tokens import TokenError
from mediaserver.api.whip_request import bearer_of, body_of, check_accept, check_type, refusal, unless_gone
from mediaserver.call.web import Begun, RefusedError, WebCalls
from mediaserver.call.web_session import WebSession
from mediaserver.sdp.fragment import LONGEST as LONGEST_FRAGMENT
from mediaserver.sdp.fragment import MEDIA_TYPE as FRAGMENT
from mediaserver.sdp.session import LONGEST as LONGEST_OFFER

SDP: Final = "application/sdp"
EVENTS: Final = "urn:ietf:params:whip:ext:core:server-sent-events"
_SESSION: Final = "/whip/{agent}/{session}"


def router(reach: Reach) -> APIRouter:
    """The endpoint of every agent, and the sessions there are."""
    whip, routes = Whip(reach), APIRouter(tags=["WHIP"])
    offer = {"requestBody": {"required": True, "content": {SDP: {"schema": {"type": "string"}}}}}
    change = {"requestBody": {"required": True, "content": {FRAGMENT: {"schema": {"type": "string"}}}}}
    told: dict[int | str, dict[str, Any]] = {status: {"description": what} for status, what in _STATUSES.items()}
    routes.add_api_route("/whip/{agent}", whip.post, methods=["POST"], status_code=201, response_class=Response,
                         responses=told, openapi_extra=offer, summary="Call an agent")  # fmt: skip
    routes.add_api_route(_SESSION, whip.patch, methods=["PATCH"], status_code=204, response_class=Response,
                         responses=told, openapi_extra=change, summary="Trickle, or restart ICE")  # fmt: skip
    routes.add_api_route(_SESSION, whip.delete, methods=["DELETE"], response_class=Response,
                         responses=told, summary="Hang up")  # fmt: skip
    for path, allowed, accepted in (
        ("/whip/{agent}", "POST, OPTIONS", {"Accept-Post": SDP}),
        (_SESSION, "PATCH, DELETE, OPTIONS", {"Accept-Patch": FRAGMENT}),
    ):
        headers = {"Allow": allowed, **accepted}
        routes.add_api_route(path, _options(headers), methods=["OPTIONS"], include_in_schema=False)
        others = [each for each in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE") if each not in allowed]
        routes.add_api_route(path, _not_allowed(headers), methods=others, include_in_schema=False)
    return routes


_STATUSES: Final = {
    400: "No session description, or no ICE fragment",
    401: "No token, or one that has expired",
    403: "A token for another agent or another page",
    404: "No such agent, or the call is over",
    406: "The client would not take the answer's media type",
    412: "Another ICE session than If-Match says",
    413: "A body that is too long",
    415: "A body of another media type",
    422: "An offer that can be no conversation",
    428: "PATCH without If-Match",
    429: "Too many requests",
    503: "No call can be taken now; Retry-After says when to try again",
}


class Whip:
    """The requests. Each raises ProblemError for what is refused."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    @property
    def _calls(self) -> WebCalls:
        return self._reach.web

    async def post(self, request: Request, agent: str) -> Response:
        """An offer: 201 with the answer, once the agent's model is ready."""
        token = bearer_of(request)
        self._check(token, agent, request)
        check_type(request, SDP, "accept_post")
        check_accept(request, SDP)
        offer = await body_of(request, LONGEST_OFFER)
        about = {"origin": page_of(request) or ""}
        try:
            call = self._calls.begin(agent, offer, address_of(request), about, _digest(token))
            begun = await unless_gone(request, call, lambda begun: self._calls.end(begun.session))
        except RefusedError as refused:
            raise refusal(refused) from None
        if begun is None:
            return Response(status_code=400)  # to nobody
        return Response(begun.sdp, 201, _headers(agent, begun), SDP)

    async def patch(self, request: Request, agent: str, session: str) -> Response:
        """A fragment: 204 for candidates that come later, 200 with ours for a restart of ICE."""
        found = self.session(request, agent, session)
        wanted = request.headers.get("if-match")
        if wanted is None:
            raise ProblemError(428, 'If-Match is missing: give the ETag of the last answer, or "*" to restart ICE')
        check_type(request, FRAGMENT, "accept_patch")
        if wanted.strip() not in ("*", '"*"') and found.etag not in (each.strip() for each in wanted.split(",")):
            raise ProblemError(412, "If-Match is not the ETag of this ICE session: it was restarted since")
        body = await body_of(request, LONGEST_FRAGMENT)
        try:
            ours = await self._calls.restart(found.name, body)
        except RefusedError as refused:
            raise refusal(refused) from None
        if ours is None:
            return Response(status_code=204)
        return Response(ours, 200, {"ETag": found.etag}, FRAGMENT)

    async def delete(self, request: Request, agent: str, session: str) -> Response:
        """The browser hangs up."""
        self.session(request, agent, session).end()
        return Response(status_code=200)

    def session(self, request: Request, agent: str, name: str) -> WebSession:
        """The session of that name, if the request may have to do with it. Raises ProblemError.

        The token that opened it will do although it has expired: calls last longer than tokens.
        """
        token = bearer_of(request)
        try:
            found = self._calls.find(name)
        except RefusedError as refused:
            found, gone = None, refused
        if found is None or not hmac.compare_digest(found.opened_by, _digest(token)):
            self._check(token, agent, request)
        if found is None:
            raise refusal(gone)
        if found.agent != agent:
            raise ProblemError(404, "the call is over, or there never was one of this name")
        return found

    def _check(self, token: str, agent: str, request: Request) -> None:
        try:
            self._reach.tokens.check(token, agent, page_of(request))
        except TokenError as error:
            if error.status == 401:
                challenge = 'Bearer error="invalid_token"'
                raise ProblemError(401, str(error), www_authenticate=challenge) from None
            raise ProblemError(error.status, str(error)) from None


def _headers(agent: str, begun: Begun) -> dict[str, str]:
    location = f"/whip/{quote(agent, safe='')}/{begun.session}"
    link = f'<{location}/events>; rel="{EVENTS}"'
    return {"Location": location, "ETag": begun.etag, "Link": link, "Cache-Control": "no-store"}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _options(headers: dict[str, str]) -> Callable[[], Awaitable[Response]]:
    async def options() -> Response:
        return Response(status_code=200, headers=headers)

    return options


def _not_allowed(headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def not_allowed(request: Request) -> Response:
        detail = f"{request.method} is not for this address: it takes {headers['Allow']}"
        return ProblemError(405, detail, **headers).response()

    return not_allowed
