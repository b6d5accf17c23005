"""The emulator on a real HTTP/2 server: streams and the clock around the sans-I/O sessions."""

import asyncio
import itertools
import re
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import unquote

from mediaproviders.emulators.aws import DuplexServer, Handler, Intake, Refusal, Request, Stream, verify
from mediaproviders.emulators.aws.framing import CONTENT_TYPE
from mediaproviders.emulators.aws.signature import STREAMING
from mediaproviders.emulators.certificates import Certificates, kept
from mediaproviders.emulators.ledger import Ledger
from mediaproviders.emulators.nova.outbox import Finish, StopReading
from mediaproviders.emulators.nova.session import Session
from mediaproviders.emulators.nova.settings import NovaSettings
from mediaproviders.emulators.nova.speaking import Speech
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.wheel import Wheel

_TARGET = re.compile(r"/model/([^/]+)/invoke-with-bidirectional-stream")


class Peer:
    """One stream and its session."""

    def __init__(
        self, stream: Stream, session: Session, intake: Intake, wheel: Wheel, left: Callable[[], None]
    ) -> None:
        self._stream, self._session, self._intake, self._wheel, self._left = stream, session, intake, wheel, left
        self._answered = False
        session.open(time.monotonic())
        wheel.schedule(self)

    def next_deadline(self) -> float | None:
        """When its session has something to do."""
        return self._session.next_deadline()

    def tick(self, now: float) -> None:
        """Have the session do what is due."""
        self._session.handle_timer(now)
        self._flush()

    def received(self, piece: bytes) -> None:
        """A part of the request's body."""
        now = time.monotonic()
        try:
            for event in self._intake.feed(piece, time.time()):
                # The head of the response waits for the first event.
                self._respond()
                self._session.receive(event, now)
        except Refusal as refusal:
            self._refused(refusal, now)
        self._flush()
        self._wheel.schedule(self)

    def ended(self) -> None:
        """The request's body is complete."""
        now = time.monotonic()
        try:
            self._intake.finish()
            self._session.request_ended(now)
        except Refusal as refusal:
            self._refused(refusal, now)
        self._flush()

    def over(self) -> None:
        """The stream is over."""
        self._left()
        self._wheel.remove(self)
        self._session.connection_lost(time.monotonic())

    def _refused(self, refusal: Refusal, now: float) -> None:
        if self._answered and refusal.status == 403:
            self._session.deny(refusal.kind, refusal.message, now)
        elif self._answered:
            self._session.refuse("validationException", refusal.message, now)
        elif not self._session.closed:
            self._session.timeline.note("refused", now, code=refusal.kind, message=refusal.message)
            self._stream.refuse(refusal)
            self._answered = True
            self._session.connection_lost(now)

    def _respond(self) -> None:
        if not self._answered:
            self._answered = True
            self._stream.respond(200, [("content-type", CONTENT_TYPE)])

    def _flush(self) -> None:
        for effect in self._session.effects():
            match effect:
                case bytes():
                    self._respond()
                    self._stream.write(effect)
                case Finish("end"):
                    self._respond()
                    self._stream.end()
                case Finish(how):
                    getattr(self._stream, how)()
                case StopReading(seconds):
                    self._stream.stop_reading()
                    asyncio.get_running_loop().call_later(seconds, self._stream.read_on)


class Refused:
    """Takes the body of a request that was refused."""

    def received(self, piece: bytes) -> None:
        """It is not read."""

    def ended(self) -> None:
        """Nor missed."""

    def over(self) -> None:
        """Nothing to give back."""


class NovaEmulator:
    """A strict emulator of Amazon Nova Sonic; an async context manager that listens while it is entered."""

    def __init__(self, settings: NovaSettings | None = None) -> None:
        self.settings = settings or NovaSettings()
        settings = self.settings
        self.answers = answers = settings.answers()
        self._speech = Speech(answers, settings.pace, 1 if settings.answer_wav else settings.answer_variety)
        self._requests = itertools.count()
        self._numbers = itertools.count()
        self._under_way: set[str] = set()
        self._exit = AsyncExitStack()
        self._certificates: Certificates | None = None
        self._server: DuplexServer | None = None
        self._wheel: Wheel | None = None
        self._ledger: Ledger | None = None

    @property
    def url(self) -> str:
        """The endpoint for a client, `https://localhost:port`."""
        return f"https://localhost:{self.port}"

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return self._server.port

    @property
    def certificates(self) -> Certificates:
        """Its TLS identity; clients have to trust the `authority`. Raises RuntimeError unless it is entered."""
        if self._certificates is None:
            raise RuntimeError("the emulator is not running")
        return self._certificates

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its sessions, oldest first."""
        return tuple(self._ledger.sessions) if self._ledger is not None else ()

    async def __aenter__(self) -> Self:
        settings = self.settings
        self._certificates = self._exit.enter_context(kept(settings.certificates))
        self._wheel = Wheel(time.monotonic)
        self._exit.callback(self._wheel.close)
        self._ledger = settings.ledger()
        self._exit.callback(self._ledger.close)
        self._exit.callback(asyncio.create_task(self._ledger.keep_writing()).cancel)
        server = DuplexServer(settings.host, settings.port, self._certificates.server_context(["h2"]), self._accept)
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
        try:
            return self._admit(request, stream)
        except Refusal as refusal:
            stream.refuse(refusal)
            return Refused()

    def _admit(self, request: Request, stream: Stream) -> Handler:
        settings, number = self.settings, next(self._requests)
        path = _TARGET.fullmatch(request.path)
        if path is None:
            raise Refusal(404, "UnknownOperationException", "There is nothing here.")
        if request.method != "POST" or request.headers.get("content-type") != CONTENT_TYPE:
            raise Refusal(400, "ValidationException", f"A POST with content-type {CONTENT_TYPE} is expected.")
        signed = verify(
            request.method, request.target, request.headers, settings.keys, service="bedrock", now=time.time()
        )
        if request.headers.get("x-amz-content-sha256") != STREAMING:
            raise Refusal(403, "InvalidSignatureException", "The events of this stream have to be signed.")
        model = unquote(path[1])
        if model not in settings.models:
            raise Refusal(400, "ValidationException", "The provided model identifier is invalid.")
        for scripted in settings.refusals:
            if number in scripted.requests:
                raise Refusal(scripted.status, scripted.kind, scripted.message)
        if len(self._under_way) >= settings.sessions_at_once:
            raise Refusal(429, "ThrottlingException", "Too many concurrent streams for this account.")
        return self._open(model, stream, Intake(signed))

    def _open(self, model: str, stream: Stream, intake: Intake) -> Handler:
        assert self._wheel is not None and self._ledger is not None
        timeline = self._ledger.open(str(uuid.uuid4()), None)
        session = Session(self.settings, self._speech, model=model, timeline=timeline, number=next(self._numbers))
        self._under_way.add(timeline.session)
        return Peer(stream, session, intake, self._wheel, lambda: self._under_way.discard(timeline.session))
