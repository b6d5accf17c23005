"""The RTP port of a leg whose media are protected: the same face as a plain one, around it."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from mediaserver.sdp.plan import MediaPlan
from mediaserver.sdp.security import Dtls
from mediaserver.webrtc.channel import Channel, Shared
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keyring
from mediaserver.webrtc.patience import USUAL, Patience
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
    """Hands over only what is the peer's, opened; seals what is sent. `follow` says how it is protected.

    With ICE, packets go where the peer has nominated, and come from its described address as far as others can tell:
    connectivity checks have proved whose they are. `failed` is told once why media will not flow. `identity` is needed
    for DTLS only. `shared`: the port is a part of one that others have too.
    """

    def __init__(
        self,
        port: Port,
        identity: Identity | None = None,
        failed: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        shared: Shared | None = None,
        patience: Patience = USUAL,
    ) -> None:
        self._port = port
        self._failed = failed
        self._clock = clock
        self._patience = patience
        self._rtp = Channel(port.send_rtp, identity, shared, patience.consent_s)
        self._rtcp = Channel(port.send_rtcp, identity, None, patience.consent_s)
        self._waiting_since: float | None = None
        self._closed_at: float | None = None
        self._shared_keys = Keyring()
        self._rtcp_keys = Keyring()
        self._described: Address | None = None
        self._described_rtcp: Address | None = None
        self._told_rtp: Arrived | None = None
        self._told_rtcp: Arrived | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._resting = False
        self.opened: Callable[[], None] | None = None
        """Called once, as soon as it is `open`."""
        self.vanished: Callable[[float], None] | None = None
        """Told once that the peer has given no sign for so many seconds, and that nothing is sent to it any more."""
        self.left: Callable[[], None] | None = None
        """Told once that the peer has closed its media."""

    @property
    def number(self) -> int:
        """The RTP port; RTCP is the next one."""
        return self._port.number

    @property
    def unsent(self) -> int:
        """Packets that were not sent: the socket did not take them, or there is no key or no way to the peer yet."""
        return self._unsent + self._port.unsent

    @property
    def open(self) -> bool:
        """Whether what is sent gets to the peer: there is a key for it and, with ICE, a way."""
        channel = self._rtp
        if channel.keys is not None and not channel.keys.seals:
            return False
        return channel.ice is None or channel.ice.selected is not None

    @property
    def suite(self) -> str | None:
        """How media are encrypted; None: not at all, or not yet."""
        return None if self._rtp.keys is None else self._rtp.keys.suite

    def follow(self, plan: MediaPlan, now: float) -> None:
        """Protect media as agreed, from the next packet on. Raises ValueError for a key that is none."""
        security, ice = plan.security, plan.ice
        self._described = plan.remote_rtp if ice is not None else None
        self._described_rtcp = plan.remote_rtcp if ice is not None else None
        self._rtp.follow(security, ice, plan.remote_rtp, self._shared_keys, now)
        # A handshake is for one socket: where RTCP has its own, so are its keys (RFC 5764 4.2).
        keys = self._rtcp_keys if isinstance(security, Dtls) and not plan.rtcp_mux else self._shared_keys
        if isinstance(security, Dtls) and plan.rtcp_mux:
            self._rtcp.follow(None, None, plan.remote_rtcp, keys, now)
            self._rtcp.keys = keys
        else:
            self._rtcp.follow(security, ice, plan.remote_rtcp, keys, now)
        self._waiting_since = None if self.open else now
        self._look()
        self._tell_open()

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        """Begin to hand over packets."""
        self._told_rtp, self._told_rtcp = rtp, rtcp
        self._port.listen(self._rtp_arrived, self._rtcp_arrived)

    def close(self) -> None:
        """Tell the peer, and close both sockets; safe to call twice."""
        if not self._resting:
            for each in (self._rtp, self._rtcp):
                each.close()
        self.rest()
        self._port.close()

    def rest(self) -> None:
        """Hand over nothing more, and wait for nothing; the sockets are for others to close."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._failed = self._told_rtp = self._told_rtcp = self.opened = self.vanished = self.left = None
        self._resting = True

    def watch(self, now: float) -> None:
        """Once a second: tell if the peer has not got through in time, is silent for too long, or has left."""
        ice, association = self._rtp.ice, self._rtp.association
        if not self.open:
            if self._waiting_since is not None and now - self._waiting_since >= self._patience.connect_s:
                self._fail(self._missing())
        elif ice is not None and ice.lost(now):
            if (vanished := self.vanished) is not None:
                self.vanished = None
                vanished(now - ice.heard)
        elif association is None or not association.closed:
            self._closed_at = None
        elif self._closed_at is None:
            self._closed_at = now
        elif now - self._closed_at >= self._patience.leave_s and (left := self.left) is not None:
            self.left = None
            left()

    def counters(self) -> dict[str, float]:
        """What was refused, by name."""
        rings, channels = (self._shared_keys, self._rtcp_keys), (self._rtp, self._rtcp)
        return {
            "unauthentic": sum(ring.unauthentic for ring in rings)
            + sum(each.ice.refused for each in channels if each.ice is not None)
            + sum(each.association.refused for each in channels if each.association is not None),
            "replayed": sum(ring.replayed for ring in rings),
            "strange": sum(each.strange for each in channels),
        }

    # --- hot --------------------------------------------------------------------------------------------------------

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        """Seal and send now, or lose it. RTCP that shares the port goes this way too."""
        self._send(self._rtp, packet, destination, self._port.send_rtp)

    def _send(
        self, channel: Channel, packet: bytes, to: Address | None, send: Callable[[bytes, Address], None]
    ) -> None:
        if channel.ice is not None:
            to = channel.ice.destination(self._clock())
        try:
            sealed = channel.sealed(packet)
        except UNSEALABLE:
            sealed = None
        if sealed is None or to is None:
            self._unsent += 1
            return
        send(sealed, to)

    def _rtp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        opened = self._rtp.opened(packet, source, now)
        if opened is None:
            if self._rtp.association is not None:
                self._look()
            self._tell_open()
        elif self._told_rtp is not None:
            self._told_rtp(opened, self._described or source, now)

    # --- rare -------------------------------------------------------------------------------------------------------

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        """As `send_rtp`, from the RTCP port."""
        self._send(self._rtcp, packet, destination, self._port.send_rtcp)

    def _rtcp_arrived(self, packet: bytes, source: Address, now: float) -> None:
        opened = self._rtcp.opened(packet, source, now)
        if opened is None:
            if self._rtcp.association is not None:
                self._look()
        elif self._told_rtcp is not None:
            self._told_rtcp(opened, self._described_rtcp or source, now)

    def _tell_open(self) -> None:
        if self.opened is not None and self.open:
            opened, self.opened = self.opened, None
            opened()

    def _look(self) -> None:
        """See whether a handshake has failed, and when it has to be looked after."""
        failure = next((each.association.failure for each in (self._rtp, self._rtcp)
                        if each.association is not None and each.association.failure is not None), None)  # fmt: skip
        if failure is not None:
            self._fail(failure)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        due = [each for each in (self._rtp.deadline(now), self._rtcp.deadline(now)) if each is not None]
        if due and not self._resting:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, min(due) - now), self._timed_out)

    def _fail(self, why: str) -> None:
        failed, self._failed = self._failed, None
        if failed is not None:
            failed(why)

    def _missing(self) -> str:
        """What has not come in time."""
        within = f"within {self._patience.connect_s:g} s"
        if self._rtp.ice is not None and self._rtp.ice.selected is None:
            return f"no way to the peer was found (ICE) {within}: can it reach UDP port {self.number}?"
        return f"no DTLS handshake {within}"

    def _timed_out(self) -> None:
        self._timer = None
        now = self._clock()
        for each in (self._rtp, self._rtcp):
            each.handle_timer(now)
        self._look()
