"""What a session must know of its stream, and the settings that are not negotiated."""

from collections.abc import Mapping
from dataclasses import dataclass, field

type Address = tuple[str, int]

CLOCK_RATE = 8000
"""Hz: the RTP clock of G.711, of G.722, and of nearly all telephone-events and comfort noise."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The negotiated stream, from our side.

    `receive` maps the payload types the peer may send to their codecs, by name in the registry, most wanted first; they
    need not be the numbers we send with. Comfort noise with a type to send means that silence is left out of the
    downlink. Types of events and comfort noise are None when not agreed.
    """

    receive: Mapping[int, str]
    send_payload_type: int
    send_encoding: str
    ptime_ms: int
    remote_rtp: Address
    remote_rtcp: Address
    sends: bool = True
    receives: bool = True
    event_send: int | None = None
    event_receive: int | None = None
    event_clock_rate: int = CLOCK_RATE
    """Hz; of the events we send."""
    events_receive: Mapping[int, int] = field(default_factory=dict)
    """Clock rates of all types of events the peer may send, `event_receive` among them or alone if there are none."""
    comfort_noise_send: int | None = None
    comfort_noise_receive: int | None = None
    rtcp_mux: bool = False
    signalled: str | None = None
    """IP address that signalling comes from: where media may come from, too, if not from what is described."""
    send_fmtp: str | None = None
    """What the peer said of the parameters of the codec we send."""
    audio_level: int | None = None
    """Number of the header extension that says how loud a packet of the peer's is (RFC 6464)."""
    transport_sequence: int | None = None
    """Number of the one that counts the peer's packets: it is told when they came."""
    reduced_rtcp: bool = False
    """Feedback goes without a report before it (RFC 5506)."""
    ssrc: int | None = None
    """What our packets were described to have; None: it is ours to choose."""
    cname: str | None = None
    """The same of our reports."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Behaviour of a session that no peer is asked about."""

    symmetric: bool = True
    """Send to where valid RTP comes from, whatever the session description said (RFC 4961)."""
    learning_packets: int = 25
    """For so many packets a source that fits the description better may still replace the first one."""
    latch_silence_s: float = 1.0
    """A latched source must have been silent so long before another one can replace it."""
    silence_after_s: float = 0.060
    """The least time without a packet before comfort silence stands in on the uplink."""
    max_ahead_ms: int = 200
    """How far audio that comes late, after silence stood in for it, may push the uplink ahead of the wall."""
    reorder_min_s: float = 0.010
    reorder_max_s: float = 0.060
    media_lost_after_s: float = 5.0
    """Silence of the peer (RTP and RTCP) after which MediaLost is reported."""
    rtcp_interval_s: float = 5.0
    catch_up_frames: int = 3
    """Frames sent at once after a late tick; beyond that, time is skipped."""
    comfort_noise_refresh_s: float = 0.5
    """Interval of comfort noise packets in a silence of the discontinuous downlink."""
    comfort_noise_level: int = 70
    """Level announced in them, in -dBov (RFC 3389)."""
    digit_ms: int = 100
    digit_gap_ms: int = 60
    opus_complexity: int | None = None
    """Effort of encoding Opus, 0 to 10: 5 costs three times what 1 does; None: as the load allows."""
    opus_bitrate: int = 32000
    """Bits per second of the Opus we send, if the peer does not want less."""
    wall_clock_offset_s: float = 0.0
    """Seconds to add to `now` to get NTP time (since 1900) for sender reports; 0 is allowed by RFC 3550 4."""
