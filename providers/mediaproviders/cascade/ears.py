"""The caller's half: audio to turns, turns to words."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from mediaproviders.cascade.formats import nearest
from mediaproviders.cascade.intake import Intake
from mediaproviders.contract import AudioFormat, ProviderError, SpeechStarted, TurnCommitted
from mediaproviders.hearing import Detector, Guess, Listener, Pace, TurnEvent, Unguess
from mediaproviders.speech.contract import SpeechToText, Utterance
from mediaproviders.transcode import Transcoder

_FRAMES_AT_ONCE: Final = 8
"""Frames heard in one turn of the event loop: a flood is heard in slices, for other calls share the loop."""


class Listening(Protocol):
    """Who is told what the ears hear."""

    def heard(self, event: TurnEvent) -> None:
        """Something happened to a turn."""

    def recognised(self, item: str, text: str | ProviderError) -> None:
        """The words of a turn, or why there are none. In the order of the turns."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How the caller is heard. `speculate`: recognition is finished at a guess, before a turn is certainly over."""

    service: SpeechToText
    pace: Pace
    patience_s: float
    speculate: bool


class Ears:
    """One caller's. `name` makes an id for a turn."""

    def __init__(
        self, hearing: Hearing, audio: AudioFormat, detector: Detector, listening: Listening, name: Callable[[], str]
    ) -> None:
        self._hearing = hearing
        self._audio = audio
        self._listening = listening
        self._form = nearest(audio, hearing.service.formats)
        self._listener = Listener(audio, detector, hearing.pace, name)
        frame_ms = detector.frame / 8
        self._intake = Intake(audio, frame_ms)
        # What the listener keeps from before an onset, as bytes of the leg: they go to the service as they came.
        lead = max(1, round((hearing.pace.lead_ms + hearing.pace.onset_ms) / frame_ms))
        self._frames: deque[bytes] | list[bytes] = deque(maxlen=lead)
        self._lead = lead
        self._utterance: Utterance | None = None
        self._converter: Transcoder | None = None
        self._guess: asyncio.Task[str] | None = None
        self._recognising: deque[tuple[str, asyncio.Task[str]]] = deque()
        self._arrived = asyncio.Event()
        self._committed = asyncio.Event()
        self._discards: set[asyncio.Task[None]] = set()

    # --- the caller's audio

    def send(self, data: bytes) -> None:
        """Audio of the leg, any length."""
        if self._intake.put(data):
            self._arrived.set()

    @property
    def dropped_ms(self) -> float:
        """Audio dropped so far, in ms."""
        return self._intake.dropped_ms

    @property
    def now_ms(self) -> float:
        """Audio heard so far, in ms."""
        return self._listener.now_ms

    @property
    def speaking(self) -> bool:
        """The caller is in the middle of a turn."""
        return self._listener.speaking

    async def listen(self) -> None:
        """Hear what is sent, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            heard = 0
            while (frame := self._intake.take()) is not None:
                self._hear(frame)
                heard += 1
                if heard % _FRAMES_AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def understand(self) -> None:
        """Tell the words of the turns in their order, until cancelled."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            while self._recognising:
                item, task = self._recognising[0]
                await asyncio.wait((task,))
                if self._recognising and self._recognising[0][1] is task:
                    self._recognising.popleft()
                    self._listening.recognised(item, _outcome(task))

    def give_up(self, item: str) -> None:
        """Nobody waits for the words of this turn any more."""
        for entry in tuple(self._recognising):
            if entry[0] == item:
                entry[1].cancel()
                self._recognising.remove(entry)

    async def close(self) -> None:
        """Stop recognising."""
        tasks = [task for _, task in self._recognising]
        if self._guess is not None:
            tasks.append(self._guess)
        for task in tasks:
            task.cancel()
        self._forget()
        await asyncio.gather(*tasks, *self._discards, return_exceptions=True)

    # --- turns

    def _hear(self, frame: bytes) -> None:
        self._frames.append(frame)
        if self._utterance is not None:
            self._push(frame)
        for event in self._listener.hear(frame):
            self._follow(event)
            self._listening.heard(event)

    def _follow(self, event: TurnEvent) -> None:
        match event:
            case SpeechStarted():
                self._frames = list(self._frames)
                self._begin()
            case Guess() if self._hearing.speculate:
                self._guess = self._finish()
            case Unguess() if self._guess is not None:
                self._guess.cancel()
                self._guess = None
                self._begin()
            case TurnCommitted(item=item):
                task, self._guess = self._guess or self._finish(), None
                self._recognising.append((item, task))
                self._committed.set()
                self._frames = deque(self._frames, maxlen=self._lead)
            case _:
                pass

    def _begin(self) -> None:
        """Begin an utterance with all that was heard of the turn so far."""
        self._utterance = self._hearing.service.begin(self._form)
        self._converter = Transcoder(self._audio, self._form)
        for frame in self._frames:
            self._push(frame)

    def _push(self, frame: bytes) -> None:
        assert self._utterance is not None and self._converter is not None
        converted = self._converter.convert(frame)
        if converted:
            self._utterance.push(converted)

    def _finish(self) -> asyncio.Task[str]:
        utterance, converter = self._utterance, self._converter
        assert utterance is not None and converter is not None
        rest = converter.flush()
        if rest:
            utterance.push(rest)
        self._utterance = self._converter = None
        return asyncio.create_task(_recognise(utterance, self._hearing.patience_s))

    def _forget(self) -> None:
        """Drop the utterance in progress."""
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            task = asyncio.create_task(utterance.discard())
            self._discards.add(task)
            task.add_done_callback(self._discards.discard)


async def _recognise(utterance: Utterance, patience_s: float) -> str:
    done = False
    try:
        async with asyncio.timeout(patience_s):
            text = await utterance.finish()
        done = True
        return text
    finally:
        if not done:
            await utterance.discard()


def _outcome(task: asyncio.Task[str]) -> str | ProviderError:
    if task.cancelled():
        return ProviderError("the recogniser gave up", code="internal", retryable=True)
    error = task.exception()
    match error:
        case None:
            return task.result().strip()
        case ProviderError():
            return error
        case TimeoutError():
            return ProviderError("the recogniser did not answer in time", code="timeout", retryable=True)
        case _:
            return ProviderError(f"the recogniser failed: {error!r}", code="internal", retryable=True)
