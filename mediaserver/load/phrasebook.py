"""Payloads made beforehand, for callers that say the same again and again and must cost next to nothing."""

from collections.abc import Callable, Sequence

import numpy as np

from mediaserver.load.recording import RATE, Samples
from mediaserver.load.script import Play, Step
from mediaserver.load.voice import encoder
from mediaserver.sdp.plan import PayloadFormat

_WARM_UP_FRAMES = 5


class Phrasebook:
    """Frames of 8 kHz samples and their payloads. One may serve all calls that send the same format and ptime.

    Codecs with a memory are given each phrase from its beginning, after silence, as a call would give it.
    """

    def __init__(self) -> None:
        self._payloads: dict[tuple[PayloadFormat, bytes], bytes] = {}
        self._known: set[tuple[PayloadFormat, int, int]] = set()
        self._kept: list[Samples] = []
        """What `_known` knows by identity has to live on."""

    def __len__(self) -> int:
        return len(self._payloads)

    def learn(self, steps: Sequence[Step], form: PayloadFormat, ptime_ms: int) -> None:
        """Encode what will be said, and silence; what is known already is passed over."""
        length = RATE * ptime_ms // 1000
        silence = np.zeros(length, np.int16)
        self._learn(np.zeros(length, np.int16), form, length, (form, 0, length))
        for step in steps:
            if isinstance(step, Play):
                rest = -len(step.samples) % length
                padded = np.concatenate((step.samples, silence[:rest])) if rest else step.samples
                key = (form, id(step.samples), length)
                if key not in self._known:
                    self._kept.append(step.samples)
                    self._learn(padded, form, length, key)

    def speaker(self, form: PayloadFormat) -> Callable[[Samples], bytes]:
        """What turns frames into payloads; those that were not learnt are encoded."""
        payloads, encode = self._payloads, encoder(form)

        def speak(frame: Samples) -> bytes:
            known = payloads.get((form, frame.tobytes()))
            return encode(frame) if known is None else known

        return speak

    def _learn(self, samples: Samples, form: PayloadFormat, length: int, key: tuple[PayloadFormat, int, int]) -> None:
        if key in self._known:
            return
        self._known.add(key)
        encode, silence = encoder(form), np.zeros(length, np.int16)
        for _ in range(_WARM_UP_FRAMES):
            quiet = encode(silence)
        self._payloads.setdefault((form, silence.tobytes()), quiet)
        for at in range(0, len(samples), length):
            frame = samples[at : at + length]
            self._payloads.setdefault((form, frame.tobytes()), encode(frame))
