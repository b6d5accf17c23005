"""An offline model without its models: workers that answer from tables, and audio of two kinds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import Pcm
from mediaproviders.contract import PCMU, Audio, AudioFormat, Brief, Event, ProviderError, ToolSpec
from mediaproviders.hearing.turns import Pace
from mediaproviders.local.conversation import LocalConversation
from mediaproviders.local.receptionist import RECEPTIONIST
from mediaproviders.local.script import Script
from mediaproviders.local.worker import BusyError, Urgency, Workers

MS_PER_LETTER = 50


def voice(ms: int) -> bytes:
    """Something loud, as mu-law."""
    return MU_LAW.encode(np.full(ms * 8, 8000, np.int16))


def silence(ms: int) -> bytes:
    """Nothing, as mu-law."""
    return b"\xff" * (ms * 8)


def turn(ms: int = 800) -> bytes:
    """A turn and the silence that ends it."""
    return voice(ms) + silence(600)


class LoudIsSpeech:
    """A detector: 20 ms frames, speech when loud."""

    frame = 160

    def speech(self, frame: Pcm) -> bool:
        return int(np.abs(frame).max()) > 1000


@dataclass
class TableWorkers:
    """Hears what is in `heard`, in order; says any text with 50 ms a letter. Gates make it wait, flags make it fail."""

    heard: list[str] = field(default_factory=list)
    busy: bool = False
    broken: bool = False
    said: list[str] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    may_say: asyncio.Event = field(default_factory=asyncio.Event)
    may_hear: asyncio.Event = field(default_factory=asyncio.Event)
    at_hand: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.may_say.set()
        self.may_hear.set()

    def known(self, text: str, voice: str, audio: AudioFormat) -> bytes | None:
        return self._sound(text, audio) if text in self.at_hand else None

    async def say(self, text: str, voice: str, audio: AudioFormat, urgency: Urgency) -> bytes:
        self._fail()
        await self.may_say.wait()
        self.said.append(text)
        return self._sound(text, audio)

    async def hear(self, pcm: Pcm, rate: int) -> str:
        self._fail()
        self.recognised.append(len(pcm) * 1000 // rate)
        await self.may_hear.wait()
        return self.heard.pop(0)

    async def load(self) -> None:
        raise BusyError

    def _fail(self) -> None:
        if self.busy:
            raise BusyError
        if self.broken:
            raise ProviderError("it died", code="worker", retryable=True)

    @staticmethod
    def _sound(text: str, audio: AudioFormat) -> bytes:
        return b"\x80" * (len(text) * MS_PER_LETTER * audio.bytes_per_ms)


@dataclass
class Session:
    """A conversation, and the events it gave so far."""

    conversation: LocalConversation
    workers: TableWorkers
    events: list[Event] = field(default_factory=list)

    async def settle(self) -> list[Event]:
        """Let everything happen that needs no more input; what came of it."""
        for _ in range(300):
            await asyncio.sleep(0)
        new, self.events = self.events, []
        return new

    async def hears(self, audio: bytes) -> list[Event]:
        """Send audio in packets of 20 ms."""
        for begin in range(0, len(audio), 160):
            self.conversation.send_audio(audio[begin : begin + 160])
            await asyncio.sleep(0)
        return await self.settle()


def brief(*tools: str, **changes: object) -> Brief:
    """A brief of a telephone leg."""
    specs = tuple(ToolSpec(name, "", {}) for name in tools)
    return Brief("local", "", PCMU, PCMU, tools=specs, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def session(of: Brief, workers: TableWorkers, script: Script = RECEPTIONIST) -> AsyncIterator[Session]:
    """A conversation over `workers`, read from all the time."""
    conversation = LocalConversation(of, script, cast(Workers, workers), "joe", LoudIsSpeech(), Pace())
    talk = Session(conversation, workers)

    async def read() -> None:
        async for event in conversation:
            talk.events.append(event)

    conversation.open()
    reader = asyncio.create_task(read())
    try:
        yield talk
    finally:
        await conversation.close()
        await reader


def kinds(events: list[Event]) -> list[str]:
    """The names of the events' classes."""
    return [type(event).__name__ for event in events]


def only[Kind](events: list[Event], kind: type[Kind]) -> Kind:
    """The one event of `kind`."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def ms_of(events: list[Event]) -> float:
    """Length of the audio among the events."""
    return sum(len(event.data) / 8 for event in events if isinstance(event, Audio))
