"""Around all of it: every response is counted, and what no route has caught is told in the log once, and answered."""

import asyncio
from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mediaserver.api.problem import problem

DETAIL = "something is wrong in the server; its log says what"


class LastResort:
    """`responded` is told the status of each response."""

    def __init__(self, app: ASGIApp, responded: Callable[[int], None]) -> None:
        self._app = app
        self._responded = responded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                self._responded(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            pass  # the server stops, and has cut the client off: nobody needs to be told
        except Exception as fault:
            about = {"method": scope.get("method"), "path": scope.get("path", "")[:200]}
            structlog.get_logger().error("http.failed", **about, exc_info=fault)
            if not started:
                await problem(500, DETAIL)(scope, receive, sent)
