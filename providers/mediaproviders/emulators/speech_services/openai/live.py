"""The emulator of live transcription as a WebSocket server."""

import asyncio
from typing import Final, Self
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from mediaproviders.emulators.speech_services.openai.admission import enter
from mediaproviders.emulators.speech_services.openai.refusal import Refusal, scripted
from mediaproviders.emulators.speech_services.openai.session import Session
from mediaproviders.emulators.speech_services.openai.settings import OpenAISpeechSettings
from mediaproviders.emulators.speech_services.recogniser import Recogniser
from mediaproviders.emulators.speech_services.visits import Visit, Visits
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Endpoint, Listen, refused

_MAX_BYTES: Final = 21 * 1024 * 1024
_CLOSE_S: Final = 1.0
_PATHS: Final = {"/v1/realtime": False, "/openai/v1/realtime": True}
"""Path to whether it is Azure's."""


class OpenAILiveEmulator:
    """A strict emulator of live transcription; an async context manager that listens while it is entered."""

    def __init__(self, settings: OpenAISpeechSettings | None = None) -> None:
        self.settings = settings or OpenAISpeechSettings()
        self._visits = Visits(self.settings)
        self._recogniser = Recogniser(self.settings.hears)
        listen = Listen(self.settings.host, self.settings.port, most_bytes=_MAX_BYTES, close_s=_CLOSE_S)
        self._endpoint = Endpoint(listen, self._enter, self._serve)
        self._entering: dict[ServerConnection, Visit] = {}

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        return self._endpoint.port

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
        await self._endpoint.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._endpoint.close()
        self._visits.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        await self._endpoint.serve_forever()

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
            return refused(refusal.status, orjson.dumps(refusal.body()))
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
