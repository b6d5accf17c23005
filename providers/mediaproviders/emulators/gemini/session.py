"""One live session: client messages and time in, server messages out. No socket, no clock of its own."""

import random
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any

import orjson

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.gemini import setup as setups
from mediaproviders.emulators.gemini.answering import Answering
from mediaproviders.emulators.gemini.handshake import Admission
from mediaproviders.emulators.gemini.listening import Listening
from mediaproviders.emulators.gemini.memory import Memories, Memory, tokens_of_text
from mediaproviders.emulators.gemini.mishaps import Mishaps
from mediaproviders.emulators.gemini.outbox import Outbox
from mediaproviders.emulators.gemini.refusal import INVALID, POLICY, Refusal
from mediaproviders.emulators.gemini.settings import GeminiSettings
from mediaproviders.emulators.gemini.setup import Setup
from mediaproviders.emulators.gemini.shapes import normalised
from mediaproviders.emulators.rehearsed import RehearsedSession
from mediaproviders.emulators.timeline import Timeline
from mediaproviders.emulators.websocket import Close, Data, Effect

_ONE_OF = ("audio", "video", "text", "audioStreamEnd", "activityStart", "activityEnd", "mediaChunks")
_DIRECTION = "("
"""A text in brackets is a stage direction, such as what to open the call with, and not a turn of the user's."""


class Session(RehearsedSession[Effect]):
    """The core of the emulator. Feed it frames and time; drain its effects after each call."""

    def __init__(
        self,
        settings: GeminiSettings,
        answers: Answers,
        memories: Memories,
        admission: Admission,
        timeline: Timeline,
        *,
        connection: int = 0,
    ) -> None:
        self._settings = settings
        self._answers = answers
        self._memories = memories
        self._admission = admission
        self._connection = connection
        self._outbox = Outbox(binary=settings.binary_frames)
        super().__init__(timeline, self._outbox)
        self._opened = 0.0
        self.live: Live | None = None
        """What it is once it has been set up."""

    def open(self, now: float) -> None:
        """The connection stands: nothing is said before the setup."""
        self._opened = now

    def receive(self, frame: Data, now: float) -> None:
        """A message from the client; what is wrong with it closes the connection."""
        if self._outbox.closed:
            return
        try:
            self._take(normalised(_parsed(frame)), now)
        except Refusal as refusal:
            self.timeline.note("refused", now, code=refusal.code, reason=str(refusal))
            self._outbox.put(Close(refusal.code, refusal.reason))

    # The service takes JSON in frames of either kind.
    receive_binary = receive

    def _take(self, message: dict[str, Any], now: float) -> None:
        if (realtime := message.get("realtimeInput")) is None or "audio" not in realtime:
            self.timeline.client_events.append((now, message))
        if self.live is None:
            if "setup" not in message:
                raise Refusal("Request contains an invalid argument: the first message must be the setup.")
            self._begin(message["setup"], now)
        elif "setup" in message:
            raise Refusal("Request contains an invalid argument: setup must be the first message and only the first.")
        else:
            self.live.take(message, now)

    def _begin(self, given: dict[str, Any], now: float) -> None:
        admission, settings = self._admission, self._settings
        if not admission.key_is_valid:
            raise Refusal("API key not valid. Please pass a valid API key.")
        setup = setups.read(given, settings, vertex=admission.vertex, version=admission.version)
        memory = self._memories.find(setup.handle) if setup.handle else Memory(now)
        if not setup.handle:
            memory.text_tokens = tokens_of_text(setup.instructions)
        self.timeline.note("session", now, model=setup.model, resumed=setup.handle is not None)
        self.live = live = Live(self, setup, memory)
        self._outbox.emit(setupComplete={"sessionId": self.timeline.session})
        self._limit(self._opened + settings.connection_s, self._connection_over)
        if not setup.compresses:
            self._limit(memory.began + settings.session_s, self._session_over)
        live.mishaps.begin(now)

    def _limit(self, end: float, over: Callable[[float], None]) -> None:
        warn = min(self._settings.go_away_s, end - self._opened)
        self._agenda.at(end - warn, lambda now: self._go_away(end - now))
        self._agenda.at(end, over)

    def _go_away(self, left_s: float) -> None:
        self._outbox.emit(goAway={"timeLeft": f"{max(0.0, left_s):.9g}s"})

    def leave(self, left_s: float, now: float) -> None:
        """Announce the end of the connection, and end it."""
        self._go_away(left_s)
        self._agenda.at(now + left_s, self._connection_over)

    def _connection_over(self, now: float) -> None:
        self.timeline.note("fault", now, fault="connection_over")
        self._outbox.put(Close(1001, "The connection has been open for too long."))

    def _session_over(self, now: float) -> None:
        self.timeline.note("fault", now, fault="session_over")
        self._outbox.put(Close(POLICY, "The session has exceeded its maximum duration."))

    def assemble(self, setup: Setup, memory: Memory) -> tuple[Listening, Answering, Mishaps]:
        """The parts of the session that was set up."""
        settings, shared = self._settings, (self._outbox, self._agenda, memory)
        jitter = random.Random(f"{settings.seed}/{self._connection}").random
        answering = Answering(
            setup,
            settings,
            self._answers,
            *shared,
            self._memories,
            self.timeline,
            jitter,
            vertex=self._admission.vertex,
        )
        faults = tuple(each for each in settings.faults if each.concerns(self._connection))
        mishaps = Mishaps(faults, self._outbox, self._agenda, answering, self.timeline, self.leave)
        return Listening(setup, settings, *shared, self.timeline), answering, mishaps

    @property
    def settings(self) -> GeminiSettings:
        """What the rehearsal chose."""
        return self._settings


class Live:
    """A session that has been set up."""

    def __init__(self, session: Session, setup: Setup, memory: Memory) -> None:
        self._settings = session.settings
        self._setup = setup
        self.memory = memory
        self._typed = 0
        self.listening, self.answering, self.mishaps = session.assemble(setup, memory)
        self.listening.began = self._user_began
        self.listening.ended = self._user_ended

    def take(self, message: dict[str, Any], now: float) -> None:
        """A client message, normalised. Raises Refusal."""
        if (realtime := message.get("realtimeInput")) is not None:
            self._realtime(realtime, now)
        elif (content := message.get("clientContent")) is not None:
            self._content(content, now)
        else:
            self.answering.tool_answered((message["toolResponse"] or {}).get("functionResponses") or [], now)

    def _realtime(self, given: dict[str, Any], now: float) -> None:
        kinds = [each for each in _ONE_OF if each in given]
        if len(kinds) != 1:
            raise Refusal("Request contains an invalid argument: realtimeInput carries exactly one input.")
        match kinds[0]:
            case "audio" | "video":
                blob = given[kinds[0]]
                if kinds[0] == "audio":
                    self.listening.hear(_base64(blob.get("data")), blob.get("mimeType") or "", now)
            case "activityStart":
                self.listening.start(now)
            case "activityEnd":
                self.listening.end(now)
            case "audioStreamEnd":
                self.listening.stream_end(now)
            case "text":
                self._read(given["text"])
                self._interrupt(now)
                self._answer(now, spoken=False)
            case _:
                raise Refusal("realtime_input.media_chunks is deprecated. Use audio, video, or text instead.")

    def _content(self, content: dict[str, Any], now: float) -> None:
        if self._settings.mixing_fails and self.listening.speaking:
            raise Refusal("Request contains an invalid argument.")
        turns = content.get("turns") or []
        for turn in turns:
            text = "\n".join(part.get("text") or "" for part in turn.get("parts") or [])
            if not text:
                raise Refusal("Request contains an invalid argument: a turn without parts.")
            if turn.get("role", "user") == "model":
                self.memory.said("model", text)
                self.memory.text_tokens += tokens_of_text(text)
            else:
                self._read(text)
        self._interrupt(now)
        if not content.get("turnComplete"):
            self.memory.unseen += len(turns) if self._settings.forgets_seeds else 0
        elif self.memory.turns and self.memory.turns[-1][0] == "user":
            # What the model itself said last wants no answer.
            self._answer(now, spoken=False)

    def _read(self, text: str) -> None:
        self.memory.said("user", text)
        self.memory.text_tokens += tokens_of_text(text)
        self._typed += not text.startswith(_DIRECTION)

    def _user_began(self, now: float) -> None:
        if self._setup.interrupts:
            self._interrupt(now)

    def _user_ended(self, now: float) -> None:
        if not self._setup.interrupts:
            self._interrupt(now)
        self._answer(now, spoken=True)

    def _interrupt(self, now: float) -> None:
        self.answering.interrupt(now)
        self.answering.rearm()

    def _answer(self, now: float, *, spoken: bool) -> None:
        if not self._setup.compresses and self.memory.tokens > self._settings.context_tokens:
            raise Refusal(
                "The input token count exceeds the maximum number of tokens allowed "
                f"({self._settings.context_tokens}).",
                INVALID,
            )
        self.answering.begin(self.listening.turns + self._typed, now, spoken=spoken)


def _parsed(frame: Data) -> object:
    try:
        return orjson.loads(frame)
    except ValueError as error:
        raise Refusal(f"Invalid JSON payload received. {str(error)[:60]}") from error


def _base64(text: object) -> bytes:
    if not isinstance(text, str):
        raise Refusal("Invalid value at 'realtime_input.audio.data': it is missing.")
    try:
        # The service takes the alphabet for URLs as well.
        return a2b_base64(text.replace("-", "+").replace("_", "/"), strict_mode=True)
    except Base64Error as error:
        raise Refusal("Invalid value at 'realtime_input.audio.data': Base64 decoding failed.") from error
