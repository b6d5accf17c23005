"""The emulator on a real WebSocket."""

import itertools
import secrets
import time
from collections.abc import Callable
from typing import Self

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from mediaproviders.emulators.openai import handshake
from mediaproviders.emulators.openai.session import Session
from mediaproviders.emulators.openai.settings import EmulatorSettings
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Host, Listen, refused

# 15 MiB of audio in base64, and the JSON around it.
MAX_FRAME_BYTES = 21 * 1024 * 1024


class OpenAIEmulator:
    """A strict emulator of a service that speaks OpenAI's realtime protocol; which one is a setting.

    It is an async context manager that listens while it is entered.
    """

    def __init__(self, settings: EmulatorSettings | None = None) -> None:
        self.settings = settings or EmulatorSettings()
        self.answers = self.settings.answers()
        self._connections = itertools.count()
        self._tried = itertools.count()
        self._host: Host | None = None

    @property
    def url(self) -> str:
        """The base URL for the provider of its dialect: `http://host:port/v1`, or an Azure resource's endpoint."""
        return f"http://{self.settings.host}:{self.port}{self.settings.service.base}"

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        return self._running().port

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its sessions, oldest first."""
        return tuple(self._host.ledger.sessions) if self._host is not None else ()

    async def __aenter__(self) -> Self:
        # Only the telephone's own format: the others are made at their first use.
        self.answers.prepare(("audio/pcmu",))
        settings = self.settings
        listen = Listen(settings.host, settings.port, most_bytes=MAX_FRAME_BYTES)
        self._host = Host(listen, settings.ledger(), self._process_request, self._begin)
        await self._host.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._host is not None:
            await self._host.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled. Raises RuntimeError unless it is entered."""
        await self._running().serve_forever()

    def _running(self) -> Host:
        if self._host is None:
            raise RuntimeError("the emulator is not running")
        return self._host

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        admission = self._admit(request)
        if isinstance(admission, handshake.Admission) and request.headers.get("Upgrade"):
            scripted = handshake.refusal(next(self._tried), self.settings)
            if scripted is None:
                return None
            admission = scripted
        if isinstance(admission, handshake.Admission):
            admission = handshake.error(400, "invalid_request", "This is a WebSocket endpoint.", self.settings)
        after = {} if admission.retry_after_s is None else {"Retry_After": str(admission.retry_after_s)}
        return refused(admission.status, admission.body, **after)

    def _admit(self, request: Request) -> handshake.Admission | handshake.HttpAnswer:
        return handshake.admit(request.path, request.headers, self.settings)

    def _begin(self, connection: ServerConnection) -> Session:
        assert connection.request is not None
        admission = self._admit(connection.request)
        assert isinstance(admission, handshake.Admission)
        ids = _ids()
        return Session(
            self.settings,
            self.answers,
            model=admission.model,
            ids=ids,
            timeline=self._running().ledger.open(ids("sess"), admission.call),
            expires_at=int(time.time() + self.settings.lifetime_s),
            connection=next(self._connections),
        )


def _ids() -> Callable[[str], str]:
    """Ids of one session: random as a whole, then counted, which costs next to nothing."""
    stem, numbers = secrets.token_hex(6), itertools.count(1)
    return lambda prefix: f"{prefix}_{stem}{next(numbers):05x}"
