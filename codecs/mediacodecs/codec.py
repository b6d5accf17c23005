"""What a codec is to the rest of the house."""

from dataclasses import dataclass
from typing import Protocol

from mediacodecs.pcm import Pcm


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """Fixed properties of a codec.

    `name` is the RTP encoding name in upper case, `clock_rate` that of its RTP timestamps in Hz (RFC 3551; not always
    the sampling rate), `sample_rate` that of the PCM it takes and gives in Hz. `payload_type` is the static type of
    RFC 3551 or None. `bytes_per_ms` is None when the rate varies.
    """

    name: str
    clock_rate: int
    sample_rate: int
    payload_type: int | None = None
    bytes_per_ms: int | None = None


class Codec(Protocol):
    """Turns PCM into payloads and back. A codec without memory may be shared by all calls; others are made per call."""

    @property
    def spec(self) -> CodecSpec:
        """What it is."""

    def encode(self, pcm: Pcm) -> bytes:
        """One payload holding all samples given."""

    def decode(self, payload: bytes) -> Pcm:
        """All samples of one payload."""
