"""Every codec, by the name the rest of the house knows it by.

That name is the RTP encoding name, with the clock rate where one name stands for several codecs ("L16/16000").
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mediacodecs import g711, g722, l16, opus
from mediacodecs.codec import CodecSpec, CodecUnavailableError, Decoder, Encoder
from mediacodecs.g711 import PCMA, PCMU
from mediacodecs.pcm import Pcm

SPECS: dict[str, CodecSpec] = {
    "PCMU": PCMU.spec,
    "PCMA": PCMA.spec,
    "G722": g722.SPEC,
    "OPUS": opus.SPEC,
    "L16/16000": l16.SPECS[16000],
    "L16/8000": l16.SPECS[8000],
}
"""What there is. A bare "L16" means L16/16000 where one is meant, and both where several can be."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How to encode: `fmtp` is what the receiver said of the codec's parameters; the rest concerns Opus alone."""

    fmtp: str | None = None
    complexity: int = 1
    bitrate: int = 32000


def spec(name: str) -> CodecSpec:
    """Raises KeyError for a codec we do not have."""
    return SPECS["L16/16000" if name == "L16" else name]


def expanded(names: Iterable[str]) -> tuple[str, ...]:
    """The names with "L16" written out, in order."""
    return tuple(
        known for name in names for known in SPECS if known == name or (name == "L16" and SPECS[known].name == "L16")
    )


def name_of(encoding: str, clock_rate: int, channels: int = 1) -> str | None:
    """Our name for what an rtpmap says; None for what we do not speak."""
    for name, known in SPECS.items():
        if (known.name, known.clock_rate, known.channels) == (encoding, clock_rate, channels):
            return name
    return None


def unavailable(name: str) -> str | None:
    """Why a codec cannot be used on this machine; None if it can."""
    try:
        decoder(name, spec(name).sample_rate)
        encoder(name)
    except CodecUnavailableError as error:
        return str(error)
    return None


def usable(names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that can be used on this machine, in order; and for each that cannot, why."""
    faults = {name: unavailable(name) for name in names}
    return tuple(name for name, fault in faults.items() if fault is None), tuple(filter(None, faults.values()))


def encoder(name: str, sending: Sending | None = None) -> Encoder:
    """One for one direction of one call. Raises KeyError, CodecUnavailableError."""
    sending = sending or Sending()
    known = spec(name)
    if name in g711.CODECS:
        return PCMA if name == "PCMA" else PCMU
    if known.name == "L16":
        return l16.L16Codec(known.sample_rate)
    if name == "OPUS":
        wishes = opus.OpusWishes.of(sending.fmtp)
        return opus.OpusEncoder(wishes, complexity=sending.complexity, bitrate=sending.bitrate)
    return g722.G722Encoder()


def decoder(name: str, rate: int) -> Decoder:
    """One for the other direction, to PCM at `rate` Hz if the codec can give that, else at its own rate: see there.

    Raises KeyError, CodecUnavailableError.
    """
    known = spec(name)
    if name in g711.CODECS:
        return _G711Decoder(name)
    if known.name == "L16":
        return l16.L16Codec(known.sample_rate)
    if name == "OPUS":
        return opus.OpusDecoder(rate if rate in opus.RATES else known.sample_rate)
    return g722.G722Decoder(rate if rate in (8000, 16000) else known.sample_rate)


class _G711Decoder:
    """One of the laws, as others are decoded."""

    rate = 8000

    def __init__(self, name: str) -> None:
        self._codec = PCMA if name == "PCMA" else PCMU

    def samples(self, payload: bytes) -> int:
        return len(payload)

    def decode(self, payload: bytes) -> Pcm:
        return self._codec.decode(payload)

    def conceal(self, samples: int) -> Pcm | None:
        return None

    def recover(self, payload: bytes, samples: int) -> Pcm | None:
        return None
