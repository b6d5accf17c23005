"""One socket of a protected leg: what comes is told apart by its first octet (RFC 7983), what goes is sealed. Pure."""

from collections.abc import Callable
from typing import Protocol

from mediaserver.sdp.ice import Ice
from mediaserver.sdp.security import Dtls, Sdes, Security
from mediaserver.webrtc.association import Association
from mediaserver.webrtc.ice_lite import CONSENT_S, IceAgent
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.keyring import Keyring, Keys

type Address = tuple[str, int]


class Shared(Protocol):
    """A socket that others have a part of too: it has to know what leads to this one."""

    def rename(self, *fragments: str) -> None:
        """Checks that name one of these fragments of ours are for this channel, and no others."""

    def vouch(self, source: Address) -> None:
        """What comes from there is for this channel: a check has proved it."""


class Channel:
    """RTP and RTCP by a keyring, connectivity checks and the handshake beside them. `send` sends a datagram now.

    `shared`: the socket is not this channel's alone. `consent_s` as `IceAgent` has it.
    """

    def __init__(
        self,
        send: Callable[[bytes, Address], None],
        identity: Identity | None,
        shared: Shared | None = None,
        consent_s: float = CONSENT_S,
    ) -> None:
        self._send = send
        self._identity = identity
        self._shared = shared
        self._consent_s = consent_s
        self._remote: Address = ("", 0)
        self._came_from: Address = ("", 0)
        self.keys: Keyring | None = None
        """None: media go in the clear."""
        self.ice: IceAgent | None = None
        self.association: Association | None = None
        self.strange = 0
        """Datagrams that are not expected here, or not from there."""

    def follow(self, security: Security | None, ice: Ice | None, remote: Address, keys: Keyring, now: float) -> None:
        """Go on as agreed with a peer that is described at `remote`. `keys` are used, unless they are of no use.

        Raises ValueError for a key that is none.
        """
        self._remote = remote
        if ice is None:
            self.ice = None
        elif self.ice is None:
            self.ice = IceAgent(ice, self._consent_s)
            self.ice.nominated = self._nominated
            if self._shared is not None:
                self.ice.proved = self._shared.vouch
        else:
            self.ice.follow(ice)
        self._rename()
        self.keys = None if security is None else keys
        match security:
            case Sdes(suite=suite, ours=ours, theirs=theirs):
                self.association = None
                keys.use(Keys(suite, ours, theirs), now)
            case Dtls():
                self._associate(security)
            case None:
                self.association = None

    # --- hot --------------------------------------------------------------------------------------------------------

    def opened(self, packet: bytes, source: Address, now: float) -> bytes | None:
        """The RTP or RTCP packet in a datagram that came; None if there is none in it for us."""
        if len(packet) < 2 or not 128 <= packet[0] <= 191:
            self._control(packet, source, now)
            return None
        ice, keys = self.ice, self.keys
        if ice is not None and source != ice.selected and not ice.accepts(source):
            self.strange += 1
            return None
        if keys is None:
            opened: bytes | None = packet
        else:
            # RTCP by its type, whatever it shares a port with (RFC 5761 4).
            opened = keys.open_rtcp(packet, now) if 192 <= packet[1] <= 223 else keys.open_rtp(packet, now)
        if ice is not None and opened is not None and source == ice.selected:
            ice.heard = now
        return opened

    def sealed(self, packet: bytes) -> bytes | None:
        """A packet of ours as it is sent; None: there is no key yet. Raises UNSEALABLE."""
        keys = self.keys
        if keys is None:
            return packet
        return keys.seal_rtcp(packet) if 192 <= packet[1] <= 223 else keys.seal_rtp(packet)

    # --- rare -------------------------------------------------------------------------------------------------------

    def deadline(self, now: float) -> float | None:
        """When `handle_timer` is due."""
        return None if self.association is None else self.association.deadline(now)

    def handle_timer(self, now: float) -> None:
        """Do what time has made due."""
        if self.association is not None:
            self.association.handle_timer()
            self._settle(now)

    def close(self) -> None:
        """Tell the peer that nothing more will come, if there is a way to tell it.

        The association goes at once: what OpenSSL keeps for it, 90 kB, is not to wait for the collector of cycles.
        """
        if self.association is not None and (self.ice is None or self.ice.selected is not None):
            self.association.close()
        self.association = None

    def _control(self, datagram: bytes, source: Address, now: float) -> None:
        first = datagram[0] if datagram else 255
        if first <= 3 and self.ice is not None:
            answer = self.ice.received(datagram, source, now)
            if answer is not None:
                self._send(answer, source)
        elif 20 <= first <= 63 and self.association is not None and (self.ice is None or self.ice.accepts(source)):
            self._came_from = source
            # With ICE the handshake is with whoever has its password, whatever address he has at the moment.
            self.association.received(datagram, source if self.ice is None else self._remote)
            self._settle(now)
        else:
            self.strange += 1

    def _associate(self, agreed: Dtls) -> None:
        if self._identity is None:
            raise ValueError("DTLS was agreed to without a certificate of ours")
        if self.association is None or self.association.agreed != agreed:
            self.association = Association(self._identity, agreed, self._send_handshake, self._trusts)
        if self.ice is None or self.ice.selected is not None:
            self._begin()

    def _nominated(self, source: Address) -> None:
        self._rename()
        self._begin()

    def _rename(self) -> None:
        if self._shared is not None and self.ice is not None:
            self._shared.rename(*self.ice.fragments)

    def _begin(self) -> None:
        if self.association is not None:
            self.association.begin(self._remote)

    def _send_handshake(self, datagram: bytes, destination: Address) -> None:
        if self.ice is not None:
            destination = self.ice.selected or self._came_from
        self._send(datagram, destination)

    def _trusts(self, source: Address) -> bool:
        return self.ice is not None or source[0] == self._remote[0]

    def _settle(self, now: float) -> None:
        if self.association is not None and self.association.keys is not None and self.keys is not None:
            self.keys.use(self.association.keys, now)
