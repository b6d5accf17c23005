"""The caller's audio: from bytes of any length to turns, and the samples of each."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from mediacodecs.pcm import Pcm
from mediaproviders.contract import AudioFormat
from mediaproviders.hearing.turns import Pace, TurnEvent, Turns
from mediaproviders.transcode import linear


class Detector(Protocol):
    """Tells speech from other sound, frame by frame, and keeps state from one to the next."""

    @property
    def frame(self) -> int:
        """Samples of one frame at 8 kHz."""

    def speech(self, frame: Pcm) -> bool:
        """Whether the next frame is speech."""


class Listener:
    """Cuts the caller's audio into turns and keeps the samples of the turn in progress: never more than the longest."""

    def __init__(self, audio: AudioFormat, detector: Detector, pace: Pace, name: Callable[[], str]) -> None:
        self._format = audio
        self._detector = detector
        self._turns = Turns(pace, name)
        self._ratio = audio.rate // 8000
        self._frame = detector.frame * self._ratio
        self._frame_ms = detector.frame / 8.0
        self._odd = b""
        self._loose: Pcm = np.zeros(0, np.int16)
        self._kept: deque[Pcm] = deque()
        self._lead = max(1, round((pace.lead_ms + pace.onset_ms) / self._frame_ms))

    @property
    def rate(self) -> int:
        """Samples per second of what :meth:`samples` gives."""
        return self._format.rate

    @property
    def speaking(self) -> bool:
        """The caller is in the middle of a turn."""
        return self._turns.speaking

    @property
    def now_ms(self) -> float:
        """Audio heard so far, in ms."""
        return self._turns.now_ms

    def hear(self, data: bytes) -> list[TurnEvent]:
        """Take audio, up to the first event in it: until the next call :meth:`samples` gives the turn it is about."""
        self._loose = np.concatenate((self._loose, self._decode(data)))
        events: list[TurnEvent] = []
        while self._loose.size >= self._frame:
            frame, self._loose = self._loose[: self._frame], self._loose[self._frame :]
            events += self._hear_frame(frame)
            if events:
                break
        return events

    @property
    def pending(self) -> bool:
        """A whole frame waits: :meth:`hear` stopped at an event and wants to be called again, with nothing."""
        return self._loose.size >= self._frame

    def samples(self) -> Pcm:
        """The turn in progress, or the one just committed, with a little of what came before it."""
        return np.concatenate(tuple(self._kept)) if self._kept else np.zeros(0, np.int16)

    def _hear_frame(self, frame: Pcm) -> list[TurnEvent]:
        if not self._turns.speaking:
            while len(self._kept) >= self._lead:
                self._kept.popleft()
        self._kept.append(frame)
        return self._turns.frame(self._detector.speech(_narrow(frame, self._ratio)), self._frame_ms)

    def _decode(self, data: bytes) -> Pcm:
        if self._format.encoding == "pcm16":
            data = self._odd + data
            whole = len(data) & ~1
            data, self._odd = data[:whole], data[whole:]
        return linear(data, self._format)


def _narrow(frame: Pcm, ratio: int) -> Pcm:
    """The frame at 8 kHz. A mean of neighbours is filter enough for a detector."""
    if ratio == 1:
        return frame
    return frame.reshape(-1, ratio).mean(axis=1).astype(np.int16)
