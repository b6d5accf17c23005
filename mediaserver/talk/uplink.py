"""From the caller's ear-side to the model: what it takes as it is passes through, a detector listens in when we decide
interruptions.

Each payload of G.711 is decoded once; level, gate and detector share that view. Other codecs come decoded.
"""

import audioop
from collections.abc import Callable
from typing import Protocol

import numpy as np

from mediacodecs.g711 import ALAW_TO_ULAW, CODECS, ULAW_TO_ALAW
from mediacodecs.pcm import Pcm, from_bytes, to_bytes
from mediacodecs.signal.resample import Resampler
from mediaproviders.contract import AudioFormat
from mediaserver.talk.echo import Guard
from mediaserver.talk.tone_ear import ToneEar

LEG_RATE = 8000
"""Hz; of G.711, and of what detectors hear whatever the codec."""
_TEN_MS = 160
"""Octets of PCM: detectors hear whole multiples of this."""
LOUD_RMS = 330
"""About -40 dBFS: above it someone is speaking, on any ordinary line."""
VOICE_GAP_S = 0.3
"""A shorter pause does not begin a new stretch of voice."""


class Detector(Protocol):
    """A cheap gate, quick to hear an onset and often wrong, before a good detector that is run in batches elsewhere."""

    def push(self, pcm: Pcm, now: float) -> bool:
        """Take int16 samples at 8 kHz, a multiple of 10 ms; whether the gate thinks they may be speech."""


def converter(source: AudioFormat, wanted: AudioFormat, chunk_ms: int = 20) -> Callable[[bytes, bytes], bytes] | None:
    """From the leg's payload (and its PCM at `source.rate`) to what is wanted; None: the payload passes untouched.

    The provider takes `chunk_ms` at a time. To change the rate of that much costs no more than of one packet, so it is
    collected here; nothing comes meanwhile.
    """
    if wanted == source:
        return None
    if wanted.encoding != "pcm16" and source.encoding != "pcm16":
        table = ULAW_TO_ALAW if source.encoding == "pcmu" else ALAW_TO_ULAW
        return lambda payload, pcm: payload.translate(table)
    resampled = _plain if wanted.rate == source.rate else _resampling(source.rate, wanted.rate, chunk_ms)
    if wanted.encoding == "pcm16":
        return resampled
    encode = CODECS["PCMU" if wanted.encoding == "pcmu" else "PCMA"].encode
    return lambda payload, pcm: encode(from_bytes(resampled(payload, pcm)))


def _plain(payload: bytes, pcm: bytes) -> bytes:
    return pcm


def _resampling(rate_in: int, rate_out: int, chunk_ms: int) -> Callable[[bytes, bytes], bytes]:
    resampler = Resampler(rate_in, rate_out)
    size = chunk_ms * rate_in // 1000 * 2
    collected = b""

    def convert(payload: bytes, pcm: bytes) -> bytes:
        nonlocal collected
        collected += pcm
        if len(collected) < size:
            return b""
        chunk, collected = collected, b""
        return to_bytes(resampler.process(from_bytes(chunk)))

    return convert


def _as_it_is(payload: bytes, width: int) -> bytes:
    return payload


class Uplink:
    """One leg's audio, which comes in `source`, on its way to the model, which takes it in `wanted`."""

    __slots__ = (
        "_convert",
        "_decode",
        "_detector",
        "_hint",
        "_hinted",
        "_judging",
        "_narrowed",
        "_octets_per_s",
        "_rest",
        "_source",
        "guard",
        "last_voice",
        "loud_s",
        "sink",
        "tone_ear",
        "voice_began",
    )

    def __init__(self, source: AudioFormat, wanted: AudioFormat, chunk_ms: int = 20) -> None:
        self._source = source
        self._octets_per_s = source.bytes_per_ms * 1000
        self._decode: Callable[[bytes, int], bytes] = {"pcmu": audioop.ulaw2lin, "pcma": audioop.alaw2lin}.get(
            source.encoding, _as_it_is
        )
        self._convert = converter(source, wanted, chunk_ms)
        self.sink: Callable[[bytes], None] | None = None
        """Takes the payload; None until the model listens."""
        self.guard: Guard | None = None
        """Keeps back what is only the agent's own voice coming back; None: nobody does."""
        self.tone_ear: ToneEar | None = None
        """Hears keys in the audio; None: nobody listens for them."""
        self._detector: Detector | None = None
        self._hint: Callable[[float], None] | None = None
        self._hinted = 0
        self._judging = False
        self._rest = b""  # what the detector has yet to hear: less than 10 ms
        self._narrowed: Resampler | None = None
        self.voice_began = 0.0
        """When the current or last stretch of loud caller audio began (monotonic seconds)."""
        self.last_voice = 0.0
        """When the caller was last loud (monotonic seconds)."""
        self.loud_s = 0.0
        """How much of that stretch was loud: next to nothing of a clatter, most of speech."""

    def listen_in(self, detector: Detector, hint: Callable[[float], None]) -> None:
        """Have `detector` judge what passes; `hint` is called when its gate hears an onset."""
        self._detector, self._hint = detector, hint

    def judge(self, wanted: bool) -> None:
        """Whether what passes is judged from now on: only while the agent is heard can it be interrupted."""
        if self._detector is not None and wanted is not self._judging:
            self._judging = wanted
            self._hinted, self._rest = 0, b""
            if wanted and self._source.rate != LEG_RATE:
                self._narrowed = Resampler(self._source.rate, LEG_RATE)

    def take(self, payload: bytes, now: float) -> None:
        """One payload of the leg, in order. Hot: once per packet."""
        guard = self.guard
        if guard is not None and guard.minds(len(payload), now):
            for piece, pcm in guard.take(payload, self._decode(payload, 2), now):
                self._pass_on(piece, pcm, now)
        else:
            self._pass_on(payload, self._decode(payload, 2), now)

    def _pass_on(self, payload: bytes, pcm: bytes, now: float) -> None:
        sink = self.sink
        if sink is None:
            return
        convert = self._convert
        if convert is None:
            sink(payload)
        elif heard := convert(payload, pcm):
            sink(heard)
        loud = audioop.rms(pcm, 2) > LOUD_RMS
        if loud:
            if now - self.last_voice > VOICE_GAP_S:
                self.voice_began = now
                self.loud_s = 0.0
            self.last_voice = now
            self.loud_s += len(payload) / self._octets_per_s
        if self._judging:
            self._judge(pcm, loud, now)
        if self.tone_ear is not None:
            self.tone_ear.push(pcm, now)

    def _judge(self, pcm: bytes, loud: bool, now: float) -> None:
        detector, hint = self._detector, self._hint
        assert detector is not None and hint is not None
        if self._narrowed is not None:
            pcm = to_bytes(self._narrowed.process(from_bytes(pcm)))
        # A peer's packets, and what stands in for lost ones, may be of any length.
        if self._rest or len(pcm) % _TEN_MS:
            pcm = self._rest + pcm
            whole = len(pcm) - len(pcm) % _TEN_MS
            pcm, self._rest = pcm[:whole], pcm[whole:]
            if not pcm:
                return
        # Two packets in a row: one is a click.
        if detector.push(np.frombuffer(pcm, "<i2"), now) and loud:
            self._hinted += 1
            if self._hinted == 2:
                hint(now)
        else:
            self._hinted = 0
