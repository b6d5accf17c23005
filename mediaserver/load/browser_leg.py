"""A browser at its one socket: it finds the server by ICE, agrees on keys by DTLS, then seals and opens. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.load.browser_ice import Address, ControllingAgent
from mediaserver.sdp.security import Dtls
from mediaserver.webrtc.dtls import Handshake
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keyring


@dataclass(slots=True)
class Milestones:
    """When what was reached, in monotonic seconds; None for what was not."""

    found_at: float | None = None
    """ICE has nominated a pair."""
    keyed_at: float | None = None
    """DTLS has agreed on keys."""


class BrowserLeg:
    """One leg. `send` sends a datagram now. `failure` is why there will be no media, or no more."""

    def __init__(
        self, identity: Identity, ice: ControllingAgent, agreed: Dtls, send: Callable[[bytes, Address], None]
    ) -> None:
        self._send = send
        self.ice = ice
        self.keys = Keyring()
        self.milestones = Milestones()
        self.failure: str | None = None
        self._active = agreed.active
        self._handshake = Handshake(identity, active=agreed.active, fingerprints=agreed.fingerprints)

    @property
    def ready(self) -> bool:
        """Media can go both ways."""
        return self.milestones.keyed_at is not None

    # --- hot --------------------------------------------------------------------------------------------------------

    def opened(self, datagram: bytes, source: Address, now: float) -> bytes | None:
        """The RTP or RTCP packet in a datagram that came; None if there is none in it for us (RFC 7983)."""
        if len(datagram) < 2 or not 128 <= datagram[0] <= 191:
            self.control(datagram, source, now)
            return None
        keys = self.keys
        return keys.open_rtcp(datagram, now) if 192 <= datagram[1] <= 223 else keys.open_rtp(datagram, now)

    def sealed(self, packet: bytes) -> bytes | None:
        """A packet of ours as it is sent; None: there is no key yet."""
        return self.keys.seal_rtcp(packet) if 192 <= packet[1] <= 223 else self.keys.seal_rtp(packet)

    # --- rare -------------------------------------------------------------------------------------------------------

    def control(self, datagram: bytes, source: Address, now: float) -> None:
        """Take what is no media: a check, or a piece of the handshake."""
        first = datagram[0] if datagram else 255
        if first <= 3:
            answer = self.ice.received(datagram, source, now)
            if answer is not None:
                self._send(answer, source)
            self._go_on(now)
        elif 20 <= first <= 63:
            self._shake(self._handshake.received(datagram), source, now)

    @property
    def closed(self) -> bool:
        """The server has said that no more media will come."""
        return self._handshake.closed

    def close(self) -> None:
        """Say so to the server."""
        if self.ice.selected is not None:
            for datagram in self._handshake.close():
                self._send(datagram, self.ice.selected)

    def deadline(self, now: float) -> float | None:
        """When `handle_timer` is due."""
        waiting = [self.ice.deadline()]
        if self.milestones.found_at is not None and not self.ready:
            waiting.append(self._handshake.deadline(now))
        return min((each for each in waiting if each is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Do what time has made due. To begin with, too."""
        for datagram, to in self.ice.due(now):
            self._send(datagram, to)
        if self.ice.unreachable:
            self.failure = "ICE: none of the server's addresses answers a check"
        elif self.ice.lost(now):
            self.failure = "ICE: the server does not answer checks any more"
        elif not self.ready and self.ice.selected is not None:
            self._shake(self._handshake.handle_timer(), self.ice.selected, now)

    def _go_on(self, now: float) -> None:
        """Send what an answer has made due; begin the handshake when there is a way for it."""
        for datagram, to in self.ice.due(now):
            self._send(datagram, to)
        if self.ice.selected is not None and self.milestones.found_at is None:
            self.milestones.found_at = now
            if self._active:
                self._shake(self._handshake.start(), self.ice.selected, now)

    def _shake(self, datagrams: list[bytes], to: Address, now: float) -> None:
        for datagram in datagrams:
            self._send(datagram, self.ice.selected or to)
        if self._handshake.failure is not None:
            self.failure = f"DTLS: {self._handshake.failure}"
        elif self._handshake.keys is not None and not self.ready:
            self.keys.use(self._handshake.keys, now)
            self.milestones.keyed_at = now
