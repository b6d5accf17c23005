"""The routes of WHIP and of live feeds, over a reception whose media plane does what the test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from fastapi import FastAPI, Request, Response

from mediaserver.api import events, whip
from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import AgentCard, Reach, Standing
from mediaserver.api.tokens import Tokens
from mediaserver.config.http import Http
from support.exchange import Exchange
from support.virtual_time import settle

CERTIFICATE = "sha-256 " + ":".join(["AB"] * 32)
ADMIN_KEY = "0123456789abcdef"
PAGE = "https://shop.example"


class Office:
    """An exchange with a web front; `clock` is Unix time for tokens."""

    def __init__(self, max_calls: int = 10, **settings: object) -> None:
        self.at = Exchange(max_calls, **{"fingerprint": CERTIFICATE, **settings})
        self.clock = 1_000_000.0
        self.tokens = Tokens("secret", 300.0, lambda: self.clock)
        reach = Reach(
            self.at.reception.web,
            self.tokens,
            Http(),
            [AgentCard("a", "model", default=True)],
            lambda: Standing({}, 0, 0.0, max_calls),
            lambda: None,
            lambda: b"",
            admin_key=ADMIN_KEY,
        )
        self.app = FastAPI()
        self.app.include_router(whip.router(reach))
        self.app.include_router(events.router(reach))
        self.app.add_exception_handler(ProblemError, _told)

    def token(self, agent: str = "a", origin: str | None = None) -> str:
        return self.tokens.issue(agent, origin).text

    async def asked(self) -> None:
        """Until a call is there, whose model is not ready."""
        for _ in range(200):
            if self.at.plane.opened:
                break
            await asyncio.sleep(0)
        await settle()

    def nothing_left(self) -> bool:
        web = self.at.reception.web
        return self.at.nothing_left() and not len(web) and not len(web._line) and not len(self.at.reception._desk.feeds)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """Asks it without a network, as a page that has a token."""
        transport = httpx2.ASGITransport(app=self.app)
        headers = {"Authorization": f"Bearer {self.token()}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
            yield client


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response()
