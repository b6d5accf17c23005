"""What the emulators over HTTP have in common."""

from collections.abc import Sequence
from typing import Self

from starlette.applications import Starlette
from starlette.routing import Route

from mediaproviders.emulators.speech_services.serving import HttpServer
from mediaproviders.emulators.speech_services.settings import SpeechSettings
from mediaproviders.emulators.speech_services.visits import Visits
from mediaproviders.emulators.timeline import Timeline


class HttpEmulator[Settings: SpeechSettings]:
    """An async context manager that answers `routes` while it is entered."""

    def __init__(self, settings: Settings, routes: Sequence[Route]) -> None:
        self.settings = settings
        self._server = HttpServer(Starlette(routes=routes), settings.host, settings.port)
        self._visits = Visits(settings)

    @property
    def port(self) -> int:
        """The TCP port it listens at. Raises RuntimeError unless it is entered."""
        return self._server.port

    @property
    def sessions(self) -> tuple[Timeline, ...]:
        """The timelines of its requests, oldest first."""
        return self._visits.timelines

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.close()
        self._visits.close()

    async def serve_forever(self) -> None:
        """Listen until cancelled or closed."""
        await self._server.serve_forever()
