"""The emulator on a real socket: HTTP/2 over TLS."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Self

from mediaproviders.emulators import certificates
from mediaproviders.emulators.aws import DuplexServer, Handler, Intake, Refusal, Request, Stream
from mediaproviders.emulators.aws.duplex import ALPN
from mediaproviders.emulators.aws.framing import CONTENT_TYPE
from mediaproviders.emulators.certificates import Certificates
from mediaproviders.emulators.speech_services.recogniser import Recogniser
from mediaproviders.emulators.speech_services.transcribe.recognition import Recognition, scripted
from mediaproviders.emulators.speech_services.transcribe.requests import Worded, admit
from mediaproviders.emulators.speech_services.transcribe.settings import TranscribeSettings
from mediaproviders.emulators.speech_services.visits import Visit, Visits
from mediaproviders.emulators.timeline import Timeline


class TranscribeEmulator:
    """A strict emulator of Amazon Transcribe; an async context manager that listens while it is entered."""

    def __init__(self, settings: TranscribeSettings | None = None) -> None:
        self.settings = settings or TranscribeSettings()
        self._visits = Visits(self.settings)
        self._recogniser = Recogniser(self.settings.hears)
        self._exit = AsyncExitStack()
        self._server: DuplexServer | None = None
        self._certificates: Certificates | None = None

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return self._server.port

    @property
    def url(self) -> str:
        """The endpoint for the SDK."""
        return f"https://localhost:{self.port}"

    @property
    def certificates(self) -> Certificates:
        """Its TLS identity; clients have to trust the `authority`. Raises RuntimeError unless it is entered."""
        if self._certificates is None:
            raise RuntimeError("the emulator is not running")
        return self._certificates

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its streams, oldest first."""
        return self._visits.timelines

    async def __aenter__(self) -> Self:
        self._certificates = self._exit.enter_context(certificates.kept(self.settings.certificates))
        self._exit.callback(self._visits.close)
        tls = self._certificates.server_context(ALPN)
        server = DuplexServer(self.settings.host, self.settings.port, tls, self._accept)
        self._server = await self._exit.enter_async_context(server)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._exit.aclose()
        self._server = self._certificates = None

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        await self._server.serve_forever()

    def _accept(self, request: Request, stream: Stream) -> Handler:
        visit = self._visits.begin("recognition", request.headers.get("x-call"))
        try:
            signed, wanted = admit(request, self.settings, time.time())
            if visit.fault is not None and visit.fault.after_ms == 0 and visit.strikes("refuse"):
                raise scripted(visit.fault)
        except Refusal as refusal:
            visit.note("refused", code=refusal.kind, message=refusal.message)
            stream.refuse(Worded(refusal))
            return _Nobody(visit)
        given = [(name, value) for name, value in request.fields if name.startswith("x-amzn-transcribe-")]
        stream.respond(200, [("content-type", CONTENT_TYPE), *given])
        later = asyncio.get_running_loop().call_later
        return Recognition(self.settings, self._recogniser, wanted, stream, Intake(signed), visit, later)


class _Nobody:
    """Takes what comes on a stream that was refused."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    def received(self, piece: bytes) -> None:
        """Ignore it."""

    def ended(self) -> None:
        """Ignore it."""

    def over(self) -> None:
        """Enter it into the record."""
        self._visit.note("closed")
