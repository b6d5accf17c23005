"""One call over such a line in virtual time: the server's own session, uplink, guard, detectors and turns."""

import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bench.echo_line import FRAME, RATE, FarEnd, Line
from mediacodecs.g711 import CODECS
from mediacodecs.pcm import Pcm
from mediacodecs.signal.vad import DetectorPool
from mediaproviders.contract import PCMA, PCMU
from mediaproviders.emulators.speech import Detector, floor_of, loudness
from mediaserver.rtp import packet
from mediaserver.rtp.plan import StreamPlan
from mediaserver.rtp.playout import ItemStarted, Playout
from mediaserver.rtp.session import MediaSession
from mediaserver.talk.echo import Guard
from mediaserver.talk.turn import Action, Turn
from mediaserver.talk.uplink import Uplink

PEER = ("192.0.2.1", 4000)
ONSET_MS = 60.0
"""Loud audio that a model's detector takes for speech to have started."""
JUDGED_S = 1.5
"""After its beginning an interruption that is not decided counts as missed."""
SURE = 2
"""Windows of 32 ms in a row in which a model's neural detector hears speech, for it to say so."""

type Deciding = Literal["provider", "local"]


@dataclass(frozen=True, slots=True)
class Says:
    """What the caller says, scaled already, and when (seconds of the call)."""

    samples: Pcm
    at_s: float


@dataclass(slots=True)
class Outcome:
    """What was decided, and when (seconds of the call)."""

    ducked: list[float] = field(default_factory=list)
    interrupted: list[float] = field(default_factory=list)
    """By our own detector (`local`)."""
    started: list[float] = field(default_factory=list)
    """Speech, to the model's detector of energy."""
    sure: list[float] = field(default_factory=list)
    """Speech, to a model's neural detector."""
    guard_s: float = 0.0
    """CPU time of the uplink, guard included."""
    seconds: float = 0.0
    passed: list[bytes] = field(default_factory=list)
    """What the model was sent."""
    came: list[bytes] = field(default_factory=list)
    """What the far end said."""
    delay_ms: float | None = None
    level_db: float | None = None
    spoke_s: float = 0.0
    """How long the agent was heard."""


class EchoCall:
    """Plays `answers` (samples and when they begin) to the far end, and listens."""

    def __init__(
        self,
        line: Line,
        answers: list[tuple[Pcm, float]],
        says: Says | None,
        *,
        deciding: Deciding,
        seed: int,
        pool: DetectorPool,
        guarded: bool = True,
        doubtful: bool = True,
    ) -> None:
        last = max(at + len(pcm) / RATE for pcm, at in answers)
        self._seconds = last + 0.8 if says is None else says.at_s + JUDGED_S + 0.1
        peak = max(float(np.abs(pcm.astype(np.int32)).max()) for pcm, _ in answers)
        self._far = FarEnd(line, self._seconds, seed, peak)
        if says is not None:
            at = round(says.at_s * RATE)
            room = len(self._far.says) - at
            self._far.says[at : at + min(len(says.samples), room)] = says.samples[:room]
        self._line, self._answers, self._deciding = line, sorted(answers, key=lambda each: each[1]), deciding
        self._rng = np.random.default_rng(seed + 1)
        self._codec = CODECS[line.encoding]
        audio = PCMA if line.encoding == "PCMA" else PCMU
        self._kind = "audio/pcma" if line.encoding == "PCMA" else "audio/pcmu"
        kind = self._codec.spec.payload_type or 0
        plan = StreamPlan({kind: line.encoding}, kind, line.encoding, 20, PEER, PEER)
        self._playout = Playout(encoding=line.encoding, ptime_ms=20, source=audio)
        self._session = MediaSession(
            plan, ssrc=1, cname="bench", first_sequence=0, first_timestamp=0, now=0.0, playout=self._playout
        )
        self._session.start(0.02)
        self._uplink = Uplink(audio, audio)
        self._uplink.sink = self._model_hears
        self._guard: Guard | None = None
        if guarded:
            self._guard = self._uplink.guard = Guard(audio, doubtful=doubtful)
            self._session.overhear(self._guard.played)
        self._turn = Turn()
        self._pool = pool
        self._detector = pool.detector()
        self._neural = pool.detector()
        self._uplink.listen_in(self._detector, self._hinted)
        self._model = Detector({"threshold": 0.5}, ONSET_MS)
        self._clock_ms = 0.0
        self._windows = 0
        self._now = 0.0
        self._sequence = 0
        self._arriving: list[tuple[float, bytes]] = []
        self._sent: bytes | None = None
        self.outcome = Outcome(seconds=self._seconds)

    def run(self) -> Outcome:
        """The whole call."""
        for number in range(1, round(self._seconds * 50)):
            self._now = number * 0.02
            self._tick()
        for detector in (self._detector, self._neural):
            detector.close()
        if self._guard is not None and (figures := self._guard.figures()) is not None:
            self.outcome.delay_ms, self.outcome.level_db = figures.delay_ms, figures.level_db
        return self.outcome

    def _tick(self) -> None:
        now = self._now
        while self._answers and self._answers[0][1] <= now:
            pcm, at = self._answers.pop(0)
            self._playout.push(f"item{at}", self._codec.encode(pcm))
            self._playout.finish(f"item{at}")
        self._session.tick(now, self._send)
        self._played(now)
        payload = self._far.say()
        self.outcome.came.append(payload)
        if self._rng.random() >= self._line.loss:
            late = float(self._rng.random()) * self._line.jitter_ms / 1000
            wire = packet.build(self._codec.spec.payload_type or 0, self._sequence, self._sequence * FRAME, 7, payload)
            self._arriving.append((now + late, wire))
        self._sequence += 1
        self._arrive(now)
        self._judge(now)

    def _send(self, wire: bytes) -> None:
        payload = wire[12:]
        self._far.hear(None if self._rng.random() < self._line.loss else payload)

    def _played(self, now: float) -> None:
        for event in self._playout.events():
            if isinstance(event, ItemStarted):
                self._uplink.judge(True)
                self._act(self._turn.agent_begins())
        if self._playout.current is None:
            self._uplink.judge(False)
            self._act(self._turn.agent_ends())
        else:
            self.outcome.spoke_s += 0.02

    def _arrive(self, now: float) -> None:
        due = sorted(each for each in self._arriving if each[0] <= now)
        self._arriving = [each for each in self._arriving if each[0] > now]
        began = time.process_time()
        for _, wire in due:
            self._take(self._session.rtp_received(wire, PEER, now))
        self._take(self._session.overdue(now))
        self.outcome.guard_s += time.process_time() - began

    def _take(self, payload: bytes | None) -> None:
        if payload is not None:
            self._uplink.take(payload, self._now)
        for late in self._session.take_backlog():
            self._uplink.take(late, self._now)

    def _judge(self, now: float) -> None:
        for detector, probability in self._pool.run():
            speech = probability >= 0.5
            if detector is self._neural:
                self._windows = self._windows + 1 if speech else 0
                if self._windows == SURE:
                    self.outcome.sure.append(now)
            elif detector is self._detector:
                self._act(self._turn.voice(now, 32, speech))
        self._act(self._turn.tick(now))

    def _hinted(self, now: float) -> None:
        self._act(self._turn.hint(now))

    def _act(self, action: Action | None) -> None:
        if action is Action.DUCK:
            self.outcome.ducked.append(self._now)
            if self._deciding == "local":
                self._playout.duck()
        elif action is Action.RESUME:
            self._playout.resume()
        elif action is Action.INTERRUPT:
            self.outcome.interrupted.append(self._now)
            if self._deciding == "local":
                self._playout.flush()

    def _model_hears(self, payload: bytes) -> None:
        self.outcome.passed.append(payload)
        self._clock_ms += len(payload) / 8
        pcm = self._codec.decode(payload)
        for at in range(0, len(payload), FRAME):
            block = payload[at : at + FRAME]
            found = self._model.hear(loudness(block, self._kind), len(block) / 8, self._clock_ms)
            if found is not None and found.kind == "started":
                self.outcome.started.append(self._now)
                if self._deciding == "provider" and self._playout.current is not None:
                    self._playout.flush()
        if len(pcm) % 80 == 0:
            self._neural.push(pcm, self._now)


def loud_onset(says: Says) -> float:
    """When the first packet arrives that a model's detector calls loud, of the caller alone (seconds of the call)."""
    samples = says.samples
    begin = round(says.at_s * RATE)
    into = -begin % FRAME
    for at in range(into, len(samples) - FRAME, FRAME):
        if loudness(CODECS["PCMU"].encode(samples[at : at + FRAME]), "audio/pcmu") >= floor_of(0.5):
            return (begin + at) / RATE + 0.02
    raise ValueError("the caller says nothing loud: raise its level")
