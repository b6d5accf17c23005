"""The outcome of offer and answer: all the media plane needs to know of a session description."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from mediaserver.sdp.extensions import NONE, Extensions
from mediaserver.sdp.ice import Ice
from mediaserver.sdp.security import Security
from mediaserver.sdp.source import Source


class Direction(Enum):
    """RFC 4566 6, from our side."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """We send audio."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """We receive audio."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class PayloadFormat:
    """One RTP payload format: `encoding` in upper case as in the RFCs ("PCMU"), `clock_rate` in Hz."""

    payload_type: int
    encoding: str
    clock_rate: int
    channels: int = 1
    fmtp: str | None = None


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What was agreed for the audio stream.

    `send` is the format we send, with the payload type the peer asked for; `receive` are the audio formats we must
    accept, with the types we announced. `ptime_ms` is what we send. An event or comfort noise type is None when not
    agreed; comfort noise agreed means silence may be left out (discontinuous downlink).
    """

    send: PayloadFormat
    receive: tuple[PayloadFormat, ...]
    ptime_ms: int
    direction: Direction
    remote_rtp: tuple[str, int]
    """Address and port of the peer as described; (address, 0) is never produced."""
    remote_rtcp: tuple[str, int]
    event_send: int | None = None
    event_receive: int | None = None
    comfort_noise_send: int | None = None
    comfort_noise_receive: int | None = None
    rtcp_mux: bool = False
    event_clock_rate: int = 8000
    """Hz; of the events we send, which may differ from that of the audio beside them."""
    events_receive: Mapping[int, int] = field(default_factory=dict)
    """Clock rates of all the types of events we must accept; empty: `event_receive` alone."""
    signalled: str | None = None
    """IP address that the description came from: a hint of where media come from, if that is not what it says."""
    security: Security | None = None
    """How media is encrypted; None: not at all."""
    ice: Ice | None = None
    """How the peer's connectivity checks are answered; None: it makes none."""
    extensions: Extensions = NONE
    """What the peer's packets carry beside audio, and what it is told of them."""
    source: Source | None = None
    """What our packets have been described to be known by; None: nobody was told."""
