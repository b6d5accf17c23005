"""One conversation with the offline model: hears, understands, decides, answers."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence

from mediacodecs.pcm import Pcm
from mediaproviders.contract import (
    Brief,
    CallerTranscript,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    Said,
    SpeechStarted,
    SpeechStopped,
    Told,
    TurnCommitted,
)
from mediaproviders.hearing.listener import Detector, Listener
from mediaproviders.hearing.turns import Guess, Pace, TurnEvent, Unguess
from mediaproviders.local.dialogue import Answer, Call, Dialogue, sentences
from mediaproviders.local.script import Script
from mediaproviders.local.speaker import Speaker, Speech
from mediaproviders.local.worker import BusyError, Urgency, Workers
from mediaproviders.outbox import Outbox

_BACKLOG_MS = 10_000
"""Caller audio that may wait to be listened to."""
_SLICE_MS = 100
"""Audio listened to in one turn of the event loop."""
_AHEAD_MS = 120_000
"""Speech made ahead of the server's reading."""
_LINGER_MS = 300.0
"""How long after its last word an answer may still be in the caller's ear."""
_UNREAD_TURNS = 8


class LocalConversation:
    """Keeps to the contract; entered through `LocalProvider.connect`."""

    def __init__(
        self, brief: Brief, script: Script, workers: Workers, voice: str, detector: Detector, pace: Pace
    ) -> None:
        self._brief = brief
        self._script = script
        self._workers = workers
        self._speech = Speech(voice, brief.output_format, script.busy)
        self._names: Counter[str] = Counter()
        self._backlog = bytearray()
        self._arrived = asyncio.Event()
        self._dropped = 0
        self._outbox = Outbox(brief.output_format.bytes_per_ms * _AHEAD_MS)
        self._listener = Listener(brief.input_format, detector, pace, lambda: self._name("turn"))
        tools = frozenset(tool.name for tool in brief.tools)
        self._dialogue = Dialogue(script, tools=tools, history=())
        self.remember(brief.history)
        self._speaker = Speaker(
            workers, self._dialogue, self._outbox, self._speech,
            tools=tools, name=self._name, done=self._advance, watch=self._ended,
        )  # fmt: skip
        self._guess: asyncio.Task[str] | None = None
        self._recognising: deque[tuple[str, asyncio.Task[str]]] = deque()
        self._committed = asyncio.Event()
        self._unanswered: list[str] = []
        self._answer_wanted = False
        self._ready: deque[Answer] = deque()
        self._began_ms = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    def open(self) -> None:
        """Begin to listen and to prepare what will be said."""
        for work in (self._listen(), self._understand(), self._prepare()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def close(self) -> None:
        """Stop everything; events that were not read stay readable."""
        self._speaker.stop()
        recognising = [task for _, task in self._recognising] + ([self._guess] if self._guess else [])
        for task in (*self._tasks, *recognising):
            task.cancel()
        await asyncio.gather(*self._tasks, *recognising, return_exceptions=True)
        self._outbox.close()

    # --- commands

    def send_audio(self, data: bytes) -> None:
        """Caller audio in the brief's input format, any length. Beyond ten seconds the oldest is dropped."""
        self._backlog += data
        over = len(self._backlog) - self._brief.input_format.bytes_per_ms * _BACKLOG_MS
        if over > 0:
            # An even number, or every 16-bit sample after it would be read across its middle.
            over += over & 1
            del self._backlog[:over]
            self._dropped += over
        self._arrived.set()

    @property
    def dropped_ms(self) -> float:
        """Caller audio dropped so far, in ms."""
        return self._dropped / self._brief.input_format.bytes_per_ms

    @property
    def ending_at(self) -> float | None:
        """None: nothing ends it."""
        return None

    def remember(self, told: Sequence[Told]) -> None:
        """What was said before; tools used are of no use to a script."""
        self._dialogue.history.extend(each for each in told if isinstance(each, Said))

    def greet(self) -> None:
        """Have the greeting spoken; nothing if there is none."""
        if self._brief.greeting:
            self._ready.append(self._dialogue.say(self._brief.greeting, "greeting"))
            self._advance()

    def create_response(self) -> None:
        """Answer the caller's last turn now; a Fault when an answer is being made already."""
        if self._speaker.active:
            self._outbox.put(Fault("response-active", "an answer is being made already"))
            return
        self._answer_wanted = True
        self._advance()

    def cancel(self) -> None:
        """Stop the answer in progress, if there is one."""
        self._answer_wanted = False
        self._speaker.stop()

    def truncate(self, item: str, heard_ms: int) -> None:
        """Keep in the history only what was heard of `item` in its first `heard_ms`; a Fault for an unknown item."""
        if not self._dialogue.cut(item, heard_ms):
            self._outbox.put(Fault("unknown-item", f"no item {item!r} was spoken"))

    def send_tool_result(self, call: str, output: str) -> None:
        """Answer a tool call; its result is spoken next. A Fault for a call that is not open."""
        try:
            opened: Call | None = self._speaker.answered(call)
        except KeyError:
            self._outbox.put(Fault("unknown-call", f"no call {call!r} is open"))
            return
        if opened is not None:
            self._ready.append(self._dialogue.answer_with(opened, output))
            self._advance()

    def send_text(self, text: str) -> None:
        """Answer `text` as if the caller had said it."""
        self._unanswered.append(text)
        self._answer_wanted = True
        self._advance()

    def instruct(self, text: str) -> None:
        """Answer `text` by the script, like everything else: it cannot follow instructions."""
        self.send_text(text)

    def renew(self, reason: str) -> bool:
        """It cannot be replaced: it is in this process."""
        return False

    def amend(self, item: str, text: str) -> None:
        """Nothing: it has no text modality."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """Events until the session ends."""
        return self._outbox.events()

    # --- what the caller says

    async def _listen(self) -> None:
        slice_bytes = self._brief.input_format.bytes_per_ms * _SLICE_MS
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._backlog:
                piece = bytes(self._backlog[:slice_bytes])
                del self._backlog[:slice_bytes]
                self._hear(piece)
                # A flood is listened to in slices: other calls share this loop.
                await asyncio.sleep(0)

    def _hear(self, piece: bytes) -> None:
        events = self._listener.hear(piece)
        for event in events:
            self._heard(event)
        while self._listener.pending:
            for event in self._listener.hear(b""):
                self._heard(event)

    def _heard(self, event: TurnEvent) -> None:
        match event:
            case Guess():
                self._guess = self._recognise(self._listener.samples())
            case Unguess():
                self._forget_guess()
            case SpeechStarted():
                self._outbox.put(event)
                if self._brief.interruption == "provider":
                    self._give_way()
            case SpeechStopped():
                self._outbox.put(event)
            case TurnCommitted():
                self._outbox.put(event)
                self._commit(event.item)

    def _give_way(self) -> None:
        """The caller speaks: what is being said, or may still be in the air, is void."""
        in_the_air = self._listener.now_ms < self._began_ms + self._speaker.spoken_ms + _LINGER_MS
        if self._speaker.active or (self._speaker.spoken_ms and in_the_air):
            self._outbox.put(Interrupted())
        self._answer_wanted = False
        self._speaker.stop()
        self._speaker.spoken_ms = 0.0

    def _commit(self, item: str) -> None:
        task, self._guess = self._guess or self._recognise(self._listener.samples()), None
        self._recognising.append((item, task))
        while len(self._recognising) > _UNREAD_TURNS:
            old, late = self._recognising.popleft()
            late.cancel()
            self._outbox.put(Fault("busy", f"{old} was not recognised: too many turns wait"))
        self._committed.set()

    def _recognise(self, samples: Pcm) -> asyncio.Task[str]:
        return asyncio.create_task(self._workers.hear(samples, self._listener.rate))

    def _forget_guess(self) -> None:
        if self._guess is not None:
            self._guess.cancel()
            self._guess = None

    async def _understand(self) -> None:
        while True:
            await self._committed.wait()
            self._committed.clear()
            while self._recognising:
                item, task = self._recognising[0]
                await asyncio.wait((task,))
                if not self._recognising or self._recognising[0][1] is not task:
                    continue
                self._recognising.popleft()
                self._understood(item, task)

    def _understood(self, item: str, task: asyncio.Task[str]) -> None:
        try:
            text = task.result()
        except BusyError:
            self._outbox.put(Fault("busy", "too much is waiting to be heard and spoken"))
        except ProviderError as error:
            self._outbox.put(Fault(error.code, str(error)))
        else:
            self._outbox.put(CallerTranscript(item, text, final=True))
            if self._brief.interruption == "local":
                # What the server did not ask an answer to was a cough or a "mhm".
                self._unanswered.clear()
            self._unanswered.append(text)
            self._answer_wanted |= self._brief.interruption == "provider"
            self._advance()
            return
        self._outbox.put(CallerTranscript(item, "", final=True))
        self._answer_wanted |= self._brief.interruption == "provider"
        if self._answer_wanted:
            self._answer_wanted = False
            self._ready.append(self._dialogue.say(self._script.busy, "busy"))
        self._advance()

    # --- what the model says

    def _advance(self) -> None:
        """Begin the next answer, if one is due."""
        if self._speaker.active or (self._brief.interruption == "provider" and self._listener.speaking):
            return
        if self._ready:
            self._begin(self._ready.popleft())
        elif self._answer_wanted and not self._recognising:
            self._answer_wanted = False
            answer = self._dialogue.answer(" ".join(self._unanswered))
            self._unanswered.clear()
            self._begin(answer or Answer((), "silence"))

    def _begin(self, answer: Answer) -> None:
        self._began_ms = self._listener.now_ms
        self._speaker.start(answer)

    async def _prepare(self) -> None:
        """Make what is likely to be said before it is needed, when there is nothing better to do."""
        first_words = [
            sentences(intent.say)[0] for intent in self._script.intents if intent.say and "{" not in intent.say
        ]
        greeting = sentences(self._brief.greeting or "")
        try:
            await self._workers.load()
            for text in (*greeting, self._script.busy, self._script.unheard, *first_words):
                await self._workers.say(text, self._speech.voice, self._speech.audio, Urgency.PREPARING)
        except (BusyError, ProviderError):
            # It will be made when it is said, and fail there for somebody to see.
            return

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._outbox.close(ProviderError(f"the local model failed: {error!r}", code="internal", retryable=True))

    def _name(self, kind: str) -> str:
        self._names[kind] += 1
        return f"{kind}_{self._names[kind]}"
