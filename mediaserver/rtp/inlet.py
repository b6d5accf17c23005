"""What stands between the packets of one payload type and the clock of the uplink: the codec, if there is one to it.

Packets come here in order. Those of the uplink's own law need nothing done: the clock itself is their inlet.
"""

from math import gcd
from typing import Protocol

import numpy as np

from mediacodecs import registry
from mediacodecs.codec import Decoder
from mediacodecs.g711 import ALAW_TO_ULAW, CODECS, ULAW_TO_ALAW
from mediacodecs.pcm import Pcm
from mediacodecs.signal.resample import Resampler
from mediaserver.rtp.comfort_noise import level_of
from mediaserver.rtp.form import Form
from mediaserver.rtp.uplink_clock import UplinkClock

_PAUSE = 2
"""Octets at most of an Opus packet that has no frame in it (RFC 6716 3.2.1): its header is all there is."""


class Inlet(Protocol):
    """Takes payloads with their unwrapped timestamps, as the peer counts them."""

    def audio(self, timestamp: int, payload: bytes, now: float) -> bytes | None:
        """The next payload in order: uplink audio to pass on at once, or None: see the clock's backlog."""

    def audio_after_loss(self, timestamp: int, payload: bytes, now: float) -> None:
        """The same for a payload in front of which packets were given up; all goes into the backlog."""


class TranslatingInlet:
    """G.711 of the other law."""

    __slots__ = ("_clock", "_table")

    def __init__(self, clock: UplinkClock, table: bytes) -> None:
        self._clock = clock
        self._table = table

    def audio(self, timestamp: int, payload: bytes, now: float) -> bytes | None:
        """As the clock does."""
        return self._clock.audio(timestamp, payload.translate(self._table), now)

    def audio_after_loss(self, timestamp: int, payload: bytes, now: float) -> None:
        """As the clock does."""
        self._clock.audio_after_loss(timestamp, payload.translate(self._table), now)


class DecodingInlet:
    """Any other codec, with a decoder that remembers. `undecodable` counts packets it could make nothing of.

    `pauses`: a packet without a frame says that nothing comes for a while, and the decoder can go on by itself (Opus).
    """

    __slots__ = ("_clock", "_decoder", "_down", "_form", "_pauses", "_resampler", "_up", "undecodable")

    def __init__(
        self, clock: UplinkClock, form: Form, decoder: Decoder, clock_rate: int, *, pauses: bool = False
    ) -> None:
        self._clock = clock
        self._form = form
        self._decoder = decoder
        self._pauses = pauses
        self._resampler = None if decoder.rate == form.audio.rate else Resampler(decoder.rate, form.audio.rate)
        # Timestamps become octets of the uplink: the one is a multiple or a simple fraction of the other.
        common = gcd(form.octets_per_s, clock_rate)
        self._up, self._down = form.octets_per_s // common, clock_rate // common
        self.undecodable = 0

    def audio(self, timestamp: int, payload: bytes, now: float) -> bytes | None:
        """Decode, and as the clock does."""
        octets = self._octets(self._decoder.decode(payload))
        if not octets:
            self.undecodable += 1
            return None
        passed = self._clock.audio(timestamp * self._up // self._down, octets, now)
        if self._pauses and len(payload) <= _PAUSE:
            self._clock.announced_silence(level_of(self._form, octets), now)
        return passed

    def audio_after_loss(self, timestamp: int, payload: bytes, now: float) -> None:
        """What the codec can do against a loss goes before what anybody can: its own memory is set right by it."""
        decoder, form, clock = self._decoder, self._form, self._clock
        at = timestamp * self._up // self._down
        frame = decoder.samples(payload)
        per_sample = form.octets_per_s / decoder.rate
        missing = clock.missing(at, round(frame * per_sample), now)
        if missing > 0 and (made := self._substitute(payload, round(missing / per_sample), frame)) is not None:
            clock.fill(self._octets(made))
        octets = self._octets(decoder.decode(payload))
        if octets:
            clock.audio_after_loss(at, octets, now)
            if self._pauses and len(payload) <= _PAUSE:
                clock.announced_silence(level_of(form, octets), now)
        else:
            self.undecodable += 1

    @property
    def remembers(self) -> bool:
        """`go_on` can be asked for."""
        return self._pauses and self._resampler is None

    def go_on(self, octets: int) -> bytes:
        """What the codec makes of so many octets of the uplink that did not come."""
        made = self._decoder.conceal(octets // len(self._form.silence))
        return b"" if made is None else self._octets(made)

    def _substitute(self, payload: bytes, lost: int, frame: int) -> Pcm | None:
        """So many lost samples: the last `frame` of them from the copy in `payload`, if that is what was lost."""
        if lost < frame or not frame:
            return self._decoder.conceal(lost)
        before = self._decoder.conceal(lost - frame) if lost > frame else None
        last = self._decoder.recover(payload, frame)
        if last is None and (last := self._decoder.conceal(frame)) is None:
            return None
        return last if before is None else np.concatenate((before, last))

    def _octets(self, pcm: Pcm) -> bytes:
        if self._resampler is not None and len(pcm):
            pcm = self._resampler.process(pcm)
        return self._form.encode(pcm)


def inlet_for(clock: UplinkClock, form: Form, codec: str) -> Inlet:
    """For payloads of `codec`, by its name in the registry. Raises KeyError, CodecUnavailableError."""
    if codec.lower() == form.audio.encoding:
        return clock
    if codec in CODECS and form.audio.encoding != "pcm16":
        return TranslatingInlet(clock, ULAW_TO_ALAW if codec == "PCMU" else ALAW_TO_ULAW)
    decoder, clock_rate = registry.decoder(codec, form.audio.rate), registry.spec(codec).clock_rate
    return DecodingInlet(clock, form, decoder, clock_rate, pauses=codec == "OPUS")
