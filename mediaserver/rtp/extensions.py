"""What a peer's packets carry beside audio, read as they come (RFC 8285): hints, and numbers to answer."""

from mediaserver.rtp.packet import RtpPacket, extension_elements
from mediaserver.rtp.transport_feedback import TransportFeedback

_LEVEL = 0x7F


class ExtensionReader:
    """Reads the two that may be agreed on; each is given by its number, None: it is not agreed on."""

    __slots__ = ("_audio_level", "_transport_sequence", "feedback", "level")

    def __init__(self, ssrc: int, audio_level: int | None, transport_sequence: int | None) -> None:
        self._audio_level = audio_level
        self._transport_sequence = transport_sequence
        self.level: int | None = None
        """How loud the peer says its last packet is, in -dBov: 0 is the loudest, 127 silence (RFC 6464 3)."""
        self.feedback = None if transport_sequence is None else TransportFeedback(ssrc)

    def agreed(self, audio_level: int | None, transport_sequence: int | None, ssrc: int) -> None:
        """A new description was agreed on. What is counted goes on."""
        if transport_sequence is None:
            self.feedback = None
        elif self.feedback is None:
            self.feedback = TransportFeedback(ssrc)
        self._audio_level, self._transport_sequence = audio_level, transport_sequence
        if audio_level is None:
            self.level = None

    def read(self, packet: RtpPacket, now: float) -> None:
        """Take what a packet with an extension says. Hot: once per packet of a browser."""
        for number, value in extension_elements(packet):
            if number == self._audio_level:
                self.level = value[0] & _LEVEL if value else None
            elif number == self._transport_sequence and len(value) >= 2 and self.feedback is not None:
                self.feedback.arrived(value[0] << 8 | value[1], now)
