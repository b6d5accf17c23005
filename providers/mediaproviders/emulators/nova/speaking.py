"""What the model says: one turn of the assistant, sentence by sentence, at its pace."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from mediaproviders.emulators.answers import Answers
from mediaproviders.emulators.nova.blocks import Blocks
from mediaproviders.emulators.pace import Pace

type Status = Literal["completed", "interrupted", "empty", "tool"]
NEVER = float("inf")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One audio event: base64, and its length."""

    encoded: str
    ms: int


class Speech:
    """The answers of one emulator, cut into pieces; made once, then shared by all sessions."""

    def __init__(self, answers: Answers, pace: Pace, variety: int) -> None:
        self._answers, self._pace, self._variety = answers, pace, variety
        self._ready: dict[tuple[int, int], tuple[Piece, ...]] = {}

    def pieces(self, index: int, rate: int) -> tuple[Piece, ...]:
        """Answer `index` (from 0) at `rate`."""
        key = index % self._variety, rate
        ready = self._ready.get(key)
        if ready is None:
            ready = self._ready[key] = tuple(self._cut(self._answers.pcm(index, rate).astype("<i2").tobytes(), rate))
        return ready

    def _cut(self, audio: bytes, rate: int) -> Iterator[Piece]:
        offset, bytes_per_ms = 0, rate // 500
        for ms in self._pace.lengths(len(audio) // bytes_per_ms):
            size = ms * bytes_per_ms
            yield Piece(base64.b64encode(audio[offset : offset + size]).decode(), ms)
            offset += size


@dataclass(frozen=True, slots=True)
class Order:
    """What one turn is to be."""

    number: int
    """Counted in its session, from 1."""
    text: str
    pieces: tuple[Piece, ...]
    rate: int
    call: tuple[str, str] | None = None
    """A tool use instead of speech: name and JSON arguments."""
    empty: bool = False
    """It ends without a word."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What turns share."""

    blocks: Blocks
    pace: Pace
    jitter: Callable[[], float]
    """Random numbers in [0, 1)."""
    interruption: str
    end_turn_first: bool
    audio_sent: Callable[["Turn", float], None]
    """Told after each piece of audio, with the time."""
    finished: Callable[["Turn", float], None]
    """Told after the turn's last event, with the time."""


@dataclass(slots=True)
class _Sentence:
    text: str
    pieces: tuple[Piece, ...] = field(default=())


def sentences(text: str, pieces: tuple[Piece, ...]) -> list[_Sentence]:
    """The text cut into sentences, each with its share of the audio."""
    texts = [each for each in _SENTENCE_END.split(text) if each] or [""]
    total, marks, length = sum(map(len, texts)) or 1, [0], 0
    for each in texts:
        length += len(each)
        marks.append(round(len(pieces) * length / total))
    marks[-1] = len(pieces)
    return [_Sentence(each, pieces[a:b]) for each, (a, b) in zip(texts, pairwise(marks), strict=True)]


class Turn:
    """A turn under way. `advance` does what is due; `due` says when there is more to do."""

    def __init__(self, order: Order, around: Surroundings) -> None:
        self.order = order
        self.due = NEVER
        self.sent_ms = 0.0
        """Audio sent so far."""
        self.first_audio_at = 0.0
        self.status: Status | None = None
        """How it ended; None: it has not."""
        self.use: str | None = None
        """The tool use it asked for."""
        self._around = around
        self._blocks = around.blocks
        self._audio: str | None = None
        self._said: list[str] = []
        self._hold_s = self._now = self._flood_ms = 0.0
        self._flooding = False
        self._steps: Iterator[float] = iter(())

    def start(self, now: float) -> None:
        """Begin to think."""
        self._steps = self._body(now)
        self.due = next(self._steps)

    def advance(self, now: float) -> None:
        """Do everything due."""
        self._now = now
        while self.due <= now:
            due = next(self._steps, None)
            if due is None:
                if self.status is not None:
                    self._end(self.status, now)
                return
            self.due = due

    def interrupt(self, now: float) -> None:
        """The user took the floor."""
        around, audio = self._around, self._audio
        if audio is not None:
            form = "PARTIAL_TURN" if around.interruption == "marker" else "INTERRUPTED"
            self._blocks.end(audio, "AUDIO", "END_TURN" if around.end_turn_first else form)
            self._audio = None
        self._blocks.interrupted(around.interruption, " ".join(self._said) or "…")
        self._end("interrupted", now)

    def hold(self, seconds: float) -> None:
        """Deliver nothing for a while."""
        self._hold_s += seconds
        self.due += seconds

    def flood(self, seconds: float) -> None:
        """Deliver the rest at once, and `seconds` of more audio with it."""
        self._flooding = True
        self._flood_ms += seconds * 1000
        self.due = 0.0

    def _body(self, start: float) -> Iterator[float]:
        order, pace = self.order, self._around.pace
        due = start + pace.due_s(0.0, self._around.jitter())
        yield due
        if order.call is not None:
            self.use = self._blocks.tool(*order.call)
            self.status = "tool"
            return
        if order.empty:
            self._blocks.end(self._blocks.begin_audio(order.rate), "AUDIO", "END_TURN")
            self.status = "empty"
            return
        said = sentences(order.text, order.pieces)
        for number, sentence in enumerate(said, 1):
            self._blocks.text("ASSISTANT", "SPECULATIVE", sentence.text, "PARTIAL_TURN")
            self._blocks.bill.wrote(sentence.text)
            self._said.append(sentence.text)
            self._audio = self._blocks.begin_audio(order.rate)
            for piece in self._with_flood(sentence.pieces, last=number == len(said)):
                self._send(piece)
                if self.due == NEVER:
                    return
                if not self._flooding:
                    due = max(due, start + self._hold_s + pace.due_s(self.sent_ms, self._around.jitter()))
                    yield due
            audio, self._audio = self._audio, None
            stop = "END_TURN" if number == len(said) else "PARTIAL_TURN"
            self._blocks.end(audio, "AUDIO", stop)
            self._blocks.text("ASSISTANT", "FINAL", sentence.text, stop)
        self.status = "completed"

    def _with_flood(self, pieces: tuple[Piece, ...], *, last: bool) -> Iterator[Piece]:
        yield from pieces
        extra_ms = 0.0
        while last and pieces and extra_ms < self._flood_ms:
            for piece in pieces:
                yield piece
                extra_ms += piece.ms

    def _send(self, piece: Piece) -> None:
        assert self._audio is not None
        if not self.sent_ms:
            self.first_audio_at = self._now
        self._blocks.outbox.emit_audio(self._audio, piece.encoded)
        self.sent_ms += piece.ms
        self._blocks.bill.spoke(piece.ms)
        self._around.audio_sent(self, self._now)

    def _end(self, status: Status, now: float) -> None:
        if self.due == NEVER:
            return
        self.status, self.due = status, NEVER
        self._around.finished(self, now)
