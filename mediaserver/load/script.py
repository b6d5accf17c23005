"""What a caller does during a call: steps, and the pure player that turns them into frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from mediaserver.load.ear import Ear
from mediaserver.load.recording import RATE, Samples


@dataclass(frozen=True, slots=True)
class Play:
    """Speak these samples (8 kHz); `label` names them in the report."""

    samples: Samples
    label: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Send silence for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class At:
    """Send silence until `seconds` after the answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitForAnswer:
    """Listen until the agent has spoken since this step began and then was quiet for `quiet_s`; at most `timeout_s`."""

    quiet_s: float = 0.8
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class WhileAgentSpeaks:
    """Listen until `after_s` after the agent began to speak: the next step barges in; at most `timeout_s`."""

    after_s: float
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Digits:
    """Press keys (0-9 * # A-D) as telephone-events (RFC 4733)."""

    keys: str


@dataclass(frozen=True, slots=True)
class StopRtp:
    """Send no packet at all for `seconds`; infinite for ever."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Send BYE."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """Leave without a BYE, as a phone whose battery died."""


type Step = Play | Silence | At | WaitForAnswer | WhileAgentSpeaks | Digits | StopRtp | HangUp | Vanish


class Leave(Enum):
    """How a script ends a call."""

    HANG_UP = auto()
    VANISH = auto()


@dataclass(slots=True)
class Spoken:
    """One `Play` as it went out, in monotonic seconds; `voice_ended_at` is the end of its last loud frame."""

    label: str
    began_at: float
    ended_at: float
    voice_ended_at: float


type Frame = Samples | str | Leave | None
"""What to send for one ptime: samples, a key to press, a way to leave, or no packet."""


class Performance:
    """
    Plays a script frame by frame. Pure: ask :meth:`frame` once per ptime.

    After the last step it hangs up if it `ends`, and is silent otherwise. `said` is told what begins to be spoken.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        ear: Ear,
        ptime_ms: int,
        *,
        ends: bool = False,
        said: Callable[[str], None] = lambda label: None,
    ) -> None:
        self._said = said
        self._steps = list(steps)
        self._ends = ends
        self._ear = ear
        self._length = RATE * ptime_ms // 1000
        self._silence = np.zeros(self._length, dtype=np.int16)
        self._index = 0
        self._started_at: float | None = None
        self._answered_at: float | None = None
        self._offset = 0
        self.spoken: list[Spoken] = []
        self.timed_out: list[Step] = []

    @property
    def done(self) -> bool:
        """Every step was played."""
        return self._index >= len(self._steps)

    def frame(self, now: float) -> Frame:
        """What to send for the ptime that begins `now`."""
        if self._answered_at is None:
            self._answered_at = now
        while not self.done:
            if self._started_at is None:
                self._started_at, self._offset = now, 0
            step = self._steps[self._index]
            match step:
                case Play(samples):
                    if self._offset < len(samples):
                        return self._speak(step, now)
                case Digits(keys):
                    if self._offset < len(keys):
                        self._offset += 1
                        return keys[self._offset - 1]
                case StopRtp(seconds):
                    if now < self._started_at + seconds - 1e-6:
                        return None
                case HangUp():
                    return Leave.HANG_UP
                case Vanish():
                    return Leave.VANISH
                case _:
                    if not self._waited(step, now, self._started_at):
                        return self._silence
            self._index, self._started_at = self._index + 1, None
        return Leave.HANG_UP if self._ends else self._silence

    def _speak(self, step: Play, now: float) -> Samples:
        if self._offset == 0:
            self.spoken.append(Spoken(step.label, now, now, now))
            self._said(step.label)
        piece = step.samples[self._offset : self._offset + self._length]
        self._offset += self._length
        if len(piece) < self._length:
            piece = np.concatenate((piece, self._silence[len(piece) :]))
        ended = now + self._length / RATE
        self.spoken[-1].ended_at = ended
        self._note_voice(piece, ended)
        return piece

    def _note_voice(self, piece: Samples, ended: float) -> None:
        loudest = int(np.abs(piece.astype(np.int32)).max(initial=0))
        if loudest > 500:
            self.spoken[-1].voice_ended_at = ended

    def _waited(self, step: Step, now: float, since: float) -> bool:
        match step:
            case Silence(seconds):
                return now >= since + seconds - 1e-6
            case At(seconds):
                assert self._answered_at is not None
                return now >= self._answered_at + seconds - 1e-6
            case WaitForAnswer(quiet_s, timeout_s):
                last = self._ear.last_loud_at
                if last is not None and last > since and self._ear.quiet_for(now) >= quiet_s:
                    return True
                return self._gave_up(step, now - since > timeout_s)
            case WhileAgentSpeaks(after_s, timeout_s):
                began = self._ear.onset_since(since)
                if began is not None and self._ear.speaking(now) and now >= began + after_s:
                    return True
                return self._gave_up(step, now - since > timeout_s)
        return True

    def _gave_up(self, step: Step, late: bool) -> bool:
        if late:
            self.timed_out.append(step)
        return late
