"""The caller's turns: found by the detector, or between the client's own marks; and their transcripts."""

from collections.abc import Callable

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.gemini.memory import Memory, tokens_of_audio
from mediaproviders.emulators.gemini.outbox import Outbox
from mediaproviders.emulators.gemini.refusal import Refusal
from mediaproviders.emulators.gemini.settings import GeminiSettings
from mediaproviders.emulators.gemini.setup import Setup
from mediaproviders.emulators.speech import BYTES_PER_MS, Detector, Heard, InputBuffer
from mediaproviders.emulators.timeline import Timeline

DEFAULT_RATE = 16000


class Listening:
    """Hears the user. `began` and `ended` are told of the user's turns."""

    def __init__(
        self,
        setup: Setup,
        settings: GeminiSettings,
        outbox: Outbox,
        agenda: Agenda,
        memory: Memory,
        timeline: Timeline,
    ) -> None:
        self._setup = setup
        self._settings = settings
        self._outbox = outbox
        self._agenda = agenda
        self._memory = memory
        self._timeline = timeline
        self._buffer = InputBuffer(f"audio/pcm;rate={DEFAULT_RATE}")
        detection = setup.detection
        self._detector = Detector(detection, setup.onset_ms) if detection is not None else None
        self._window = False
        self._from_ms = 0.0
        self.turns = 0
        """Spoken turns so far."""
        self.discarded_ms = 0.0
        """Audio outside the client's windows."""
        self.began: Callable[[float], None] = lambda now: None
        self.ended: Callable[[float], None] = lambda now: None

    @property
    def speaking(self) -> bool:
        """In the middle of a turn."""
        return self._window if self._detector is None else self._detector.speaking

    def hear(self, audio: bytes, mime: str, now: float) -> None:
        """Audio of the user. Raises Refusal for a format it does not know, or half a sample."""
        self._use(mime)
        if len(audio) % 2:
            raise Refusal("Request contains an invalid argument: 16-bit audio of an odd length.")
        self._timeline.appended(len(audio), now)
        if self._detector is None and not self._window:
            self.discarded_ms += len(audio) / BYTES_PER_MS[self._buffer.kind]
            return
        for found in self._buffer.append(audio, self._detector) or ():
            self._found(found, now)

    def start(self, now: float) -> None:
        """The client says that the user begins. Raises Refusal where the service listens itself."""
        self._require_manual()
        if not self._window:
            self._window = True
            self._begin(self._buffer.clock_ms, now)

    def end(self, now: float) -> None:
        """The client says that the user has ended. Raises Refusal where the service listens itself."""
        self._require_manual()
        if self._window:
            self._window = False
            self._end(self._buffer.clock_ms, now)

    def stream_end(self, now: float) -> None:
        """The microphone is off: a turn under way is over."""
        if self._detector is not None and self._detector.speaking:
            self._detector.reset()
            self._end(self._buffer.clock_ms, now)

    def _require_manual(self) -> None:
        if self._detector is not None:
            raise Refusal("Explicit activity control is not supported when automatic activity detection is enabled.")

    def _use(self, mime: str) -> None:
        kind, _, rate = mime.replace(" ", "").partition(";rate=")
        name = f"{kind};rate={rate or DEFAULT_RATE}"
        if name == self._buffer.kind:
            return
        if kind != "audio/pcm" or name not in BYTES_PER_MS:
            raise Refusal(f"Unsupported MIME type: {mime}")
        self._buffer.use(name)

    def _found(self, heard: Heard, now: float) -> None:
        if heard.kind == "started":
            self._begin(heard.at_ms, now)
        else:
            self._end(heard.at_ms, now)

    def _begin(self, at_ms: float, now: float) -> None:
        self._from_ms = at_ms
        self._timeline.note("speech_started", now, audio_start_ms=round(at_ms), clock_ms=self._buffer.clock_ms)
        self.began(now)

    def _end(self, at_ms: float, now: float) -> None:
        self.turns += 1
        length_ms = at_ms - self._from_ms
        self._memory.audio_tokens += tokens_of_audio(length_ms)
        last_append_at = self._timeline.last_append_at
        self._timeline.note("speech_stopped", now, audio_end_ms=round(at_ms), last_append_at=last_append_at)
        self._timeline.note("committed", now, audio_ms=length_ms, turn=self.turns)
        text = self._text(length_ms)
        self._memory.said("user", text)
        if self._setup.transcribes_input:
            self._agenda.at(now + self._settings.transcription_ms / 1000, lambda _: self._transcribe(text))
        self.ended(now)

    def _text(self, length_ms: float) -> str:
        hears = self._settings.hears
        return hears[(self.turns - 1) % len(hears)] if hears else f"(speech, {length_ms / 1000:.1f} s)"

    def _transcribe(self, text: str) -> None:
        for word in text.split():
            # Every piece begins with a space, the first one too, and none says that it is the last.
            self._outbox.content(inputTranscription={"text": f" {word}"})
