"""A WebSocket server that plays OpenAI's Realtime API by a script: each connection is handed to the next scene."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from ssl import SSLContext
from types import TracebackType
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class Scene:
    """One connection, from the server's side; what the client sent is kept in `got`."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.got: list[dict[str, Any]] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "event_id": "e", **fields}))

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next message that is not audio (unless audio is asked for); it has to be a `kind`."""
        while True:
            message = json.loads(await asyncio.wait_for(self.socket.recv(), 20))
            self.got.append(message)
            if kind == message["type"] or message["type"] != "input_audio_buffer.append":
                assert message["type"] == kind, f"{message['type']} instead of {kind}"
                return message

    async def nothing_more(self) -> None:
        """A ping is answered and nothing but audio came before the pong."""
        pong = await self.socket.ping()
        await asyncio.wait_for(pong, 20)
        try:
            while True:
                message = json.loads(await asyncio.wait_for(self.socket.recv(), 0.01))
                assert message["type"] == "input_audio_buffer.append", message
        except TimeoutError:
            return

    async def open(self) -> dict[str, Any]:
        """The handshake of a session; returns the session the client asked for."""
        await self.send("session.created", session={"id": "s"})
        session = (await self.expect("session.update"))["session"]
        await self.send("session.updated", session=session)
        return session

    async def audio(self, response: str, item: str, data: bytes, words: str = "") -> None:
        if words:
            await self.send("response.output_audio_transcript.delta", response_id=response, item_id=item, delta=words)
        delta = base64.b64encode(data).decode()
        await self.send("response.output_audio.delta", response_id=response, item_id=item, delta=delta)

    async def created(self, response: str) -> None:
        await self.send("response.created", response={"id": response, "status": "in_progress"})

    async def done(self, response: str, status: str = "completed", **details: Any) -> None:
        await self.send("response.done", response={"id": response, "status": status, **details})

    async def until_closed(self) -> None:
        try:
            async for raw in self.socket:
                self.got.append(json.loads(raw))
        except ConnectionClosed:
            pass


type Script = Callable[[Scene], Awaitable[None]]


class ScriptedOpenAI:
    """Serves `scripts`, one per connection; a number refuses the handshake with that status.

    What a script raises is raised again on leaving. The connection is closed with 1000 when its script returns.
    """

    def __init__(self, *scripts: Script | int, body: bytes = b"", tls: SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._body = body
        self._server: Server | None = None
        self._failures: list[BaseException] = []
        self.requests: list[Request] = []
        self.scenes: list[Scene] = []

    @property
    def url(self) -> str:
        assert self._server is not None
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/v1"

    async def __aenter__(self) -> "ScriptedOpenAI":
        self._server = await serve(
            self._play, "127.0.0.1", 0, process_request=self._admit, close_timeout=0.2, ssl=self._tls
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()
        if self._failures:
            raise self._failures[0] from error

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if not self._scripts:
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "no more scenes")
        script = self._scripts[0]
        if not isinstance(script, int):
            return None
        self._scripts.pop(0)
        response = socket.respond(HTTPStatus(script), "")
        response.body = self._body
        del response.headers["Content-Length"]
        response.headers["Content-Length"] = str(len(self._body))
        return response

    async def _play(self, socket: ServerConnection) -> None:
        script = self._scripts.pop(0)
        assert not isinstance(script, int)
        scene = Scene(socket)
        self.scenes.append(scene)
        try:
            await script(scene)
        except Exception as failure:
            self._failures.append(failure)
            await socket.close(4000, "the script failed")
