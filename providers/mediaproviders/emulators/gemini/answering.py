"""What the model says, one answer at a time: generated fast, and taken to be played in real time."""

from collections.abc import Callable
from typing import Any

import orjson

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.gemini.answer import NEVER, Saying, Stage
from mediaproviders.emulators.gemini.memory import Memories, Memory, tokens_of_audio, tokens_of_text, usage
from mediaproviders.emulators.gemini.outbox import Outbox
from mediaproviders.emulators.gemini.refusal import Refusal
from mediaproviders.emulators.gemini.settings import GeminiSettings
from mediaproviders.emulators.gemini.setup import Setup
from mediaproviders.emulators.timeline import Timeline

KIND = "audio/pcm"


class Answering:
    """The answers of one session."""

    def __init__(
        self,
        setup: Setup,
        settings: GeminiSettings,
        answers: Answers,
        outbox: Outbox,
        agenda: Agenda,
        memory: Memory,
        memories: Memories,
        timeline: Timeline,
        jitter: Callable[[], float],
        *,
        vertex: bool,
    ) -> None:
        self._setup = setup
        self._settings = settings
        self._answers = answers
        self._outbox = outbox
        self._agenda = agenda
        self._memory = memory
        self._memories = memories
        self._timeline = timeline
        self._jitter = jitter
        self._vertex = vertex
        self._armed = 0
        self._cancelled: set[str] = set()
        self.current: Saying | None = None
        """The answer under way, up to the end of its assumed playback."""
        self.count = 0
        """Answers so far."""
        self.watchers: list[Callable[[Saying, float], None]] = []
        """Told when an answer is due to begin and after each piece of its audio."""

    def begin(self, turn: int, now: float, *, spoken: bool) -> None:
        """Answer the user's nth turn; `spoken`: it was heard, not read."""
        self.count += 1
        texts = self._settings.answer_texts
        scripted = self._settings.tool_on_turn.get(turn)
        saying = self.current = Saying(
            self.count,
            self._answers.answer(self.count - 1, KIND),
            texts[(self.count - 1) % len(texts)].replace("{n}", str(self.count)),
            now,
            jitter=self._jitter(),
            call=scripted if scripted is not None and scripted[0] in self._setup.tools else None,
        )
        known = len(self._memory.turns) - (self._memory.unseen if spoken else 0)
        self._memory.unseen = 0
        self._timeline.note("response_created", now, number=self.count, known=known)
        if self._setup.resumable:
            self._outbox.emit(sessionResumptionUpdate={"resumable": False})
        self._plan(saying)
        for watcher in self.watchers:
            watcher(saying, now)
        self.rearm()

    def interrupt(self, now: float, *, forced: bool = False) -> None:
        """The user begins to speak, or sends something: what is not yet heard never will be.

        `forced`: say so even if nothing is being said.
        """
        saying = self.current
        if saying is None:
            if forced:
                self._timeline.note("interrupted", now, sent_ms=0)
                self._outbox.content(interrupted=True)
            return
        self._timeline.note("interrupted", now, number=saying.number, sent_ms=saying.sent_ms)
        if saying.stage is Stage.CALLING:
            self._cancelled.add(saying.call_id)
            self._outbox.emit(toolCallCancellation={"ids": [saying.call_id]})
        self._outbox.content(interrupted=True)
        if saying.stage is not Stage.PLAYING:
            self._timeline.note("response_done", now, number=saying.number, status="cancelled", sent_ms=saying.sent_ms)
        heard = saying.heard(now)
        if heard:
            self._memory.said("model", heard)
        self._complete(saying)

    def tool_answered(self, responses: list[dict[str, Any]], now: float) -> None:
        """The client has run tools. Raises Refusal for one that was never called."""
        for response in responses:
            call = response.get("id")
            if not call and not self._vertex:
                raise Refusal("Request contains an invalid argument: function response without an id.")
            saying = self.current
            if saying is None or saying.stage is not Stage.CALLING or call not in (saying.call_id, None, ""):
                if call in self._cancelled:
                    continue
                raise Refusal(f"Request contains an invalid argument: no function call {call} is pending.")
            if saying.call is None or response.get("name") != saying.call[0]:
                raise Refusal("Request contains an invalid argument: the response is of another function.")
            if not isinstance(response.get("response"), dict):
                raise Refusal("Request contains an invalid argument: a function response is an object.")
            self._go_on(saying, response["response"], now)

    def rearm(self) -> None:
        """See to it that the answer goes on when it is due, after its due time changed."""
        self._armed += 1
        token, saying = self._armed, self.current
        if saying is None or saying.due == NEVER:
            return

        def step(now: float) -> None:
            if self._armed == token:
                self._advance(saying, now)
                self.rearm()

        self._agenda.at(saying.due, step)

    # --- what a script can do ---

    def hold(self, seconds: float) -> None:
        """Pause the answer."""
        if self.current is not None and self.current.due != NEVER:
            self.current.due += seconds
            self.rearm()

    def flood(self, seconds: float, now: float) -> None:
        """The rest of the answer and more of it, all at once."""
        saying = self.current
        if saying is None or saying.stage not in (Stage.THINKING, Stage.SPEAKING):
            return
        while saying.piece < len(saying.sound.pieces):
            self._say(saying, now)
        extra = 0.0
        while extra < seconds * 1000:
            for piece, length in zip(saying.sound.pieces, saying.sound.lengths_ms, strict=True):
                self._outbox.audio(piece)
                extra += length
        saying.sent_ms += extra
        self._generated(saying, now)
        self.rearm()

    def empty(self, now: float) -> None:
        """The answer is over before it has begun."""
        if self.current is not None:
            self._timeline.note("response_done", now, number=self.current.number, status="completed", sent_ms=0)
            self._outbox.content(generationComplete=True)
            self._complete(self.current)
            self._armed += 1

    # --- an answer's steps ---

    def _advance(self, saying: Saying, now: float) -> None:
        match saying.stage:
            case Stage.THINKING if saying.call is not None and not saying.call_id:
                self._call(saying, now)
            case Stage.PLAYING:
                self._memory.said("model", saying.text)
                self._complete(saying)
            case _:
                self._say(saying, now)
                if (
                    saying.stage is Stage.SPEAKING
                    and saying.piece == len(saying.sound.pieces)
                    and self.current is saying
                ):
                    self._generated(saying, now)

    def _say(self, saying: Saying, now: float) -> None:
        piece, length = saying.piece, saying.sound.lengths_ms[saying.piece]
        if saying.stage is Stage.THINKING:
            saying.stage, saying.first_audio_at = Stage.SPEAKING, now
        words = saying.words_of(piece) if self._setup.transcribes_output else ""
        if words and self._settings.bundles:
            inline = {"mimeType": "audio/pcm;rate=24000", "data": saying.sound.pieces[piece]}
            self._outbox.content(modelTurn={"parts": [{"inlineData": inline}]}, outputTranscription={"text": words})
        else:
            if words:
                self._outbox.content(outputTranscription={"text": words})
            self._outbox.audio(saying.sound.pieces[piece])
        saying.piece += 1
        saying.sent_ms += length
        saying.jitter = self._jitter()
        self._plan(saying)
        if piece == 0:
            self._timeline.note("first_delta", now, number=saying.number, sent_ms=saying.sent_ms)
        if saying.piece == len(saying.sound.pieces):
            self._timeline.note("last_delta", now, number=saying.number, sent_ms=saying.sent_ms)
        for watcher in self.watchers:
            watcher(saying, now)

    def _generated(self, saying: Saying, now: float) -> None:
        saying.stage = Stage.PLAYING
        self._outbox.content(generationComplete=True)
        self._timeline.note("response_done", now, number=saying.number, status="completed", sent_ms=saying.sent_ms)
        saying.due = max(now, saying.first_audio_at + saying.sent_ms / 1000)

    def _complete(self, saying: Saying) -> None:
        """The turn is over for the service: the bill, and a handle to come back with."""
        said = tokens_of_audio(saying.sent_ms)
        bill = usage(self._memory, said, vertex=self._vertex)
        self._outbox.emit(serverContent={"turnComplete": True}, usageMetadata=bill)
        self._memory.audio_tokens += said
        self.current = None
        if self._setup.resumable:
            handle = self._memories.handle(self._memory)
            self._outbox.emit(sessionResumptionUpdate={"newHandle": handle, "resumable": True})

    def _call(self, saying: Saying, now: float) -> None:
        assert saying.call is not None
        name, arguments = saying.call
        saying.call_id = f"function-call-{saying.number}{len(self._cancelled)}"
        saying.stage, saying.due = Stage.CALLING, NEVER
        self._timeline.note("tool_call", now, call=saying.call_id, name=name)
        self._outbox.emit(
            toolCall={"functionCalls": [{"id": saying.call_id, "name": name, "args": orjson.loads(arguments)}]}
        )

    def _go_on(self, saying: Saying, outcome: dict[str, Any], now: float) -> None:
        told = orjson.dumps(outcome).decode()
        self._memory.text_tokens += tokens_of_text(told)
        saying.text = f"The function returned {told[:200]}."
        saying.words = saying.text.split()
        saying.stage, saying.since = Stage.THINKING, now
        self._plan(saying)
        self.rearm()

    def _plan(self, saying: Saying) -> None:
        saying.due = saying.since + self._settings.pace.due_s(saying.sent_ms, saying.jitter)
