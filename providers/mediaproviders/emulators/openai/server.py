"""The emulator on a real WebSocket: sockets and the clock around the sans-I/O sessions."""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Callable
from typing import Self

from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.ledger import Ledger
from mediaproviders.emulators.openai import handshake
from mediaproviders.emulators.openai.outbox import Close, Effect, Reset, StopReading
from mediaproviders.emulators.openai.session import Session
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.wheel import Wheel

# 15 MiB of audio in base64, and the JSON around it.
MAX_FRAME_BYTES = 21 * 1024 * 1024
FLUSH_S = 1.0
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
REASONS |= {429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}

# The library reports every refused handshake and every lost peer; here they are part of the script.
_quiet = logging.getLogger(__name__)
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


class DirectConnection(ServerConnection):
    """Hands whole text frames to a listener as they arrive: no queue and no task to wake for each of them."""

    listener: Callable[[bytes | bytearray | memoryview], None] | None = None
    """Who takes them; None: they are for `recv`, as all others."""

    def process_event(self, event: Event) -> None:
        """Take one incoming frame."""
        if self.listener is not None and isinstance(event, Frame):
            if event.opcode is Opcode.TEXT and event.fin:
                self.listener(event.data)
                return
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                # From the first fragment on, everything takes the long way: the order of messages is kept.
                self.listener = None
        super().process_event(event)


class Peer:
    """One connection and its session."""

    def __init__(self, connection: DirectConnection, session: Session, wheel: Wheel) -> None:
        self._connection = connection
        self._session = session
        self._wheel = wheel
        self._closing: asyncio.Task[None] | None = None

    def next_deadline(self) -> float | None:
        """When its session has something to do."""
        return self._session.next_deadline()

    def tick(self, now: float) -> None:
        """Have the session do what is due."""
        self._session.handle_timer(now)
        self.flush()

    def flush(self) -> None:
        """Carry out what the session wants done."""
        for effect in self._session.effects():
            self._carry_out(effect)

    async def converse(self) -> None:
        """Read until the connection ends."""
        connection = self._connection
        connection.listener = self._receive
        self._session.open(time.monotonic())
        self.flush()
        self._wheel.schedule(self)
        try:
            while True:
                # Only what the listener leaves: binary frames and fragmented messages.
                message = await connection.recv()
                if isinstance(message, str):
                    self._receive(message)
                else:
                    self._session.receive_binary(time.monotonic())
                    self.flush()
        except ConnectionClosed:
            pass
        finally:
            connection.listener = None
            self._wheel.remove(self)
            self._session.connection_lost(time.monotonic())
            if self._closing is not None:
                await self._closing

    def _receive(self, frame: str | bytes | bytearray | memoryview) -> None:
        self._session.receive(frame, time.monotonic())
        self.flush()
        self._wheel.schedule(self)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case str() | bytes():
                # The library's synchronous way to send: no task, and no waiting for a slow client.
                broadcast((self._connection,), effect)
            case Close():
                self._closing = asyncio.ensure_future(self._connection.close(effect.code, effect.reason))
            case Reset():
                self._connection.transport.abort()
            case StopReading():
                self._connection.transport.pause_reading()
                asyncio.get_running_loop().call_later(effect.seconds, self._read_again)

    def _read_again(self) -> None:
        if not self._connection.transport.is_closing():
            self._connection.transport.resume_reading()


class OpenAIEmulator:
    """A strict emulator of a service that speaks OpenAI's realtime protocol; which one is a setting.

    It is an async context manager that listens while it is entered.
    """

    def __init__(self, settings: EmulatorSettings | None = None) -> None:
        self.settings = settings or EmulatorSettings()
        self.answers = Answers(
            self.settings.pace,
            wav=self.settings.answer_wav,
            duration_ms=self.settings.answer_ms,
            seed=self.settings.seed,
            variety=self.settings.answer_variety,
        )
        self._connections = itertools.count()
        self._tried = itertools.count()
        self._server: Server | None = None
        self._wheel: Wheel | None = None
        self._ledger: Ledger | None = None
        self._flusher: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base URL for the provider of its dialect: `http://host:port/v1`, or an Azure resource's endpoint."""
        return f"http://{self.settings.host}:{self.port}{self.settings.service.base}"

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its sessions, oldest first."""
        return tuple(self._ledger.sessions) if self._ledger is not None else ()

    async def __aenter__(self) -> Self:
        # Only the telephone's own format: the others are made at their first use.
        self.answers.prepare(("audio/pcmu",))
        self._wheel = Wheel(time.monotonic)
        self._ledger = Ledger(
            path=self.settings.timeline_path,
            record=self.settings.record,
            log_size=self.settings.log_size,
            sessions_kept=self.settings.sessions_kept,
        )
        self._server = await serve(
            self._serve,
            self.settings.host,
            self.settings.port,
            process_request=self._process_request,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            create_connection=DirectConnection,
            logger=_quiet,
        )
        self._flusher = asyncio.create_task(self._flush())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is None or self._wheel is None or self._ledger is None or self._flusher is None:
            return
        self._flusher.cancel()
        self._server.close()
        await self._server.wait_closed()
        self._wheel.close()
        self._ledger.close()
        self._server = None

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        if self._server is None:
            raise RuntimeError("the emulator is not running")
        await self._server.serve_forever()

    async def _flush(self) -> None:
        while self._ledger is not None:
            await asyncio.sleep(FLUSH_S)
            self._ledger.flush()

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        admission = self._admit(request)
        if isinstance(admission, handshake.Admission) and request.headers.get("Upgrade"):
            refused = handshake.refusal(next(self._tried), self.settings)
            if refused is None:
                return None
            admission = refused
        if isinstance(admission, handshake.Admission):
            admission = handshake.error(400, "invalid_request", "This is a WebSocket endpoint.", self.settings)
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(admission.body))})
        headers["Connection"] = "close"
        if admission.retry_after_s is not None:
            headers["Retry-After"] = str(admission.retry_after_s)
        return Response(admission.status, REASONS.get(admission.status, "Error"), headers, admission.body)

    def _admit(self, request: Request) -> handshake.Admission | handshake.HttpAnswer:
        return handshake.admit(request.path, request.headers, self.settings)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None and self._wheel is not None and self._ledger is not None
        admission = self._admit(connection.request)
        assert isinstance(admission, handshake.Admission)
        ids = _ids()
        session = Session(
            self.settings,
            self.answers,
            model=admission.model,
            ids=ids,
            timeline=self._ledger.open(ids("sess"), admission.call),
            expires_at=int(time.time() + self.settings.lifetime_s),
            connection=next(self._connections),
        )
        assert isinstance(connection, DirectConnection)
        await Peer(connection, session, self._wheel).converse()


def _ids() -> Callable[[str], str]:
    """Ids of one session: random as a whole, then counted, which costs next to nothing."""
    stem, numbers = secrets.token_hex(6), itertools.count(1)
    return lambda prefix: f"{prefix}_{stem}{next(numbers):05x}"
