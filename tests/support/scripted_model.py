"""A model that does what the test says, and writes down what it is told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mediaproviders.contract import PCM16_24K, PCMA, PCMU, Brief, Event, Told, Traits

TRAITS = Traits(
    input_formats=(PCMU, PCMA, PCM16_24K),
    output_formats=(PCMU, PCMA, PCM16_24K),
    server_vad=True,
    hears_speech_start=True,
    can_truncate=True,
    can_cancel=True,
    reversible_interrupt=True,
    text_output=True,
    can_update_instructions=True,
    can_update_tools=True,
    max_connection_s=None,
    resume="none",
    greeting="response",
    uplink_ms=20,
)


class ScriptedConversation:
    """Events are given by `does`; commands are in `told`, audio apart from them in `heard`."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self.told: list[tuple[object, ...]] = []
        self.heard: list[bytes] = []
        self.hears = asyncio.Event()
        self.dropped_ms = 0.0
        self.renewable = False
        self.ending_at: float | None = None

    def does(self, *events: Event | Exception | None) -> None:
        """The next events; an exception is raised, None ends the session."""
        for event in events:
            self._events.put_nowait(event)

    def send_audio(self, data: bytes) -> None:
        self.heard.append(data)
        self.hears.set()

    def remember(self, told: Sequence[Told]) -> None:
        self.told.append(("remember", *told))

    def amend(self, item: str, text: str) -> None:
        self.told.append(("amend", item, text))

    def instruct(self, text: str) -> None:
        self.told.append(("instruct", text))

    def renew(self, reason: str) -> bool:
        self.told.append(("renew", reason))
        return self.renewable

    def greet(self) -> None:
        self.told.append(("greet",))

    def create_response(self) -> None:
        self.told.append(("create",))

    def cancel(self) -> None:
        self.told.append(("cancel",))

    def truncate(self, item: str, heard_ms: int) -> None:
        self.told.append(("truncate", item, heard_ms))

    def send_tool_result(self, call: str, output: str) -> None:
        self.told.append(("result", call, output))

    def send_text(self, text: str) -> None:
        self.told.append(("text", text))

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


class ScriptedProvider:
    """`refuses` is raised instead of a session; `slow_s` is how long connecting takes, `slow_to_leave_s` leaving."""

    def __init__(
        self, *, refuses: Exception | None = None, slow_s: float = 0.0, slow_to_leave_s: float = 0.0, **traits: object
    ) -> None:
        self.traits = replace(TRAITS, **traits)
        self.refuses = refuses
        self.slow_s = slow_s
        self.slow_to_leave_s = slow_to_leave_s
        self.session = ScriptedConversation()
        self.briefs: list[Brief] = []
        self.left = 0

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def connect(self, brief: Brief) -> AsyncIterator[ScriptedConversation]:
        self.briefs.append(brief)
        await asyncio.sleep(self.slow_s)
        if self.refuses is not None:
            raise self.refuses
        try:
            yield self.session
        finally:
            self.left += 1
            await asyncio.sleep(self.slow_to_leave_s)
