"""When the caller speaks: an energy detector on the input buffer's own clock.

The clock counts milliseconds of audio received, not wall time: a client that sends no audio stops it, as with the
real service. Loudness is the mean magnitude of 20 ms blocks, so that a detector costs a few microseconds a message.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mediacodecs.g711 import PCMA, PCMU

BLOCK_MS = 20.0
EAGERNESS_SILENCE_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 500}
# Magnitudes are counted in steps of 32 so that they fit a byte; from 8160 up it is speech under any threshold.
_STEP = 32


def _levels(codec: Any) -> bytes:
    samples = np.abs(codec.decode(bytes(range(256))).astype(np.int32))
    return bytes(np.minimum(samples // _STEP, 255).astype(np.uint8))


_G711_LEVELS = {"audio/pcmu": _levels(PCMU), "audio/pcma": _levels(PCMA)}
BYTES_PER_MS = {"audio/pcmu": 8, "audio/pcma": 8, "audio/pcm": 48}
BYTES_PER_MS |= {f"audio/pcm;rate={rate}": rate // 500 for rate in (8000, 16000, 24000, 32000, 48000)}
"""By the name of a format: G.711, or 16-bit PCM at 24 kHz unless a rate is named."""


def loudness(block: bytes, kind: str) -> float:
    """Mean magnitude of a block's samples, 0 to 32767, in a format named as in the session (`audio/pcmu`, …)."""
    table = _G711_LEVELS.get(kind)
    if table is not None:
        return sum(block.translate(table)) * _STEP / len(block)
    samples = np.frombuffer(block, "<i2")
    return float(np.abs(samples.astype(np.int32)).mean())


def floor_of(threshold: float) -> float:
    """The mean magnitude that counts as speech: -60 dB of full scale at threshold 0, -40 at 0.5, -20 at 1."""
    return float(32768 * 10 ** ((-60 + 40 * threshold) / 20))


@dataclass(frozen=True, slots=True)
class Heard:
    """The detector's finding: speech `started` or `stopped`, at `at_ms` of the buffer's clock."""

    kind: Literal["started", "stopped"]
    at_ms: float


class Detector:
    """Speech and silence in the audio of one session, by its `turn_detection` settings."""

    def __init__(self, settings: dict[str, Any], onset_ms: float) -> None:
        self._onset_ms = onset_ms
        self._speaking = False
        self._loud_ms = 0.0
        self._quiet_ms = 0.0
        self.configure(settings)

    def configure(self, settings: dict[str, Any]) -> None:
        """Take new settings; speech under way goes on."""
        self._floor = floor_of(settings.get("threshold", 0.5))
        self._prefix_ms = float(settings.get("prefix_padding_ms", 300))
        silence = settings.get("silence_duration_ms", EAGERNESS_SILENCE_MS[settings.get("eagerness", "auto")])
        self._silence_ms = float(silence)

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not stopped."""
        return self._speaking

    def reset(self) -> None:
        """Forget the speech under way: its audio has left the buffer."""
        self._speaking = False
        self._loud_ms = self._quiet_ms = 0.0

    def hear(self, level: float, length_ms: float, end_ms: float) -> Heard | None:
        """Take the loudness of the block that ends at `end_ms` of the clock."""
        if level < self._floor:
            return self._quiet(length_ms, end_ms)
        self._quiet_ms = 0.0
        if self._speaking:
            return None
        self._loud_ms += length_ms
        if self._loud_ms < self._onset_ms:
            return None
        self._speaking = True
        return Heard("started", end_ms - self._loud_ms - self._prefix_ms)

    def _quiet(self, length_ms: float, end_ms: float) -> Heard | None:
        self._loud_ms = 0.0
        if not self._speaking:
            return None
        self._quiet_ms += length_ms
        if self._quiet_ms < self._silence_ms:
            return None
        self.reset()
        return Heard("stopped", end_ms)


class InputBuffer:
    """The input audio buffer: its clock, and how much of it is not yet committed.

    The audio itself is not kept: nothing in the protocol asks for it back.
    """

    def __init__(self, kind: str) -> None:
        self._pending = bytearray()
        self._detected_ms = 0.0
        self.clock_ms = 0.0
        """Audio received in this session."""
        self.start_ms = 0.0
        """Where on the clock the uncommitted audio begins."""
        self.use(kind)

    def use(self, kind: str) -> None:
        """Read what comes from now on in this format; a part of a block in the old one is dropped unheard."""
        self._kind = kind
        self._bytes_per_ms = BYTES_PER_MS[kind]
        self._block = int(BLOCK_MS * self._bytes_per_ms)
        self._pending.clear()
        self._detected_ms = self.clock_ms

    @property
    def kind(self) -> str:
        """The format's name."""
        return self._kind

    @property
    def held_ms(self) -> float:
        """Length of the uncommitted audio."""
        return self.clock_ms - self.start_ms

    def empty(self) -> None:
        """Commit or clear: what is held leaves the buffer."""
        self.start_ms = self.clock_ms

    def append(self, audio: bytes, detector: Detector | None) -> list[Heard] | None:
        """Take audio and let the detector hear it; None if it found nothing, as for nearly every message."""
        self.clock_ms += len(audio) / self._bytes_per_ms
        if detector is None:
            self._pending.clear()
            self._detected_ms = self.clock_ms
            return None
        if not self._pending and len(audio) == self._block:
            self._detected_ms += BLOCK_MS
            found = detector.hear(loudness(audio, self._kind), BLOCK_MS, self._detected_ms)
            return None if found is None else [found]
        return self._blocks(audio, detector)

    def _blocks(self, audio: bytes, detector: Detector) -> list[Heard] | None:
        self._pending += audio
        findings: list[Heard] = []
        whole = len(self._pending) // self._block * self._block
        for offset in range(0, whole, self._block):
            self._detected_ms += BLOCK_MS
            block = bytes(self._pending[offset : offset + self._block])
            found = detector.hear(loudness(block, self._kind), BLOCK_MS, self._detected_ms)
            if found is not None:
                findings.append(found)
        del self._pending[:whole]
        return findings or None
