"""The RTP port of a leg whose media are protected: the same face as a plain one, around it."""

from collections.abc import Callable
from typing import Protocol

from mediaserver.sdp.plan import MediaPlan
from mediaserver.sdp.security import Sdes
from mediaserver.webrtc.channel import Channel
from mediaserver.webrtc.keyring import Keyring, Keys
from mediaserver.webrtc.srtp import UNSEALABLE

type Address = tuple[str, int]
type Arrived = Callable[[bytes, Address, float], None]


class Port(Protocol):
    """A pair of sockets for RTP and RTCP."""

    number: int
    unsent: int

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Hand over datagrams from now on."""

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Send from the RTP socket."""

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        """Send from the RTCP socket."""

    def close(self) -> None:
        """Close both."""


class SecurePort:
    """Hands over only what the peer has signed, opened; seals what is sent. `follow` says with what."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._rtp, self._rtcp = Channel(), Channel()
        self._told_rtp: Arrived | None = None
        self._told_rtcp: Arrived | None = None
        self._unsent = 0

    @property
    def number(self) -> int:
        """The RTP port; RTCP is the next one."""
        return self._port.number

    @property
    def unsent(self) -> int:
        """Packets that were not sent: the socket did not take them, or there is no key yet."""
        return self._unsent + self._port.unsent

    def follow(self, plan: MediaPlan, now: float) -> None:
        """Protect media as agreed, from the next packet on."""
        match plan.security:
            case Sdes(suite=suite, ours=ours, theirs=theirs):
                keys = self._rtp.keys or Keyring()
                keys.use(Keys(suite, ours, theirs), now)
                self._rtp.keys = self._rtcp.keys = keys
            case _:
                self._rtp.keys = self._rtcp.keys = None

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Begin to hand over packets."""
        self._told_rtp, self._told_rtcp = rtp, rtcp
        self._port.listen(self._rtp_arrived, self._rtcp_arrived)

    def close(self) -> None:
        """Close both sockets; safe to call twice."""
        self._port.close()

    def counters(self) -> dict[str, float]:
        """What was refused, by name."""
        rings = {id(ring): ring for ring in (self._rtp.keys, self._rtcp.keys) if ring is not None}.values()
        return {
            "unauthentic": sum(ring.unauthentic for ring in rings),
            "replayed": sum(ring.replayed for ring in rings),
        }

    # --- hot --------------------------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Seal and send now, or lose it. RTCP that shares the port goes this way too."""
        try:
            sealed = self._rtp.sealed(packet)
        except UNSEALABLE:
            sealed = None
        if sealed is None:
            self._unsent += 1
            return
        self._port.send_rtp(sealed, destination)

    def _rtp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        opened = self._rtp.opened(packet, source, now)
        if opened is not None and self._told_rtp is not None:
            self._told_rtp(opened, source, now)

    # --- rare -------------------------------------------------------------------------------------------------------

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        """As `send_rtp`, from the RTCP port."""
        try:
            sealed = self._rtcp.sealed(packet)
        except UNSEALABLE:
            sealed = None
        if sealed is None:
            self._unsent += 1
            return
        self._port.send_rtcp(sealed, destination)

    def _rtcp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        opened = self._rtcp.opened(packet, source, now)
        if opened is not None and self._told_rtcp is not None:
            self._told_rtcp(opened, source, now)
