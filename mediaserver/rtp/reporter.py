"""RTCP of one session: reports in both directions at a randomised interval (RFC 3550 6.2, 6.3), the round trip."""

from collections.abc import Callable

from mediaserver.rtp import rtcp
from mediaserver.rtp.plan import MediaSettings
from mediaserver.rtp.receiver import Receiver
from mediaserver.rtp.sender import Sender


class Reporter:
    """Writes our reports and reads the peer's. `spread` gives numbers from 0 up to 1."""

    def __init__(
        self,
        settings: MediaSettings,
        *,
        ssrc: int,
        cname: str,
        now: float,
        spread: Callable[[], float],
        receiver: Receiver,
        sender: Sender,
    ) -> None:
        self._settings = settings
        self._ssrc = ssrc
        self._cname = cname
        self._spread = spread
        self._receiver = receiver
        self._sender = sender
        self._packets_reported = 0
        self._last_report: tuple[int, float] | None = None  # middle bits of the peer's NTP time, and when it came
        self._report_ssrc = 0
        self.rtt: float | None = None
        """Round-trip time in seconds, as of the last report about our stream."""
        self.remote_fraction_lost: float | None = None
        """Share of our packets the peer missed lately, 0 to 1."""
        self.due = now + 0.5 * self._interval()
        """When the next report is due; the first comes after half an interval."""

    def _interval(self) -> float:
        return self._settings.rtcp_interval_s * (0.5 + self._spread())

    def report(self, now: float) -> bytes:
        """A compound packet of now, and the next deadline."""
        self.due = now + self._interval()
        return rtcp.build(self._reports(now), rtcp.SourceDescription(self._ssrc, self._cname))

    def goodbye(self, now: float) -> bytes:
        """The last compound packet: what there is to report, and BYE."""
        return rtcp.build(
            self._reports(now), rtcp.SourceDescription(self._ssrc, self._cname), rtcp.Goodbye((self._ssrc,))
        )

    def before_feedback(self, reduced: bool) -> bytes:
        """What goes in front of feedback: nothing if that is agreed (RFC 5506), else an empty report and a name."""
        if reduced:
            return b""
        return rtcp.build(rtcp.ReceiverReport(self._ssrc), rtcp.SourceDescription(self._ssrc, self._cname))

    def received(self, packet: bytes, now: float) -> bool:
        """Take the peer's compound packet; False when nothing in it was understood."""
        packets = rtcp.parse(packet)
        for one in packets:
            match one:
                case rtcp.SenderReport(ssrc=ssrc, ntp=ntp, blocks=blocks):
                    self._last_report = (rtcp.compact_ntp(ntp), now)
                    self._report_ssrc = ssrc
                    self._about_us(blocks, now)
                case rtcp.ReceiverReport(blocks=blocks):
                    self._about_us(blocks, now)
                case _:
                    pass
        return bool(packets)

    def _ntp(self, now: float) -> int:
        return rtcp.ntp_time(now + self._settings.wall_clock_offset_s)

    def _about_us(self, blocks: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        for block in blocks:
            if block.ssrc == self._ssrc:
                self.remote_fraction_lost = block.fraction_lost / 256.0
                rtt = rtcp.round_trip(self._ntp(now), block)
                if rtt is not None:
                    self.rtt = rtt

    def _reports(self, now: float) -> rtcp.SenderReport | rtcp.ReceiverReport:
        blocks = self._blocks(now)
        sender = self._sender
        if sender.packets == self._packets_reported:
            return rtcp.ReceiverReport(self._ssrc, blocks)
        self._packets_reported = sender.packets
        return rtcp.SenderReport(
            self._ssrc, self._ntp(now), sender.timestamp_at(now), sender.packets, sender.octets, blocks
        )

    def _blocks(self, now: float) -> tuple[rtcp.ReportBlock, ...]:
        ssrc, stats = self._receiver.ssrc, self._receiver.stats
        if ssrc is None or not stats.received:
            return ()
        last, delay = 0, 0
        if self._last_report is not None and self._report_ssrc == ssrc:
            last, arrived = self._last_report
            delay = round((now - arrived) * 65536.0)
        return (
            rtcp.ReportBlock(
                ssrc, stats.fraction_lost(), stats.lost, stats.reported_highest, round(stats.jitter), last, delay
            ),
        )
