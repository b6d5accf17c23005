"""Speaks the model's answers: a sentence at a time, so that the first is heard while the next is made."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    AudioFormat,
    Event,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    ToolCall,
)
from mediaproviders.local.dialogue import END_CALL, Answer, Call, Dialogue
from mediaproviders.local.worker import BusyError, Urgency, Workers
from mediaproviders.outbox import Outbox

_PAUSE_MS = 200
"""Between two sentences."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How it sounds: the voice's name, the format, and the apology that is kept at hand."""

    voice: str
    audio: AudioFormat
    apology: str


class Speaker:
    """One answer at a time.

    `name` makes ids from a prefix; `done` is called when an answer ended by itself, `watch` with the task of each.
    """

    def __init__(
        self, workers: Workers, dialogue: Dialogue, outbox: Outbox, speech: Speech, *,
        tools: frozenset[str], name: Callable[[str], str], done: Callable[[], None],
        watch: Callable[[asyncio.Task[None]], None],
    ) -> None:  # fmt: skip
        self._workers = workers
        self._dialogue = dialogue
        self._outbox = outbox
        self._speech = speech
        self._tools = tools
        self._name = name
        self._done = done
        self._watch = watch
        self._task: asyncio.Task[None] | None = None
        self._response = ""
        self._item: str | None = None
        self._calls: dict[str, Call | None] = {}
        self.spoken_ms = 0.0
        """Audio of the last answer so far."""

    @property
    def active(self) -> bool:
        """An answer is being made."""
        return self._task is not None

    def start(self, answer: Answer) -> None:
        """Speak `answer`; only when none is active."""
        self._response = self._name("resp")
        self._item = None
        self.spoken_ms = 0.0
        self._outbox.put(ResponseStarted(self._response))
        self._task = asyncio.create_task(self._speak(answer))
        self._task.add_done_callback(self._watch)

    def stop(self) -> bool:
        """Stop the answer that is being made and take back what was not read; False when there is none."""
        self._outbox.take_back(self._response)
        if self._task is None:
            return False
        self._task.cancel()
        self._close(ResponseDone(self._response, "cancelled"))
        return True

    def answered(self, call: str) -> Call | None:
        """The call that was open under this id, now closed. Raises KeyError for an id that is not open."""
        return self._calls.pop(call)

    async def _speak(self, answer: Answer) -> None:
        try:
            await self._say(answer)
        except BusyError:
            self._apologise("busy", "too much is waiting to be heard and spoken")
        except ProviderError as error:
            self._apologise(error.code, str(error))
        else:
            self._call(answer)
            self._close(ResponseDone(self._response, "completed"))
        self._done()

    async def _say(self, answer: Answer) -> None:
        item = self._item = self._name("item") if answer.sentences else None
        if item is None:
            return
        self._dialogue.begin(item, answer)
        for index, sentence in enumerate(answer.sentences):
            urgency = Urgency.MORE_WORDS if index else Urgency.FIRST_WORDS
            sound = await self._workers.say(sentence, self._speech.voice, self._speech.audio, urgency)
            await self._outbox.room()
            if index + 1 < len(answer.sentences):
                sound += _silence(self._speech.audio, _PAUSE_MS)
            self._emit(item, sentence if index == 0 else f" {sentence}", sound)
            self._dialogue.spoke(item, sentence, self.spoken_ms)
        self._outbox.put(AudioDone(item, self._response))
        self._outbox.put(AgentTranscript(item, " ".join(answer.sentences), final=True))

    def _emit(self, item: str, text: str, sound: bytes) -> None:
        self.spoken_ms += len(sound) / self._speech.audio.bytes_per_ms
        self._outbox.put(AgentTranscript(item, text, final=False))
        self._outbox.put(Audio(item, self._response, sound))

    def _call(self, answer: Answer) -> None:
        if answer.call is not None:
            self._open(answer.call.name, answer.call.arguments, answer.call)
        elif answer.ends and END_CALL in self._tools:
            self._open(END_CALL, "{}", None)

    def _open(self, name: str, arguments: str, call: Call | None) -> None:
        identity = self._name("call")
        self._calls[identity] = call
        event: Event = ToolCall(identity, name, arguments)
        self._outbox.put(event)

    def _apologise(self, code: str, message: str) -> None:
        """Say the apology if it is at hand: what could make it now is what failed."""
        self._outbox.put(Fault(code, message))
        sound = self._workers.known(self._speech.apology, self._speech.voice, self._speech.audio)
        if sound is None:
            self._close(ResponseDone(self._response, "failed", code))
            return
        if self._item is not None:
            self._outbox.put(AudioDone(self._item, self._response))
            self._dialogue.finished(self._item)
        self._item = self._name("item")
        self._dialogue.begin(self._item, self._dialogue.say(self._speech.apology, "busy"))
        self._emit(self._item, self._speech.apology, sound)
        self._dialogue.spoke(self._item, self._speech.apology, self.spoken_ms)
        self._outbox.put(AudioDone(self._item, self._response))
        self._outbox.put(AgentTranscript(self._item, self._speech.apology, final=True))
        self._close(ResponseDone(self._response, "incomplete", code))

    def _close(self, event: ResponseDone) -> None:
        if self._item is not None:
            self._dialogue.finished(self._item)
        self._task = None
        self._outbox.put(event)


def _silence(audio: AudioFormat, ms: int) -> bytes:
    octet = {"pcmu": 0xFF, "pcma": 0xD5, "pcm16": 0}[audio.encoding]
    return bytes([octet]) * (audio.bytes_per_ms * ms)
