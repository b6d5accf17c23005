"""A caller of Gemini Live: the adapter, an emulator behind it, and what came of it."""

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
from google.genai._live_converters import _LiveServerMessage_from_vertex
from google.genai.types import LiveServerMessage

from mediacodecs.pcm import Pcm, to_bytes
from mediaproviders.contract import PCM16_16K, PCM16_24K, Brief, Event
from mediaproviders.emulators.answers import Answers, babble
from mediaproviders.emulators.gemini import GeminiEmulator, GeminiSettings, Pace, Timeline
from mediaproviders.emulators.gemini.handshake import Admission
from mediaproviders.emulators.gemini.memory import Memories
from mediaproviders.emulators.gemini.session import Session
from mediaproviders.emulators.websocket import Close
from mediaproviders.gemini_live import GeminiLive

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
QUICK = Pace(first_audio_ms=60.0, deltas_ms=(40,), rate=5.0)
CHUNK = 640  # 20 ms


class Loud:
    """Anything loud is speech."""

    frame = 256

    def speech(self, frame: Pcm) -> bool:
        return float(np.abs(frame.astype(np.int32)).mean()) > 300


def settings(**fields: Any) -> GeminiSettings:
    return GeminiSettings(**{"pace": QUICK, "answer_ms": 400, "transcription_ms": 30.0, **fields})


def brief(**fields: Any) -> Brief:
    return Brief(**{"model": MODEL, "instructions": "Be brief.", "input_format": PCM16_16K, **fields}, **_FORMAT)


_FORMAT: dict[str, Any] = {"output_format": PCM16_24K}


def provider(emulator: GeminiEmulator, **options: Any) -> GeminiLive:
    fields = {"api_key": "AIza-test", "base_url": emulator.url, "tls": emulator.certificates.client_context()}
    return GeminiLive(**{**fields, "open_timeout_s": 5.0, "detector": Loud, **options})


def speech(ms: int) -> bytes:
    return to_bytes(babble(99, 3000, 16000)[: ms * 16])


def silence(ms: int) -> bytes:
    return bytes(32 * ms)


class Call:
    """Speaks, and collects what the model does."""

    def __init__(self, conversation: Any) -> None:
        self.conversation = conversation
        self.events: list[Event] = []
        self.error: Exception | None = None
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for event in self.conversation:
                self.events.append(event)
                self._changed.set()
        except Exception as error:
            self.error = error
        self._changed.set()

    def say(self, audio: bytes) -> None:
        """Faster than real time: the service's clock is the audio."""
        for offset in range(0, len(audio), CHUNK):
            self.conversation.send_audio(audio[offset : offset + CHUNK])

    def turn(self, ms: int = 500) -> None:
        self.say(silence(100) + speech(ms) + silence(700))

    def of[T](self, kind: type[T]) -> list[T]:
        return [each for each in self.events if isinstance(each, kind)]

    async def until(self, met: Callable[[], object], timeout_s: float = 5.0) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not met():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come: {self.events}, {self.error!r}") from None

    async def until_events(self, kind: type[Any], count: int = 1, timeout_s: float = 5.0) -> None:
        await self.until(lambda: len(self.of(kind)) >= count, timeout_s)

    async def until_over(self) -> Exception:
        await self.until(lambda: self._reader.done() or self.error)
        assert self.error is not None
        return self.error

    async def close(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader


@contextlib.asynccontextmanager
async def calling(asked: GeminiLive, wanted: Brief, **options: Any) -> AsyncIterator[Call]:
    async with asked.connect(wanted, **options) as conversation:
        call = Call(conversation)
        try:
            yield call
        finally:
            await call.close()


class Rehearsal:
    """An emulated session in virtual time: JSON in, JSON out. Every message is one the SDK knows, field by field."""

    def __init__(self, script: GeminiSettings | None = None, *, vertex: bool = False, version: str = "v1") -> None:
        self.settings = script or settings()
        answers = Answers(self.settings.pace, duration_ms=self.settings.answer_ms)
        numbers = itertools.count(1)
        self.memories = Memories(lambda: f"handle-{next(numbers)}")
        self._admission = Admission(vertex, version, True, None)
        self._answers = answers
        self.now = 1000.0
        self.connect()

    def connect(self, *, key_is_valid: bool = True) -> None:
        """A new connection of the same client."""
        self.timeline = Timeline("session-1", None, 1000, lambda entry: None)
        admission = replace(self._admission, key_is_valid=key_is_valid)
        self.session = Session(self.settings, self._answers, self.memories, admission, self.timeline)
        self.closed: Close | None = None
        self.session.open(self.now)

    def setup(self, **fields: Any) -> list[dict[str, Any]]:
        name = "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash-native-audio"
        model = name if self._admission.vertex else f"models/{MODEL}"
        return self.send(
            setup={"model": model, "inputAudioTranscription": {}, "outputAudioTranscription": {}, **fields}
        )

    def send(self, **message: Any) -> list[dict[str, Any]]:
        self.session.receive(json.dumps(message), self.now)
        return self._drain()

    def raw(self, frame: str | bytes) -> list[dict[str, Any]]:
        self.session.receive(frame, self.now)
        return self._drain()

    def refused(self) -> tuple[int, str]:
        assert self.closed is not None, "it was not refused"
        return self.closed.code, self.closed.reason

    def run(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass, waking at every deadline."""
        end, messages = self.now + seconds, []
        while (due := self.session.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.session.handle_timer(self.now)
            messages += self._drain()
        self.now = end
        return messages

    def hear(self, audio: bytes, mime: str = "audio/pcm;rate=16000") -> list[dict[str, Any]]:
        """Send audio in real time."""
        messages = []
        for offset in range(0, len(audio), CHUNK):
            data = base64.b64encode(audio[offset : offset + CHUNK]).decode()
            messages += self.send(realtimeInput={"audio": {"data": data, "mimeType": mime}})
            messages += self.run(0.02)
        return messages

    def turn(self, ms: int = 500) -> list[dict[str, Any]]:
        """The user speaks until the turn is over."""
        return self.hear(speech(ms)) + self.hear(silence(520))

    def type(self, text: str) -> list[dict[str, Any]]:
        return self.send(clientContent={"turns": [{"role": "user", "parts": [{"text": text}]}], "turnComplete": True})

    def _drain(self) -> list[dict[str, Any]]:
        messages = []
        for effect in self.session.effects():
            if isinstance(effect, Close):
                self.closed = effect
            elif isinstance(effect, bytes):
                message = json.loads(effect)
                given = dict(message)
                if self._admission.vertex:
                    given = _LiveServerMessage_from_vertex(given)
                LiveServerMessage._from_response(response=given, kwargs={})
                messages.append(message)
        return messages


def contents(messages: list[dict[str, Any]], field: str) -> list[Any]:
    """What the messages say of one thing of the conversation."""
    return [each["serverContent"][field] for each in messages if field in each.get("serverContent", {})]


def order(messages: list[dict[str, Any]]) -> list[str]:
    """The kinds of the messages, equal neighbours told once."""
    kinds = [key for each in messages for key in (each.get("serverContent") or each)]
    return [kind for kind, _ in itertools.groupby(kinds)]
