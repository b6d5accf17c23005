"""What a codec is to the rest of the house."""

from dataclasses import dataclass
from typing import Protocol

from mediacodecs.pcm import Pcm


class CodecUnavailableError(RuntimeError):
    """The library a codec needs is not installed; the message names the codec and the remedy."""


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """Fixed properties of a codec.

    `name` is the RTP encoding name in upper case, `clock_rate` that of its RTP timestamps in Hz (RFC 3551; not always
    the sampling rate), `sample_rate` that of the PCM it takes in Hz. `payload_type` is the static type of RFC 3551 or
    None. `bytes_per_ms` is None when the rate varies. `channels` is what the rtpmap says, not what is carried: always
    mono. `ptimes` are the packet times in ms it can be sent in.
    """

    name: str
    clock_rate: int
    sample_rate: int
    payload_type: int | None = None
    bytes_per_ms: int | None = None
    channels: int = 1
    ptimes: tuple[int, ...] = (10, 20, 30, 40, 50, 60)


class Codec(Protocol):
    """Turns PCM into payloads and back. It has no memory and may be shared by all calls."""

    @property
    def spec(self) -> CodecSpec:
        """What it is."""

    def encode(self, pcm: Pcm) -> bytes:
        """One payload holding all samples given."""

    def decode(self, payload: bytes) -> Pcm:
        """All samples of one payload."""


class Encoder(Protocol):
    """One direction of one call."""

    def encode(self, pcm: Pcm) -> bytes:
        """One payload holding all samples given: a packet's worth, at the sampling rate of the codec's spec."""


class Decoder(Protocol):
    """The other direction. Payloads are given in order; the result must be used before the next call."""

    @property
    def rate(self) -> int:
        """Of the PCM it gives, in Hz."""

    def samples(self, payload: bytes) -> int:
        """How many samples `decode` would give; 0 for what is no payload of this codec."""

    def decode(self, payload: bytes) -> Pcm:
        """All samples of one payload; none if it cannot be decoded."""

    def conceal(self, samples: int) -> Pcm | None:
        """Stand in for so many lost samples; None when the codec has no means of its own."""

    def recover(self, payload: bytes, samples: int) -> Pcm | None:
        """So many lost samples in front of `payload`, as far as it holds a second copy of them; None if it does not.

        Called before `payload` itself is decoded.
        """
