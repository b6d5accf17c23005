"""What no route has caught: told in the log once, and answered if that can still be done."""

import asyncio

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mediaserver.api.problem import problem

DETAIL = "something is wrong in the server; its log says what"


class LastResort:
    """Around everything that may fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except asyncio.CancelledError:
            pass  # the server stops, and has cut the client off: nobody needs to be told
        except Exception as fault:
            about = {"method": scope.get("method"), "path": scope.get("path", "")[:200]}
            structlog.get_logger().error("http.failed", **about, exc_info=fault)
            if not started:
                await problem(500, DETAIL)(scope, receive, send)
