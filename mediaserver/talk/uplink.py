"""From the caller's ear-side to the model: payloads pass through, a detector listens in when we decide interruptions.

Each payload is decoded once; level, gate and detector share that view.
"""

import audioop
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np

from mediacodecs.g711 import ALAW_TO_ULAW, ULAW_TO_ALAW
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat

LEG_RATE = 8000
LOUD_RMS = 330
"""About -40 dBFS: above it someone is speaking, on any ordinary line."""
VOICE_GAP_S = 0.3
"""A shorter pause does not begin a new stretch of voice."""


class Detector(Protocol):
    """A cheap gate, quick to hear an onset and often wrong, before a good detector that is run in batches elsewhere."""

    def push(self, pcm: Pcm, now: float) -> bool:
        """Take int16 samples at 8 kHz; whether the gate thinks they may be speech."""


def converter(encoding: Literal["PCMU", "PCMA"], wanted: AudioFormat) -> Callable[[bytes, bytes], bytes] | None:
    """From the leg's payload (and its PCM at 8 kHz) to what the provider wants; None: the payload passes untouched."""
    if wanted.encoding == encoding.lower():
        return None
    if wanted.encoding != "pcm16":
        table = ULAW_TO_ALAW if encoding == "PCMU" else ALAW_TO_ULAW
        return lambda payload, pcm: payload.translate(table)
    if wanted.rate == LEG_RATE:
        return lambda payload, pcm: pcm
    resampler = Resampler(LEG_RATE, wanted.rate)
    return lambda payload, pcm: to_bytes(resampler.process(from_bytes(pcm)))


class Uplink:
    """One leg's audio on its way to the model."""

    __slots__ = ("_convert", "_decode", "_detector", "_hint", "_hinted", "last_voice", "sink", "voice_began")

    def __init__(self, encoding: Literal["PCMU", "PCMA"], wanted: AudioFormat) -> None:
        self._decode = audioop.ulaw2lin if encoding == "PCMU" else audioop.alaw2lin
        self._convert = converter(encoding, wanted)
        self.sink: Callable[[bytes], None] | None = None
        """Takes the payload; None until the model listens."""
        self._detector: Detector | None = None
        self._hint: Callable[[float], None] | None = None
        self._hinted = 0
        self.voice_began = 0.0
        """When the current or last stretch of loud caller audio began (monotonic seconds)."""
        self.last_voice = 0.0
        """When the caller was last loud (monotonic seconds)."""

    def listen_in(self, detector: Detector, hint: Callable[[float], None]) -> None:
        """Have `detector` judge what passes; `hint` is called when its gate hears an onset."""
        self._detector, self._hint = detector, hint

    def take(self, payload: bytes, now: float) -> None:
        """One payload of the leg, in order. Hot: once per packet."""
        sink = self.sink
        if sink is None:
            return
        pcm = self._decode(payload, 2)
        convert = self._convert
        sink(payload if convert is None else convert(payload, pcm))
        loud = audioop.rms(pcm, 2) > LOUD_RMS
        if loud:
            if now - self.last_voice > VOICE_GAP_S:
                self.voice_began = now
            self.last_voice = now
        if self._detector is not None:
            self._judge(pcm, loud, now)

    def _judge(self, pcm: bytes, loud: bool, now: float) -> None:
        detector, hint = self._detector, self._hint
        assert detector is not None and hint is not None
        # Two packets in a row: one is a click.
        if detector.push(np.frombuffer(pcm, "<i2"), now) and loud:
            self._hinted += 1
            if self._hinted == 2:
                hint(now)
        else:
            self._hinted = 0
