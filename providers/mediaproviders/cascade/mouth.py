"""The agent's half: sentences to audio, one answer after the other.

A sentence that cannot be spoken is tried once more, or passed over if a part of it was heard already; two failures in
a row end the session, for an agent without a voice is no agent.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mediaproviders.cascade.formats import nearest
from mediaproviders.cascade.rendering import Rendering
from mediaproviders.cascade.speakable import speakable
from mediaproviders.cascade.spoken import Sentence, Spoken
from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    AudioFormat,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
)
from mediaproviders.outbox import Outbox
from mediaproviders.speech.contract import TextToSpeech

AHEAD_MS: Final = 8_000.0
"""Audio beyond what can have been played, from which the next sentence waits: a voice is paid by the letter."""
_AT_ONCE: Final = 2
"""Sentences being made into audio: the one that is sent, and the next."""
_FAILURES: Final = 2


@dataclass(slots=True)
class Answer:
    """One response of the text model, and what was spoken of it."""

    response: str
    item: str = ""
    """Of the audio; the first of the text's items."""
    generated: dict[str, str] = field(default_factory=dict)
    """The model's text, by its own items."""
    spoken: Spoken = field(default_factory=Spoken)
    to_say: deque[tuple[str, str]] = field(default_factory=deque)
    """(item, sentence), not yet on their way."""
    under_way: deque[tuple[str, str, Rendering | None]] = field(default_factory=deque)
    """The same with their audio; None where there is nothing to speak."""
    done: ResponseDone | None = None
    """How the text ended; None while it goes on."""
    first_audio_s: float | None = None


@dataclass(frozen=True, slots=True)
class Speaking:
    """How the agent speaks."""

    service: TextToSpeech
    patience_s: float


class Mouth:
    """One agent's. `played` is told the ms of audio given, `ended` that an answer is over, `lost` why it is mute."""

    def __init__(
        self,
        speaking: Speaking,
        audio: AudioFormat,
        outbox: Outbox,
        *,
        played: Callable[[float], None],
        ended: Callable[[], None],
        lost: Callable[[ProviderError], None],
    ) -> None:
        self._speaking = speaking
        self._audio = audio
        self._form = nearest(audio, speaking.service.formats)
        self._outbox = outbox
        self._played = played
        self._answered = ended
        self._lost = lost
        self._answers: deque[Answer] = deque()
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()
        self._failures = 0

    # --- what the model writes

    @property
    def active(self) -> bool:
        """An answer is being given."""
        return bool(self._answers)

    def begin(self, answer: Answer) -> None:
        """The model begins an answer; it is spoken when those before it are."""
        self._answers.append(answer)
        if len(self._answers) == 1:
            self._start()

    def say(self, answer: Answer, item: str, sentence: str) -> None:
        """A sentence of the answer."""
        answer.item = answer.item or item
        answer.to_say.append((item, sentence))
        self._go_on(answer)

    def end(self, answer: Answer, done: ResponseDone) -> None:
        """The model has written the whole answer."""
        answer.done = done
        self._go_on(answer)

    def stop(self) -> list[Answer]:
        """Fall silent, and take back what was not read. Returns the answers that are not given to their end."""
        stopped, self._answers = list(self._answers), deque()
        if self._task is not None:
            self._leave(self._task)
            self._task = None
        for index, answer in enumerate(stopped):
            self._drop(answer)
            if index == 0:
                self._outbox.take_back(answer.response)
                self._outbox.put(ResponseDone(answer.response, "cancelled"))
        return stopped

    async def close(self) -> None:
        """Stop, and leave the service."""
        self.stop()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    # --- what the agent says

    def _start(self) -> None:
        answer = self._answers[0]
        self._outbox.put(ResponseStarted(answer.response))
        self._task = asyncio.create_task(self._speak(answer))
        self._task.add_done_callback(self._ended)

    def _go_on(self, answer: Answer) -> None:
        if self._answers and answer is self._answers[0]:
            self._fetch(answer)
            self._changed.set()

    def _fetch(self, answer: Answer) -> None:
        while answer.to_say and len(answer.under_way) < _AT_ONCE:
            item, sentence = answer.to_say.popleft()
            answer.under_way.append((item, sentence, self._render(sentence)))

    def _render(self, sentence: str) -> Rendering | None:
        text = speakable(sentence)
        if not text:
            return None
        return Rendering(self._speaking.service, text, self._form, self._audio, self._speaking.patience_s)

    async def _speak(self, answer: Answer) -> None:
        try:
            while await self._next(answer):
                await self._say(answer)
        except ProviderError as error:
            self._lost(error)
            return
        self._finish(answer)

    async def _next(self, answer: Answer) -> bool:
        """Wait for the next sentence; False: that was all."""
        while not answer.under_way:
            self._fetch(answer)
            if answer.under_way:
                break
            if answer.done is not None:
                return False
            self._changed.clear()
            await self._changed.wait()
        ahead_ms = answer.spoken.ms - _elapsed_ms(answer)
        if ahead_ms > AHEAD_MS:
            await asyncio.sleep((ahead_ms - AHEAD_MS) / 1000)
        return True

    async def _say(self, answer: Answer) -> None:
        """Give the audio of the sentence whose turn it is."""
        item, text, rendering = answer.under_way[0]
        sentence = answer.spoken.begin(item, text)
        try:
            if rendering is not None:
                await self._send(answer, sentence, rendering)
                self._failures = 0
        except ProviderError as error:
            self._failed(error)
            if sentence.end_ms == sentence.begin_ms:
                answer.spoken.sentences.remove(sentence)
                answer.under_way[0] = (item, text, self._render(text))
                return
        else:
            sentence.complete = True
        answer.under_way.popleft()
        self._fetch(answer)

    async def _send(self, answer: Answer, sentence: Sentence, rendering: Rendering) -> None:
        async for piece in rendering.pieces():
            await self._outbox.room()
            if sentence.end_ms == sentence.begin_ms:
                self._outbox.put(AgentTranscript(answer.item, sentence.text, final=False))
            if answer.first_audio_s is None:
                answer.first_audio_s = asyncio.get_running_loop().time()
            ms = len(piece) / self._audio.bytes_per_ms
            answer.spoken.came(sentence, ms)
            self._played(ms)
            self._outbox.put(Audio(answer.item, answer.response, piece))
        if sentence.end_ms == sentence.begin_ms:
            raise ProviderError("the voice said nothing", code="empty_audio", retryable=True)

    def _failed(self, error: ProviderError) -> None:
        """Note a failure. Raises ProviderError if it was one too many."""
        self._outbox.put(Fault(error.code, str(error)))
        self._failures += 1
        if not error.retryable:
            raise error
        if self._failures >= _FAILURES:
            raise ProviderError(f"the agent has no voice: {error}", code=error.code, retryable=True) from error

    def _finish(self, answer: Answer) -> None:
        self._answers.popleft()
        self._task = None
        if answer.spoken.ms:
            self._outbox.put(AudioDone(answer.item, answer.response))
        text = "".join(sentence.text for sentence in answer.spoken.sentences)
        if text.strip():
            self._outbox.put(AgentTranscript(answer.item, text, final=True))
        assert answer.done is not None
        self._outbox.put(answer.done)
        self._answered()
        if self._answers:
            self._start()
            self._go_on(self._answers[0])

    def _drop(self, answer: Answer) -> None:
        answer.to_say.clear()
        for _, _, rendering in answer.under_way:
            if rendering is not None:
                self._leave(rendering.stop())
        answer.under_way.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._lost(ProviderError(f"speaking failed: {error!r}", code="internal", retryable=True))

    def _leave(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def _elapsed_ms(answer: Answer) -> float:
    if answer.first_audio_s is None:
        return 0.0
    return (asyncio.get_running_loop().time() - answer.first_audio_s) * 1000
