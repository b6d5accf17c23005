"""One socket of a protected leg: what comes is told apart by its first octet (RFC 7983), what goes is sealed. Pure."""

from mediaserver.webrtc.keyring import Keyring


class Channel:
    """RTP and RTCP through a keyring."""

    def __init__(self) -> None:
        self.keys: Keyring | None = None
        """None: media go in the clear."""
        self.strange = 0
        """Datagrams that are no media, nor anything else that is expected here."""

    # --- hot --------------------------------------------------------------------------------------------------------

    def opened(self, packet: bytes, source: tuple[str, int], now: float) -> bytes | None:
        """The RTP or RTCP packet in a datagram that came; None if there is none in it for us."""
        if len(packet) < 2 or not 128 <= packet[0] <= 191:
            self.strange += 1
            return None
        keys = self.keys
        if keys is None:
            return packet
        # RTCP by its type, whatever it shares a port with (RFC 5761 4).
        return keys.open_rtcp(packet, now) if 192 <= packet[1] <= 223 else keys.open_rtp(packet, now)

    def sealed(self, packet: bytes) -> bytes | None:
        """A packet of ours as it is sent; None: it cannot be yet. Raises UNSEALABLE."""
        keys = self.keys
        if keys is None:
            return packet
        return keys.seal_rtcp(packet) if 192 <= packet[1] <= 223 else keys.seal_rtp(packet)
