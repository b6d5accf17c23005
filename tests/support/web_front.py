"""All of HTTP as a server has it, over a reception whose media plane does what the test says, without a network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from starlette.types import ASGIApp

from mediaserver.api import app
from mediaserver.api.metrics import Metrics
from mediaserver.api.reach import AgentCard, Reach
from mediaserver.api.standing import Standing
from mediaserver.api.tokens import Tokens
from mediaserver.config.http import Http
from support.exchange import Exchange

KEY = "the-admin-key"
PAGE = "https://shop.example"
HERE = "http://127.0.0.1:8080"


class Front:
    """The application with two agents, "a" and "desk b"; `clock` is Unix time for tokens."""

    def __init__(self, *, admin_key: str | None = KEY, **settings: Any) -> None:
        self.at = Exchange(10, fingerprint="sha-256 " + ":".join(["AB"] * 32))
        self.clock = 1_000_000.0
        self.closed: str | None = None
        self.calls = {"udp": 2, "whip": 1}
        self.metrics = Metrics(self.standing)
        given = Http(**({"origins": (PAGE,)} | settings))
        self.tokens = Tokens("secret", given.token_ttl_s, lambda: self.clock)
        self.reach = Reach(
            web=self.at.reception.web,
            tokens=self.tokens,
            settings=given,
            agents=[AgentCard("a", "model-1", default=True), AgentCard("desk b", "model-2")],
            standing=self.standing,
            closed=lambda: self.closed,
            metrics=self.metrics.exposition,
            responded=self.metrics.responded,
            admin_key=admin_key,
            version="1.2.3",
        )
        self.app: ASGIApp = app.build(self.reach)

    def standing(self) -> Standing:
        return Standing(self.calls, 10, 1, 0.25, places=1, phones=3)

    @asynccontextmanager
    async def client(self, source: str = "127.0.0.1", base: str = HERE) -> AsyncIterator[httpx2.AsyncClient]:
        """Somebody at the address `source`, who calls the server `base`."""
        transport = httpx2.ASGITransport(app=self.app, client=(source, 40_000), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=base) as client:
            yield client


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and detail of a refusal, which is of the form of RFC 9457."""
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert told["status"] == response.status_code and told["title"] and set(told) == {"title", "status", "detail"}
    return response.status_code, told["detail"]
