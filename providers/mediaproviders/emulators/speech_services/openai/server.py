"""The emulator as an HTTP server."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mediaproviders.emulators.speech_services.delivery import GARBAGE, Delivery
from mediaproviders.emulators.speech_services.http_emulator import HttpEmulator
from mediaproviders.emulators.speech_services.openai import requests
from mediaproviders.emulators.speech_services.openai.admission import Admission, admit
from mediaproviders.emulators.speech_services.openai.refusal import Refusal, scripted
from mediaproviders.emulators.speech_services.openai.settings import OpenAISpeechSettings
from mediaproviders.emulators.speech_services.openai.wording import BROKEN_EVENT, events, whole
from mediaproviders.emulators.speech_services.recogniser import Recogniser
from mediaproviders.emulators.speech_services.serving import GoneError, Waiting
from mediaproviders.emulators.speech_services.visits import Visit
from mediaproviders.emulators.speech_services.voice import spoken

RATE = 24000
_BYTES_PER_MS = 48


class OpenAISpeechEmulator(HttpEmulator[OpenAISpeechSettings]):
    """A strict emulator of OpenAI's audio endpoints; an async context manager that listens while it is entered."""

    def __init__(self, settings: OpenAISpeechSettings | None = None) -> None:
        routes = [Route("/{path:path}", self._answer, methods=["POST"])]
        super().__init__(settings or OpenAISpeechSettings(), routes)
        self._recogniser = Recogniser(self.settings.hears)

    @property
    def url(self) -> str:
        """The base URL for a client of OpenAI's."""
        return f"{self.azure_url}/v1"

    @property
    def azure_url(self) -> str:
        """The endpoint of the Azure resource."""
        return f"http://{self.settings.host}:{self.port}"

    async def _answer(self, request: Request) -> Response:
        what = request.url.path.rpartition("/")[2]
        visit = self._visits.begin(what, request.headers.get("x-call"), request.scope.get("client"))
        try:
            admission = admit(request.url.path, request.query_params, request.headers, self.settings)
            if fault := visit.strikes("refuse"):
                return _refused(scripted(fault.status, fault.code), fault.retry_after_s)
            if admission.endpoint == "speech":
                return await self._speech(request, admission, visit)
            return await self._transcription(request, admission, visit)
        except Refusal as refusal:
            visit.note("refused", status=refusal.status, code=refusal.code, param=refusal.param)
            return _refused(refusal)
        except GoneError:
            visit.note("closed")
            return Response()

    async def _speech(self, request: Request, admission: Admission, visit: Visit) -> Response:
        try:
            body: Any = orjson.loads(await request.body())
        except ValueError:
            body = None
        asked = requests.speech(body, admission.model)
        visit.asked(body)
        visit.note("response_created")
        if visit.strikes("garbage"):
            return Response(GARBAGE, media_type="text/html")
        audio = spoken(asked.text, "pcm16", RATE, self.settings.ms_per_character)
        pieces = self._delivery(request, visit).audio(audio, _BYTES_PER_MS)
        if asked.events:
            return StreamingResponse(_as_events(pieces, len(asked.text)), media_type="text/event-stream")
        return StreamingResponse(pieces, media_type="audio/pcm")

    async def _transcription(self, request: Request, admission: Admission, visit: Visit) -> Response:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(400, None, "Could not parse multipart form")
        async with request.form() as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            upload = form.get("file")
            file = (upload.filename or "", await upload.read()) if isinstance(upload, UploadFile) else None
        asked = requests.transcription(fields, file, admission.model)
        hearing = self._recogniser.hear(asked.file.audio, asked.file.kind)
        visit.asked({**fields, "ms": hearing.length_ms, "speech_ms": hearing.speech_ms})
        visit.note("committed")
        waiting = Waiting(request)
        await waiting.sleep(self.settings.transcript_ms / 1000)
        await self._delivery(request, visit, waiting.sleep).strike()
        text = "" if visit.strikes("empty") else hearing.text
        if visit.strikes("garbage"):
            if asked.streamed:
                return Response(BROKEN_EVENT, media_type="text/event-stream")
            return Response(GARBAGE, media_type="text/html")
        visit.note("response_done", text=text)
        if not asked.streamed:
            return Response(whole(text, hearing), media_type="application/json")
        words = events(text, hearing, self.settings.delta_words, visit)
        return StreamingResponse(words, media_type="text/event-stream")

    def _delivery(
        self, request: Request, visit: Visit, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> Delivery:
        return Delivery(visit, self.settings.pace, lambda: self._server.reset(request.scope.get("client")), sleep)


async def _as_events(pieces: AsyncGenerator[bytes], characters: int) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        async for piece in pieces:
            audio = base64.b64encode(piece).decode()
            yield b"data: " + orjson.dumps({"type": "speech.audio.delta", "audio": audio}) + b"\n\n"
    usage = {"input_tokens": characters // 4, "output_tokens": characters, "total_tokens": characters // 4 + characters}
    yield b"data: " + orjson.dumps({"type": "speech.audio.done", "usage": usage}) + b"\n\n"


def _refused(refusal: Refusal, retry_after_s: float | None = None) -> Response:
    headers = {} if retry_after_s is None else {"Retry-After": f"{retry_after_s:g}"}
    return Response(orjson.dumps(refusal.body()), refusal.status, headers, media_type="application/json")
