"""One conversation: what the caller says goes to the text model as text, what it writes is spoken."""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

from mediaproviders.cascade.ears import Ears, Hearing
from mediaproviders.cascade.mouth import Answer, Mouth, Speaking
from mediaproviders.cascade.questions import Questions
from mediaproviders.cascade.writing import Writing
from mediaproviders.contract import (
    Brief,
    CallerTranscript,
    Conversation,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    Told,
    TurnCommitted,
)
from mediaproviders.hearing import Detector, TurnEvent
from mediaproviders.outbox import Outbox

REPEAT: Final = "The caller's last words could not be understood. Ask the caller to repeat them."
GO_ON: Final = "You were cut off by a noise on the line; the caller said nothing. Go on from where you were cut off."
_UNREAD_MS: Final = 120_000
"""Speech made ahead of the server's reading."""
_LINGER_MS: Final = 300.0
"""How long after its last word an answer may still be in the caller's ear."""
_DEAF: Final = 2
"""Turns in a row that are not recognised, and the session with them."""


class CascadeConversation:
    """Keeps to the contract; entered through `Cascade.connect`. `text` is the model's session, in the text modality."""

    def __init__(
        self, brief: Brief, text: Conversation, hearing: Hearing, speaking: Speaking, detector: Detector
    ) -> None:
        self._text = text
        self._provider_decides = brief.interruption == "provider"
        self._greets = bool(brief.greeting)
        self._stem = secrets.token_hex(4)
        self._names: Counter[str] = Counter()
        self._outbox = Outbox(brief.output_format.bytes_per_ms * _UNREAD_MS)
        self._ears = Ears(hearing, brief.input_format, detector, self, lambda: self._name("turn"))
        self._mouth = Mouth(
            speaking, brief.output_format, self._outbox,
            played=self._played, ended=self._answered, lost=self._outbox.close,
        )  # fmt: skip
        self._writing = Writing(self._mouth, text, self._outbox)
        self._questions = Questions(provider_decides=self._provider_decides)
        self._results: list[tuple[str, str]] = []
        self._plays_until_ms = 0.0
        self._asked = False
        """The model was asked, and nothing of its answer has come."""
        self._cut_off = False
        """The agent was stopped while it spoke, for the turn in progress."""
        self._owed = False
        """The agent was stopped before it spoke, likewise."""
        self._deaf = 0
        self._repeating = False
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to listen."""
        for work in (self._ears.listen(), self._ears.understand(), self._read()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def close(self) -> None:
        """Stop everything; events that were not read stay readable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self._mouth.close(), self._ears.close(), return_exceptions=True)
        self._outbox.close()

    # --- commands

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length. Beyond ten seconds the oldest is dropped."""
        self._ears.send(data)

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._ears.dropped_ms

    @property
    def ending_at(self) -> float | None:
        """When the model's session will be ended, in seconds of the loop's clock; None: it has not said."""
        return self._text.ending_at

    def remember(self, told: Sequence[Told]) -> None:
        """Tell the text model what was said before."""
        self._text.remember(told)

    def greet(self) -> None:
        """Have the greeting spoken; nothing if there is none."""
        self._asked = self._greets
        self._text.greet()

    def create_response(self) -> None:
        """Answer the caller's last turn as soon as its words are there; else what the model was told last."""
        if self._questions.ask():
            self._advance()
        else:
            self._asked = True
            self._text.create_response()

    def cancel(self) -> None:
        """Stop the answer in progress; the turn it was for is answered together with the next."""
        self._questions.withdraw()
        self._stop()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Have the text model remember only the words heard in the first `heard_ms`; a Fault for an unknown item."""
        answer = self._writing.answer(item)
        if answer is None:
            self._outbox.put(Fault("unknown_item", f"no item {item!r} was spoken"))
        else:
            self._amend(answer, heard_ms)

    def amend(self, item: str, text: str) -> None:
        """Nothing: what was heard is told by :meth:`truncate`."""

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call; while the caller speaks, the model is told with the caller's words."""
        if self._provider_decides and (self._ears.speaking or self._questions.pending):
            self._results.append((call, output))
        else:
            self._asked = True
            self._text.send_tool_result(call, output)

    def send_text(self, text: str) -> None:
        """Have the model answer what was typed."""
        self._asked = True
        self._text.send_text(text)

    def instruct(self, text: str) -> None:
        """Have the model act on what the caller did not say."""
        self._asked = True
        self._text.instruct(text)

    def renew(self, reason: str) -> bool:
        """Have the text model's session replaced, if it can be."""
        return self._text.renew(reason)

    def __aiter__(self) -> AsyncIterator[Event]:
        """Events until the session ends."""
        return self._outbox.events()

    # --- what the caller says

    def heard(self, event: TurnEvent) -> None:
        """The caller begins or ends to speak."""
        match event:
            case SpeechStarted():
                self._outbox.put(event)
                if self._provider_decides:
                    self._give_way()
            case SpeechStopped():
                self._outbox.put(event)
            case TurnCommitted(item=item):
                self._outbox.put(event)
                given_up = self._questions.committed(item)
                if given_up is not None:
                    self._ears.give_up(given_up)
                    self._outbox.put(Fault("busy", f"{given_up} was not recognised: too many turns wait"))
                    self._outbox.put(CallerTranscript(given_up, "", final=True))
            case _:
                pass

    def recognised(self, item: str, text: str | ProviderError) -> None:
        """The words of a turn are there, or cannot be had."""
        if isinstance(text, ProviderError):
            self._outbox.put(Fault(text.code, str(text)))
            self._deaf += 1
            if not text.retryable or self._deaf >= _DEAF:
                lost = f"the agent cannot hear: {text}"
                self._outbox.close(ProviderError(lost, code=text.code, retryable=text.retryable))
                return
            text = ""
            self._repeating = True
        elif text:
            self._deaf = 0
        self._outbox.put(CallerTranscript(item, text, final=True))
        self._questions.recognised(item, text)
        self._advance()

    def _give_way(self) -> None:
        """The caller speaks: what is being said, or may still be in the air, is void."""
        if self._mouth.active or self._audible:
            self._outbox.put(Interrupted())
        self._questions.withdraw()
        self._stop()

    def _advance(self) -> None:
        """Have the caller answered, if it is time."""
        text = self._questions.due()
        if text is None:
            return
        results, self._results = self._results, []
        for call, output in results:
            self._text.send_tool_result(call, output)
        self._asked = True
        if text:
            self._text.send_text(text)
        elif self._repeating:
            self._text.instruct(REPEAT)
        elif self._cut_off:
            # A noise must not leave the caller with half a sentence and then silence.
            self._text.instruct(GO_ON)
        elif self._owed:
            self._text.create_response()
        elif not results:
            self._asked = False
            self._nothing_heard()
        self._cut_off = self._owed = self._repeating = False

    def _nothing_heard(self) -> None:
        """Whoever waits for an answer is told that there will be none."""
        response = self._name("resp")
        self._outbox.put(ResponseStarted(response))
        self._outbox.put(ResponseDone(response, "cancelled", "nothing_heard"))

    @property
    def _audible(self) -> bool:
        """What was spoken may still be in the caller's ear."""
        return self._plays_until_ms > 0 and self._ears.now_ms < self._plays_until_ms + _LINGER_MS

    # --- what the model says

    async def _read(self) -> None:
        try:
            async for event in self._text:
                self._writing.take(event)
        except ProviderError as error:
            self._outbox.close(error)
        else:
            self._outbox.close()

    def _stop(self) -> None:
        if self._audible:
            self._cut_off = True
        elif self._asked:
            self._owed = True
        self._asked = False
        self._text.cancel()
        for answer in self._writing.stop():
            self._amend(answer, answer.spoken.ms)
        self._plays_until_ms = 0.0

    def _amend(self, answer: Answer, heard_ms: float) -> None:
        spoken = answer.spoken
        if spoken.cut_ms is not None and heard_ms >= spoken.cut_ms:
            return
        spoken.cut_ms = heard_ms
        heard = spoken.heard(heard_ms)
        for item, generated in answer.generated.items():
            text = heard.get(item, "")
            if text != generated.strip():
                self._text.amend(item, text)

    def _answered(self) -> None:
        self._asked = False

    def _played(self, ms: float) -> None:
        self._asked = False
        self._plays_until_ms = max(self._plays_until_ms, self._ears.now_ms) + ms

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._outbox.close(ProviderError(f"the cascade failed: {error!r}", code="internal", retryable=True))

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}_{self._stem}_{self._names[kind]}"
