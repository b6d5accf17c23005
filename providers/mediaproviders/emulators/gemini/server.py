"""The emulator on a real WebSocket over TLS."""

import itertools
import secrets
from contextlib import ExitStack
from typing import Self

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from mediaproviders.emulators import certificates
from mediaproviders.emulators.certificates import Certificates
from mediaproviders.emulators.gemini import handshake
from mediaproviders.emulators.gemini.answering import KIND
from mediaproviders.emulators.gemini.memory import Memories
from mediaproviders.emulators.gemini.session import Session
from mediaproviders.emulators.gemini.settings import GeminiSettings
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Host, Listen, refused


class GeminiEmulator:
    """A strict emulator of Gemini Live; an async context manager that listens while it is entered."""

    def __init__(self, settings: GeminiSettings | None = None) -> None:
        self.settings = settings or GeminiSettings()
        self.answers = self.settings.answers()
        self._connections = itertools.count()
        self._tried = itertools.count()
        self._memories = Memories(lambda: secrets.token_urlsafe(16))
        self._host: Host | None = None
        self._certificates: Certificates | None = None
        self._exit = ExitStack()

    @property
    def url(self) -> str:
        """The base URL for a client, `https://host:port`."""
        return f"https://{self.settings.host}:{self.port}"

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        return self._running().port

    @property
    def certificates(self) -> Certificates:
        """Whom a client is to trust. Raises RuntimeError unless it is entered."""
        if self._certificates is None:
            raise RuntimeError("the emulator is not running")
        return self._certificates

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its sessions, oldest first."""
        return tuple(self._host.ledger.sessions) if self._host is not None else ()

    async def __aenter__(self) -> Self:
        settings = self.settings
        self.answers.prepare((KIND,))
        self._certificates = self._exit.enter_context(certificates.kept(settings.certificates))
        listen = Listen(
            settings.host,
            settings.port,
            self._certificates.server_context(),
            "deflate" if settings.compression else None,
        )
        self._host = Host(listen, settings.ledger(), self._process_request, self._begin)
        await self._host.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._host is not None:
            await self._host.close()
        self._exit.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        await self._running().serve_forever()

    def _running(self) -> Host:
        if self._host is None:
            raise RuntimeError("the emulator is not running")
        return self._host

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        admission = self._admit(request)
        if isinstance(admission, handshake.Admission):
            if request.headers.get("Upgrade"):
                scripted = handshake.refusal(next(self._tried), self.settings)
                if scripted is None:
                    return None
                admission = scripted
            else:
                admission = handshake.error(400, "This is a WebSocket endpoint.")
        return refused(admission.status, admission.body)

    def _admit(self, request: Request) -> handshake.Admission | handshake.HttpAnswer:
        headers = request.headers
        return handshake.admit(
            request.path,
            headers.get("x-goog-api-key"),
            headers.get("Authorization"),
            headers.get("X-Call"),
            self.settings,
        )

    def _begin(self, connection: ServerConnection) -> Session:
        assert connection.request is not None
        admission = self._admit(connection.request)
        assert isinstance(admission, handshake.Admission)
        timeline = self._running().ledger.open(f"session-{secrets.token_hex(6)}", admission.call)
        return Session(
            self.settings, self.answers, self._memories, admission, timeline, connection=next(self._connections)
        )
