"""The emulator of live transcription as a WebSocket server."""

import asyncio
import logging
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from mediaproviders.emulators.speech_services.openai.admission import enter
from mediaproviders.emulators.speech_services.openai.refusal import Refusal, scripted
from mediaproviders.emulators.speech_services.openai.session import Session
from mediaproviders.emulators.speech_services.openai.settings import OpenAISpeechSettings
from mediaproviders.emulators.speech_services.recogniser import Recogniser
from mediaproviders.emulators.speech_services.visits import Visit, Visits
from mediaproviders.emulators.timeline import Timeline

_MAX_BYTES: Final = 21 * 1024 * 1024
_CLOSE_S: Final = 1.0
_PATHS: Final = {"/v1/realtime": False, "/openai/v1/realtime": True}
"""Path to whether it is Azure's."""

# The library reports every refused handshake and every lost peer; here they are part of the script.
_quiet = logging.getLogger(__name__)
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class OpenAILiveEmulator:
    """A strict emulator of live transcription; an async context manager that listens while it is entered."""

    def __init__(self, settings: OpenAISpeechSettings | None = None) -> None:
        self.settings = settings or OpenAISpeechSettings()
        self._visits = Visits(self.settings)
        self._recogniser = Recogniser(self.settings.hears)
        self._server: Server | None = None
        self._entering: dict[ServerConnection, Visit] = {}

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """The base URL for a client of OpenAI's."""
        return f"{self.azure_url}/v1"

    @property
    def azure_url(self) -> str:
        """The endpoint of the Azure resource."""
        return f"http://{self.settings.host}:{self.port}"

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its sessions, oldest first."""
        return self._visits.timelines

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            self.settings.host,
            self.settings.port,
            process_request=self._enter,
            compression=None,
            max_size=_MAX_BYTES,
            close_timeout=_CLOSE_S,
            logger=_quiet,
        )
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        self._visits.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        await self._server.serve_forever()

    def _enter(self, connection: ServerConnection, request: Request) -> Response | None:
        visit = self._visits.begin("live", request.headers.get("x-call"))
        try:
            url = urlsplit(request.path)
            if url.path not in _PATHS:
                raise Refusal(404, None, f"Invalid URL (GET {url.path})")
            enter(request.headers, self.settings, azure=_PATHS[url.path])
            if parse_qs(url.query).get("intent") != ["transcription"]:
                raise Refusal(400, "missing_model", "This emulator has transcription sessions alone.", "intent")
            if fault := visit.strikes("refuse"):
                raise scripted(fault.status, fault.code)
        except Refusal as refusal:
            visit.note("refused", status=refusal.status, code=refusal.code)
            visit.note("closed")
            body = orjson.dumps(refusal.body())
            headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body))})
            return Response(refusal.status, "Refused", headers, body)
        self._entering[connection] = visit
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        visit = self._entering.pop(connection)
        assert connection.request is not None
        azure = _PATHS[urlsplit(connection.request.path).path]
        session = Session(self._recogniser, self.settings.deployments.get if azure else lambda name: name)
        try:
            await connection.send(session.opened().decode())
            async for message in connection:
                for answer in session.receive(message):
                    event = orjson.loads(answer)
                    if event["type"] == "error":
                        visit.note("refused", code=event["error"]["code"], param=event["error"]["param"])
                    await connection.send(answer.decode())
                    if event["type"] == "input_audio_buffer.committed":
                        await self._transcribe(connection, session, visit)
        except ConnectionClosed:
            pass
        finally:
            visit.note("closed")

    async def _transcribe(self, connection: ServerConnection, session: Session, visit: Visit) -> None:
        visit.asked(session.configured)
        visit.note("committed")
        fault = visit.strikes("stall")
        await _unless_gone(connection, fault.seconds if fault else self.settings.transcript_ms / 1000)
        if visit.strikes("reset"):
            connection.transport.abort()
            return
        if visit.strikes("truncate"):
            await connection.close(1011, "as told by the fault script")
            return
        for _ in range(30 if visit.strikes("garbage") else 0):
            await connection.send("<html><body><h1>502 Bad Gateway</h1></body></html>")
        if visit.strikes("unknown_events"):
            await connection.send('{"type":"conversation.dream.delta","delta":"zzz"}')
        events = list(session.transcribed(empty=visit.strikes("empty") is not None))
        if visit.strikes("wrong_order"):
            events.reverse()
        for event in events:
            await connection.send(event.decode())
        visit.note("response_done")


async def _unless_gone(connection: ServerConnection, seconds: float) -> None:
    """Wait; no longer than the client."""
    try:
        async with asyncio.timeout(seconds):
            await connection.wait_closed()
    except TimeoutError:
        return
