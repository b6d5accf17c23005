"""A media session in virtual time, both ways, and what must hold of it whatever comes."""

from collections.abc import Sequence
from dataclasses import replace

from fuzz.weight import weight
from mediacodecs import registry
from mediaproviders.contract import PCM16_24K, AudioFormat
from mediaserver.rtp import packet, rtcp
from mediaserver.rtp.plan import Address, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession

PEER, MOVED, STRANGER = ("192.0.2.10", 4000), ("192.0.2.10", 4002), ("203.0.113.66", 6666)
SSRC = 0x1234
_TURN_S = 0.02
_MOST_AHEAD_S = 1.0
"""The uplink may be in front of the wall by `max_ahead_ms`, and by one packet of any length."""
_MOST_BEHIND_S = 0.5
_MOST_KEPT = 4000
"""Entries of all containers of a session, whatever has come."""


def plan(codecs: Sequence[str], **more: object) -> StreamPlan:
    """All of `codecs` received, by the numbers from 96, and the first sent, by number 90."""
    spec = registry.spec(codecs[0])
    return replace(
        StreamPlan(
            receive={96 + number: codec for number, codec in enumerate(codecs)},
            send_payload_type=90,
            send_encoding=codecs[0],
            ptime_ms=20,
            remote_rtp=PEER,
            remote_rtcp=(PEER[0], PEER[1] + 1),
            event_send=101,
            event_receive=101,
            event_clock_rate=spec.clock_rate,
            events_receive={101: spec.clock_rate, 110: 8000},
        ),
        **more,  # type: ignore[arg-type]
    )


class Scene:
    """One session, its playout, its peer's numbers and the time."""

    def __init__(self, stream: StreamPlan, source: AudioFormat, wanted_rate: int | None) -> None:
        self.now = self._began = 1000.0
        self.playout = Playout(encoding=stream.send_encoding, ptime_ms=stream.ptime_ms, source=source)
        self.session = MediaSession(
            stream, ssrc=SSRC, cname="agent@example.net", first_sequence=65_530, first_timestamp=4_294_967_000,
            now=self.now, playout=self.playout, wanted_rate=wanted_rate,
        )  # fmt: skip
        self.stream = stream
        self.ssrc, self.sequence, self.timestamp = 7, 65_500, 4_294_960_000
        """Of the peer."""
        self._numbers = {stream.send_payload_type, stream.event_send, stream.comfort_noise_send}
        self._next: int | None = None
        self._octets = 0
        self._per_s = self.session.uplink_format.bytes_per_ms * 1000
        self._sample = 1 if self.session.uplink_format.encoding != "pcm16" else 2

    # What comes

    def comes(self, datagram: bytes, source: Address) -> None:
        """A datagram on the RTP port."""
        self._heard(self.session.rtp_received(datagram, source, self.now))

    def reports(self, datagram: bytes, source: Address) -> None:
        """A datagram on the RTCP port."""
        self.session.rtcp_received(datagram, source, self.now)

    def pass_time(self, seconds: float) -> None:
        """What the wheel does, for so long."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + _TURN_S, until)
            self.turn()

    def turn(self) -> None:
        """One turn of the wheel."""
        sent: list[bytes] = []
        self.session.tick(self.now, sent.append)
        assert len(sent) <= 3
        self.session.speak_now(self.now, sent.append)
        for datagram in sent:
            self._sent(datagram)
        self._heard(self.session.overdue(self.now))
        report = self.session.rtcp_due(self.now)
        if report is not None:
            check_report(report)
        while self.playout.work():
            pass
        if self.session.eventful:
            assert self.session.events()
        self.playout.events()

    def update(self, stream: StreamPlan) -> None:
        """Another description is agreed on."""
        self.stream = stream
        self._numbers |= {stream.send_payload_type, stream.event_send, stream.comfort_noise_send}
        self.session.update(stream, self.now)

    def settle(self) -> None:
        """Silence: the uplink gets to the wall, and what is kept is bounded."""
        for _ in range(150):
            self.now += _TURN_S
            self.turn()
        behind = (self.now - self._began) - self._octets / self._per_s
        assert behind < _MOST_BEHIND_S, f"the uplink is {behind:.3f} s behind"
        check_report(self.session.goodbye(self.now))
        self.session.counters()
        _ = self.session.destination, self.session.rtcp_destination, self.session.rtt_ms
        kept = weight((self.session, self.playout))
        assert kept < _MOST_KEPT, f"{kept} entries are kept"

    # What it does

    def _heard(self, first: bytes | None) -> None:
        pieces = ([] if first is None else [first]) + self.session.take_backlog()
        assert first is not None or not pieces, "what follows nothing"
        for piece in pieces:
            assert piece and len(piece) % self._sample == 0
            self._octets += len(piece)
        ahead = self._octets / self._per_s - (self.now - self._began)
        assert ahead < _MOST_AHEAD_S, f"the uplink is {ahead:.3f} s ahead"

    def _sent(self, datagram: bytes) -> None:
        sent = packet.parse(datagram)
        assert sent is not None and sent.ssrc == SSRC and sent.payload
        assert sent.payload_type in self._numbers
        assert self._next in (None, sent.sequence), "numbers are without a gap"
        self._next = (sent.sequence + 1) & 0xFFFF
        if sent.payload_type == self.stream.send_payload_type:
            decoder = registry.decoder(self.stream.send_encoding, registry.spec(self.stream.send_encoding).sample_rate)
            frame = self.stream.ptime_ms * decoder.rate // 1000
            assert decoder.samples(sent.payload) == frame, (decoder.samples(sent.payload), frame)


def check_report(report: bytes) -> None:
    """RTCP of ours: a compound packet that begins with a report and names us."""
    assert packet.is_rtcp(report)
    first, *others = rtcp.parse(report)
    assert isinstance(first, rtcp.SenderReport | rtcp.ReceiverReport)
    assert any(isinstance(one, rtcp.SourceDescription) for one in others)


SOURCES = (PCM16_24K, AudioFormat("pcmu", 8000), AudioFormat("pcm16", 16000))
