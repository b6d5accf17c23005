"""Tokens are issued: to a server that has the admin key and a page of its own, and to the built-in page."""

import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mediaserver.api.origin import address_of, page_of
from mediaserver.api.permits import ADMIN_KEY, check_admin, check_page
from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import Reach
from mediaserver.api.tokens import Token
from mediaserver.config.cross import unknown
from mediaserver.config.http import origin_of


class TokenRequest(BaseModel):
    """What the token is to allow."""

    model_config = ConfigDict(extra="forbid")
    agent: str = Field(description="Who may be called.", examples=["clinic"], max_length=200)
    origin: Annotated[str, AfterValidator(origin_of)] | None = Field(
        None,
        description="The page that may use it, one of `http.origins`; without it, any of those.",
        examples=["https://www.example.com"],
    )
    ttl_s: float | None = Field(
        None, description="Seconds it is good for; without it, `http.token_ttl_s`, which is the most.", ge=1
    )


class PageTokenRequest(BaseModel):
    """For the server's own page."""

    model_config = ConfigDict(extra="forbid")
    agent: str | None = Field(None, description="Who may be called; without it, the default agent.", max_length=200)


class TokenIssued(BaseModel):
    """A token."""

    token: str = Field(description="Send it as `Authorization: Bearer …`.")
    agent: str = Field(examples=["clinic"])
    expires_at: datetime.datetime = Field(description="Until then a call can be begun with it.")
    whip: str = Field(description="Where to post the offer, relative to this address.", examples=["/whip/clinic"])


def router(reach: Reach) -> APIRouter:
    """The two ways to a token."""
    routes = APIRouter(prefix="/api", tags=["Tokens"])
    told: dict[int | str, dict[str, Any]] = {
        401: {"description": "No admin key"},
        403: {"description": "Another key, or none is set"},
        422: {"description": "No such agent, or an origin that is not listed"},
        429: {"description": "Too many requests"},
    }

    @routes.post("/tokens", status_code=201, summary="Issue a token", responses=told, dependencies=[ADMIN_KEY])
    async def tokens(request: Request, response: Response, wanted: TokenRequest) -> TokenIssued:
        """For a page's own server, which shows `http.admin_key` as the bearer token. One token for one call is best."""
        check_admin(request, reach)
        _check_origin(reach, wanted.origin)
        if wanted.ttl_s is not None and wanted.ttl_s > reach.settings.token_ttl_s:
            raise ProblemError(422, f"ttl_s: may be at most {reach.settings.token_ttl_s:g} (http.token_ttl_s)")
        _keep_out_of_caches(response)
        agent = _agent(reach, wanted.agent)
        return _issued(reach.tokens.issue(agent, wanted.origin, wanted.ttl_s))

    @routes.post("/page-token", status_code=201, summary="A token for the server's own page", responses=told)
    async def page_token(request: Request, response: Response, wanted: PageTokenRequest) -> TokenIssued:
        """For the built-in page and no other, as far as `http.page` lets it."""
        reach.rates.take(address_of(request))
        check_page(request, reach)
        _keep_out_of_caches(response)
        agent = reach.default.name if wanted.agent is None else _agent(reach, wanted.agent)
        return _issued(reach.tokens.issue(agent, page_of(request)))

    return routes


def _agent(reach: Reach, name: str) -> str:
    found = reach.agent(name)
    if found is None:
        raise ProblemError(422, f"agent is {name!r}: {unknown('agent', name, [each.name for each in reach.agents])}")
    return found.name


def _check_origin(reach: Reach, origin: str | None) -> None:
    if origin is not None and origin not in reach.settings.origins:
        raise ProblemError(422, f"origin is {origin!r}: add it to http.origins, for its pages are not let in else")


def _keep_out_of_caches(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


def _issued(token: Token) -> TokenIssued:
    expires_at = datetime.datetime.fromtimestamp(token.expires_at, datetime.UTC)
    whip = f"/whip/{quote(token.agent, safe='')}"
    return TokenIssued(token=token.text, agent=token.agent, expires_at=expires_at, whip=whip)
