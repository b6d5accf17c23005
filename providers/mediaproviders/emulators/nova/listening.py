"""What the user says: audio on its own clock, and the turns found in it."""

from collections.abc import Callable
from itertools import pairwise

from mediaproviders.emulators.agenda import Agenda
from mediaproviders.emulators.nova.blocks import Blocks
from mediaproviders.emulators.nova.settings import NovaSettings
from mediaproviders.emulators.nova.shapes import Violation
from mediaproviders.emulators.speech import Detector, Heard, InputBuffer
from mediaproviders.emulators.timeline import Timeline

SILENCE_MS = {"HIGH": 1500.0, "MEDIUM": 1750.0, "LOW": 2000.0}


class Listening:
    """The user's side of one session."""

    def __init__(self, settings: NovaSettings, blocks: Blocks, agenda: Agenda, timeline: Timeline) -> None:
        self._settings, self._blocks, self._agenda, self._timeline = settings, blocks, agenda, timeline
        self._buffer: InputBuffer | None = None
        self._detector: Detector | None = None
        self._silence_ms = SILENCE_MS["HIGH"]
        self._spoken = 0
        self._start_ms = 0.0
        self.heard_at: float | None = None
        """When audio last came."""
        self.began: Callable[[float], None] = lambda now: None
        """The user began to speak."""
        self.understood: Callable[[float], None] = lambda now: None
        """A turn of the user's is over and written down."""

    def configure(self, sensitivity: str | None) -> None:
        """How soon a turn is over."""
        self._silence_ms = self._settings.silence_ms or SILENCE_MS[sensitivity or "HIGH"]

    def begin(self, rate: int, now: float) -> None:
        """Audio at this rate will come."""
        self._buffer = InputBuffer(f"audio/pcm;rate={rate}")
        detection = {"silence_duration_ms": self._silence_ms, "prefix_padding_ms": 0}
        self._detector = Detector(detection, self._settings.onset_ms)
        self.heard_at = now

    def append(self, audio: bytes, now: float) -> None:
        """Take audio. Raises Violation if it is not whole samples."""
        buffer = self._buffer
        assert buffer is not None
        if len(audio) % 2:
            raise Violation("Invalid input request: 16-bit audio has an even number of bytes.")
        self._timeline.appended(len(audio), now)
        before, self.heard_at = buffer.clock_ms, now
        found = buffer.append(audio, self._detector)
        self._blocks.bill.heard(buffer.clock_ms - before)
        for each in found or ():
            self._found(each, now)

    def _found(self, heard: Heard, now: float) -> None:
        if heard.kind == "started":
            self._start_ms = heard.at_ms
            self._timeline.note("speech_started", now, audio_start_ms=round(heard.at_ms))
            self.began(now)
            return
        details = {"audio_end_ms": round(heard.at_ms), "last_append_at": self._timeline.last_append_at}
        self._timeline.note("speech_stopped", now, **details)
        length_ms = heard.at_ms - self._silence_ms - self._start_ms
        self._spoken += 1
        self._timeline.note("committed", now, audio_ms=length_ms, turn=self._spoken)
        text = self._text(length_ms)
        self._agenda.at(now + self._settings.recognition_ms / 1000, lambda then: self._write(text, then))

    def _text(self, length_ms: float) -> str:
        hears = self._settings.hears
        return hears[(self._spoken - 1) % len(hears)] if hears else f"(speech, {length_ms / 1000:.1f} s)"

    def _write(self, text: str, now: float) -> None:
        words, count = text.split(" "), min(self._settings.pieces, len(text.split(" ")))
        marks = [len(words) * number // count for number in range(count + 1)]
        for first, last in pairwise(marks):
            self._blocks.text("USER", "FINAL", " ".join(words[first:last]), "PARTIAL_TURN")
        self.understood(now)
