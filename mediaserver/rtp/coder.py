"""What stands between the playout and the packets of a codec with a memory.

It encodes a frame when it is due and not before: the encoder goes through exactly what the peer's decoder will, silence
and all, nothing is encoded that an interruption makes void, and no burst of work ever comes of a burst of audio.
"""

from collections.abc import Callable
from math import ceil

from mediacodecs import registry
from mediacodecs.g711 import CODECS
from mediacodecs.opus import OpusEncoder, OpusWishes
from mediaserver.rtp.effort import USUAL, Effort
from mediaserver.rtp.expected_loss import ExpectedLoss
from mediaserver.rtp.form import Form, form_before
from mediaserver.rtp.plan import MediaSettings, StreamPlan

_REST_MS = 200
"""After so much silence encoder and decoder have come to rest, and the same payload can go on standing for it."""
_WITHOUT_FRAMES = 0xFC
"""Leaves of an Opus packet's first octet what kind of frame it is, one of them."""


class Coder:
    """The encoder of one stream. `pop` gives the frames of the playout, in the codec's form.

    `effort` is how much work Opus may be from frame to frame; None: as the settings say.
    """

    __slots__ = (
        "_complexity",
        "_effort",
        "_encode",
        "_encoder",
        "_form",
        "_frame",
        "_frames_to_rest",
        "_loss",
        "_pop",
        "_ptime_ms",
        "_quiet",
        "_resting",
        "dtx",
    )

    def __init__(
        self,
        plan: StreamPlan,
        settings: MediaSettings,
        pop: Callable[[], bytes | None],
        effort: Effort | None = None,
    ) -> None:
        self._effort = effort if plan.send_encoding == "OPUS" else None
        own = USUAL if settings.opus_complexity is None else settings.opus_complexity
        self._complexity = own if self._effort is None else self._effort.complexity
        sending = registry.Sending(plan.send_fmtp, self._complexity, settings.opus_bitrate)
        self._encoder = registry.encoder(plan.send_encoding, sending)
        self._loss = ExpectedLoss()
        self._encode = self._encoder.encode
        self._form: Form = form_before(plan.send_encoding)
        self._pop = pop
        self._quiet = 0
        self._resting = b""
        self.dtx = plan.send_encoding == "OPUS" and OpusWishes.of(plan.send_fmtp).dtx
        """The peer takes it that nothing is sent in silence (RFC 7587 3.1.3)."""
        self.frame(plan.ptime_ms)

    def frame(self, ptime_ms: int) -> None:
        """From now on a frame is so long."""
        self._frame = self._form.decode(self._form.silence * (self._form.audio.rate * ptime_ms // 1000))
        self._frames_to_rest = -(-_REST_MS // ptime_ms)
        self._ptime_ms = ptime_ms
        self._quiet = 0

    def play(self, pop: Callable[[], bytes | None]) -> None:
        """Take frames from elsewhere."""
        self._pop = pop

    def pop(self) -> bytes | None:
        """The payload of the playout's next frame; None when there is nothing to say."""
        octets = self._pop()
        if octets is None:
            return None
        self._quiet = 0
        effort = self._effort
        if effort is not None:
            effort.encoded_ms += self._ptime_ms
            if effort.complexity != self._complexity:
                self._take_pains(effort.complexity)
        return self._encode(self._form.decode(octets))

    def silence(self) -> bytes:
        """The payload of a silent frame."""
        if self._quiet < self._frames_to_rest:
            self._quiet += 1
            self._resting = self._encode(self._frame)
        return self._resting

    def pause(self) -> bytes:
        """The payload that says that nothing comes for a while: a packet without a frame (RFC 6716 3.1, 3.2.1).

        A receiver that has it makes up silence, and does not take what follows for loss.
        """
        return bytes(((self._resting or self.silence())[0] & _WITHOUT_FRAMES,))

    def expect_loss(self, share: float) -> None:
        """The peer has missed this share of our packets lately."""
        if isinstance(self._encoder, OpusEncoder):
            self._loss.reported(share)
            self._encoder.expect_loss(ceil(self._loss.share * 100))

    def _take_pains(self, complexity: int) -> None:
        self._complexity = complexity
        if isinstance(self._encoder, OpusEncoder):
            self._encoder.take_pains(complexity)


def needs_coder(codec: str) -> bool:
    """All but G.711, which is its own payload."""
    return codec not in CODECS
