"""What a media session reports. All of it is rare."""

from dataclasses import dataclass

from mediaserver.rtp.plan import Address


@dataclass(frozen=True, slots=True)
class Digit:
    """The peer pressed a key (RFC 4733): `value` is one of ``0-9 * # A-D``, or ``!`` for flash."""

    value: str
    duration_ms: float


@dataclass(frozen=True, slots=True)
class MediaLost:
    """Nothing has come from the peer for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class MediaResumed:
    """The peer is back after MediaLost."""


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """Packets are now taken from `source`; `previous` is None for the first source."""

    source: Address
    previous: Address | None


@dataclass(frozen=True, slots=True)
class SsrcChanged:
    """The peer's stream was replaced by another one."""

    ssrc: int
    previous: int


type Event = Digit | MediaLost | MediaResumed | SourceChanged | SsrcChanged
