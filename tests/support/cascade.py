"""A cascade without its services: a text model by script, ears and a voice from tables."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from mediaproviders.cascade import Cascade
from mediaproviders.contract import (
    PCMU,
    AgentTranscript,
    Audio,
    AudioFormat,
    Brief,
    Conversation,
    Event,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Told,
)
from mediaproviders.hearing import Pace
from mediaproviders.openai_chat import TRAITS
from mediaproviders.outbox import Outbox
from support.localmodel import LoudIsSpeech

MS_PER_LETTER = 20


class ScriptedText:
    """A text model's session: notes what it is told, answers with `answers`, in order, or as the test emits."""

    def __init__(self, answers: Sequence[str] = ()) -> None:
        self.traits = TRAITS
        self.answers = deque(answers)
        self.told: list[tuple[Any, ...]] = []
        self.brief: Brief | None = None
        self.started = self.closed = 0
        self._numbers = count(1)
        self._outbox = Outbox(1)
        self._open = ""

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1

    @asynccontextmanager
    async def connect(self, brief: Brief) -> AsyncIterator[Conversation]:
        self.brief = brief
        yield self
        self._outbox.close()

    # --- what the model does

    def emit(self, *events: Event) -> None:
        for event in events:
            self._outbox.put(event)

    def begin(self, *pieces: str) -> str:
        """Begin an answer and write pieces of it; its number."""
        self._open = str(next(self._numbers))
        self.emit(ResponseStarted(f"r{self._open}"))
        self.write(*pieces)
        return self._open

    def write(self, *pieces: str) -> None:
        self.emit(*(AgentTranscript(f"i{self._open}", piece, final=False) for piece in pieces))

    def end(self, status: Any = "completed", reason: str | None = None) -> None:
        number, self._open = self._open, ""
        self.emit(ResponseDone(f"r{number}", status, reason))

    def fail(self, error: ProviderError) -> None:
        self._outbox.close(error)

    def of(self, command: str) -> list[tuple[Any, ...]]:
        """What was told by one command."""
        return [each[1:] for each in self.told if each[0] == command]

    # --- what it is told

    def _answer(self) -> None:
        if self.answers:
            self.begin(self.answers.popleft())
            self.end()

    def send_text(self, text: str) -> None:
        self.told.append(("text", text))
        self._answer()

    def instruct(self, text: str) -> None:
        self.told.append(("instruct", text))
        self._answer()

    def create_response(self) -> None:
        self.told.append(("create",))
        self._answer()

    def greet(self) -> None:
        assert self.brief is not None
        if self.brief.greeting:
            self.begin(self.brief.greeting)
            self.end()

    def cancel(self) -> None:
        self.told.append(("cancel",))
        if self._open:
            self.end("cancelled")

    def amend(self, item: str, text: str) -> None:
        self.told.append(("amend", item, text))

    def remember(self, told: Sequence[Told]) -> None:
        self.told.append(("remember", *told))

    def send_tool_result(self, call: str, output: str) -> None:
        self.told.append(("result", call, output))
        self._answer()

    def renew(self, reason: str) -> bool:
        self.told.append(("renew", reason))
        return True

    def send_audio(self, data: bytes) -> None:
        raise AssertionError("a text model was sent audio")

    def truncate(self, item: str, heard_ms: int) -> None:
        raise AssertionError("a text model was told of audio")

    dropped_ms = 0.0
    ending_at: float | None = None

    def __aiter__(self) -> AsyncIterator[Event]:
        return self._outbox.events()


@dataclass
class TableEars:
    """Hears what is in `heard`, in order; an exception there is raised. A gate makes it wait."""

    heard: list[str | BaseException] = field(default_factory=list)
    formats: tuple[AudioFormat, ...] = (PCMU,)
    utterances: list["TableUtterance"] = field(default_factory=list)
    may_finish: asyncio.Event = field(default_factory=asyncio.Event)
    started: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.may_finish.set()

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1

    def begin(self, form: AudioFormat) -> "TableUtterance":
        self.utterances.append(TableUtterance(self, form))
        return self.utterances[-1]


class TableUtterance:
    def __init__(self, ears: TableEars, form: AudioFormat) -> None:
        self._ears = ears
        self.form = form
        self.audio = b""
        self.state = "open"

    @property
    def ms(self) -> float:
        return len(self.audio) / self.form.bytes_per_ms

    def push(self, audio: bytes) -> None:
        assert self.state == "open"
        self.audio += audio

    async def finish(self) -> str:
        self.state = "finishing"
        await self._ears.may_finish.wait()
        text = self._ears.heard.pop(0)
        if isinstance(text, BaseException):
            raise text
        self.state = "finished"
        return text

    async def discard(self) -> None:
        self.state = "discarded"


@dataclass
class TableVoice:
    """Says any text with 20 ms a letter, in two pieces. `faults` has what goes wrong with the texts, in order.

    A fault: an exception before any audio, or after the first `piece`; `hang`; `nothing`; None for none.
    """

    formats: tuple[AudioFormat, ...] = (PCMU,)
    faults: deque[Any] = field(default_factory=deque)
    said: list[str] = field(default_factory=list)
    closed_early: list[str] = field(default_factory=list)
    may_say: asyncio.Event = field(default_factory=asyncio.Event)
    started: int = 0
    closed: int = 0

    def __post_init__(self) -> None:
        self.may_say.set()

    async def start(self) -> None:
        self.started += 1

    async def close(self) -> None:
        self.closed += 1

    async def speak(self, text: str, form: AudioFormat) -> AsyncIterator[bytes]:
        self.said.append(text)
        fault = self.faults.popleft() if self.faults else None
        over = False
        try:
            await self.may_say.wait()
            if isinstance(fault, BaseException):
                raise fault
            size = len(text) * MS_PER_LETTER * form.bytes_per_ms
            if fault != "nothing":
                yield b"\x80" * (size // 2)
                if isinstance(fault, tuple):
                    raise fault[0]
                if fault == "hang":
                    await asyncio.Event().wait()
                yield b"\x80" * (size - size // 2)
            over = True
        finally:
            if not over:
                self.closed_early.append(text)


@dataclass
class Stage:
    """A conversation, what it is made of, and the events it gave so far."""

    conversation: Conversation
    text: ScriptedText
    ears: TableEars
    voice: TableVoice
    events: list[Event] = field(default_factory=list)
    error: ProviderError | None = None

    async def settle(self) -> list[Event]:
        """Let everything happen that needs no more input; what came of it."""
        for _ in range(200):
            await asyncio.sleep(0)
        new, self.events = self.events, []
        return new

    async def hears(self, audio: bytes, packet: int = 160) -> list[Event]:
        """Send audio in packets."""
        for begin in range(0, len(audio), packet):
            self.conversation.send_audio(audio[begin : begin + packet])
            await asyncio.sleep(0)
        return await self.settle()


def brief(**changes: Any) -> Brief:
    """A brief of a telephone leg."""
    return Brief(**({"model": "m", "instructions": "", "input_format": PCMU, "output_format": PCMU} | changes))


@asynccontextmanager
async def stage(
    answers: Sequence[str] = (),
    heard: Sequence[str | BaseException] = (),
    *,
    of: Brief | None = None,
    ears: TableEars | None = None,
    voice: TableVoice | None = None,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """A conversation, read from all the time."""
    text, voice = ScriptedText(answers), voice or TableVoice()
    ears = ears or TableEars()
    ears.heard = list(heard)
    cascade = Cascade(text, ears, voice, pace=Pace(), detector=LoudIsSpeech, **settings)
    async with cascade.connect(of or brief()) as conversation:
        talk = Stage(conversation, text, ears, voice)

        async def read() -> None:
            try:
                async for event in conversation:
                    talk.events.append(event)
            except ProviderError as error:
                talk.error = error

        reader = asyncio.create_task(read())
        yield talk
    await reader


def sound_ms(events: list[Event], item: str | None = None) -> float:
    """Length of the audio among the events, as mu-law."""
    return sum(len(event.data) / 8 for event in events if isinstance(event, Audio) and item in (None, event.item))
