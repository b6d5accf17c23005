"""The server with a model that is there at once and says nothing: what is left is SIP, and what a call has besides."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from mediaproviders.contract import PCMA, PCMU, Brief, Event, Told, Traits
from mediaserver import log
from mediaserver.app import Server
from mediaserver.config import Settings, load

_TRAITS = Traits(
    input_formats=(PCMU, PCMA),
    output_formats=(PCMU, PCMA),
    server_vad=True,
    hears_speech_start=True,
    can_truncate=True,
    can_cancel=True,
    reversible_interrupt=False,
    text_output=True,
    can_update_instructions=True,
    can_update_tools=True,
    max_connection_s=None,
    resume="none",
    greeting="response",
    uplink_ms=20,
)


class SilentConversation:
    """Takes everything, does nothing."""

    dropped_ms = 0.0
    ending_at: float | None = None

    def __init__(self) -> None:
        self._over = asyncio.Event()

    def send_audio(self, data: bytes) -> None:
        """Nothing."""

    def remember(self, told: Sequence[Told]) -> None:
        """Nothing."""

    def greet(self) -> None:
        """Nothing."""

    def create_response(self) -> None:
        """Nothing."""

    def cancel(self) -> None:
        """Nothing."""

    def truncate(self, item: str, heard_ms: int) -> None:
        """Nothing."""

    def amend(self, item: str, text: str) -> None:
        """Nothing."""

    def send_tool_result(self, call: str, output: str) -> None:
        """Nothing."""

    def send_text(self, text: str) -> None:
        """Nothing."""

    def instruct(self, text: str) -> None:
        """Nothing."""

    def renew(self, reason: str) -> bool:
        """Never."""
        return False

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Nothing, until the call ends."""
        await self._over.wait()
        return
        yield


class SilentProvider:
    """Its sessions need no connection."""

    traits = _TRAITS

    async def start(self) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Nothing."""

    @asynccontextmanager
    async def connect(self, brief: Brief) -> AsyncIterator[SilentConversation]:
        """A session, at once."""
        yield SilentConversation()


class SilentServer(Server):
    """The server as it is composed for production, its agents' models apart."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        silent = SilentProvider()
        self._agents = {name: replace(ready, provider=silent) for name, ready in self._agents.items()}


def main() -> None:
    """Serve the settings of a file until told to stop."""
    import uvloop

    settings = load(Path(sys.argv[1]))
    log.configure(settings.log.format, settings.log.level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(SilentServer(settings).run())


if __name__ == "__main__":
    main()
