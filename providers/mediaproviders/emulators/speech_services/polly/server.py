"""The emulator as an HTTP server."""

import time
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mediaproviders.emulators.aws import Refusal, verify
from mediaproviders.emulators.speech_services.delivery import GARBAGE, Delivery
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.http_emulator import HttpEmulator
from mediaproviders.emulators.speech_services.polly import requests
from mediaproviders.emulators.speech_services.polly.settings import PollySettings
from mediaproviders.emulators.speech_services.polly.voices import known
from mediaproviders.emulators.speech_services.visits import Visit
from mediaproviders.emulators.speech_services.voice import spoken

_NAMES: Final = {401: "UnrecognizedClientException", 403: "AccessDeniedException", 429: "ThrottlingException"}


class PollyEmulator(HttpEmulator[PollySettings]):
    """A strict emulator of Amazon Polly; an async context manager that listens while it is entered."""

    def __init__(self, settings: PollySettings | None = None) -> None:
        super().__init__(settings or PollySettings(), [Route("/v1/speech", self._answer, methods=["POST"])])
        self._voices, self._languages = known()

    @property
    def url(self) -> str:
        """The endpoint for boto3."""
        return f"http://{self.settings.host}:{self.port}"

    async def _answer(self, request: Request) -> Response:
        visit = self._visits.begin("speech", request.headers.get("x-call"), request.scope.get("client"))
        try:
            body = await request.body()
            self._admit(request, body)
            if fault := visit.strikes("refuse"):
                return _refused(_scripted(fault), fault.retry_after_s)
            return self._speech(request, body, visit)
        except Refusal as refusal:
            visit.note("refused", status=refusal.status, code=refusal.kind)
            return _refused(refusal)

    def _admit(self, request: Request, body: bytes) -> None:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        headers = dict(request.headers)
        signed = verify("POST", target, headers, self.settings.keys, service="polly", now=time.time(), body=body)
        if signed.region != self.settings.region:
            raise Refusal(403, "InvalidSignatureException", "Credential should be scoped to a valid region.")
        if not headers.get("content-type", "").startswith("application/json"):
            raise Refusal(415, "UnsupportedMediaTypeException", "The body has to be application/json.")

    def _speech(self, request: Request, body: bytes, visit: Visit) -> Response:
        try:
            asked_for: Any = orjson.loads(body)
        except ValueError:
            asked_for = None
        asked = requests.speech(asked_for, self._voices, self._languages, self.settings.lexicons)
        visit.asked(asked_for)
        visit.note("response_created")
        if visit.strikes("garbage"):
            return Response(GARBAGE, media_type="text/html")
        audio = spoken(asked.text, asked.encoding, asked.rate, self.settings.ms_per_character)
        bytes_per_ms = asked.rate // 1000 * (2 if asked.encoding == "pcm16" else 1)
        delivery = Delivery(visit, self.settings.pace, lambda: self._server.reset(request.scope.get("client")))
        headers = {"x-amzn-RequestCharacters": str(len(asked.text))}
        kind = f"audio/{asked.output_format}"
        return StreamingResponse(delivery.audio(audio, bytes_per_ms), headers=headers, media_type=kind)


def _scripted(fault: Fault) -> Refusal:
    # Throttling has a status of its own in Amazon's world.
    status = {401: 403, 429: 400}.get(fault.status, fault.status)
    name = fault.code or _NAMES.get(fault.status, "ServiceFailureException")
    return Refusal(status, name, "The emulator was told to refuse this.")


def _refused(refusal: Refusal, retry_after_s: float | None = None) -> Response:
    headers = {name: value for name, value in refusal.headers if name != "content-length"}
    if retry_after_s is not None:
        headers["Retry-After"] = f"{retry_after_s:g}"
    return Response(refusal.body, refusal.status, headers)
