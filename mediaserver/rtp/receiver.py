"""What comes in: source, sequence, events, and the caller's audio in order and in time."""

from mediacodecs.g711 import Encoding
from mediaserver.rtp.comfort_noise import parse_level
from mediaserver.rtp.dtmf import EventReceiver
from mediaserver.rtp.events import Event, MediaLost, MediaResumed, SourceChanged, SsrcChanged
from mediaserver.rtp.latch import SourceLatch
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.plan import CLOCK_RATE, Address, MediaSettings, StreamPlan, law_table
from mediaserver.rtp.reorder import Reorder
from mediaserver.rtp.stats import ReceiverStatistics
from mediaserver.rtp.uplink_clock import UplinkClock

type _Held = tuple[int, bytes]
_STRAGGLER_S = 1.0
_NOTHING = b""


class Receiver:
    """The receiving half of a session. Its clock and encoding last as long as the call, whatever is renegotiated."""

    def __init__(self, plan: StreamPlan, settings: MediaSettings, now: float) -> None:
        self._settings = settings
        self.encoding: Encoding = next(iter(plan.receive.values()), plan.send_encoding)
        self.latch = SourceLatch(plan.remote_rtp, settings)
        self.stats = ReceiverStatistics()
        self.reorder: Reorder[_Held] = Reorder(settings.reorder_min_s, settings.reorder_max_s)
        self.clock = UplinkClock(
            self.encoding,
            frame=plan.ptime_ms * CLOCK_RATE // 1000,
            now=now,
            patience=settings.silence_after_s,
            max_ahead=settings.max_ahead_ms * CLOCK_RATE // 1000,
        )
        self._keys = EventReceiver()
        self._ssrc: int | None = None
        self._previous_ssrc: int | None = None
        self._ssrc_since = now
        self._restarts = 0
        self._lost_media = False
        self._begun = False
        self.heard = now
        """When the peer last gave a sign of life, in seconds."""
        self.events: list[Event] = []
        self.received = 0
        self.malformed = 0
        self.unexpected = 0
        """Well-formed packets of a type, stream or direction that was not agreed."""
        self.lost_before = 0
        """Packets lost in streams that came before the present one."""
        self.update(plan)

    def update(self, plan: StreamPlan) -> None:
        """Take a new description."""
        self._plan = plan
        self._tables: dict[int, bytes | None] = {
            kind: law_table(encoding, self.encoding) for kind, encoding in plan.receive.items()
        }
        self._event_type = plan.event_receive
        self._noise_type = plan.comfort_noise_receive
        self._receives = plan.receives
        self.latch.described(plan.remote_rtp)
        self.clock.frame = plan.ptime_ms * CLOCK_RATE // 1000

    @property
    def ssrc(self) -> int | None:
        """The peer's stream; None before its first packet."""
        return self._ssrc

    def rtp_received(self, packet: bytes, source: Address, now: float) -> bytes | None:
        """Take a datagram; see MediaSession."""
        rtp = parse(packet)
        if rtp is None:
            self.malformed += 1
            return None
        kind = rtp.payload_type
        if kind not in self._tables and kind != self._event_type and kind != self._noise_type:
            self.unexpected += 1
            return None
        latch = self.latch
        if source != latch.source:
            if not self._source_changed(rtp, source, now):
                return None
        else:
            latch.accepts(source, rtp.ssrc, rtp.sequence, now)
        if rtp.ssrc != self._ssrc and not self._stream_changed(rtp.ssrc, now):
            return None
        sequence = self.stats.sequence(rtp.sequence)
        if sequence is None:
            self.unexpected += 1
            return None
        self.received += 1
        self.heard = now
        if self._lost_media or self._restarts != self.stats.restarts:
            self._resumed(now)
        held = self._content(rtp, now)
        if self.reorder.passes(sequence):
            timestamp, payload = held
            if not payload:
                return None
            return self.clock.audio(timestamp, payload, now) or self._first()
        self.reorder.hold(sequence, held, now, self.stats.jitter / CLOCK_RATE)
        self._release(now)
        return self._first()

    def overdue(self, now: float) -> bytes | None:
        """Do what time has made due; cheap when it is nothing."""
        clock = self.clock
        deadline = self.reorder.deadline
        if now < clock.deadline and deadline is None and not self._keys.active:
            return None
        if deadline is not None and now >= deadline:
            self._release(now)
        if self._keys.active:
            digit = self._keys.overdue(now)
            if digit is not None:
                self.events.append(digit)
        if not self._begun:
            self._begun = True
            clock.begin(now)
            if self._ssrc is None:
                self.heard = now
        if now >= clock.deadline:
            clock.overdue(now, self.stats.jitter / CLOCK_RATE)
            self._check_lost(now)
        return self._first()

    def sign_of_life(self, now: float) -> None:
        """The peer sent something other than RTP that shows it is there."""
        self.heard = now
        if self._lost_media:
            self._resumed(now)

    def _content(self, rtp: RtpPacket, now: float) -> _Held:
        """Timestamp and audio of a packet in the uplink's encoding. Events and noise act here and carry no audio."""
        kind = rtp.payload_type
        if kind in self._tables:
            timestamp = self.stats.timestamp(rtp.timestamp, now)
            if not self._receives:
                self.unexpected += 1
                return timestamp, _NOTHING
            table = self._tables[kind]
            return timestamp, rtp.payload if table is None else rtp.payload.translate(table)
        timestamp = self.stats.near(rtp.timestamp)
        if kind == self._event_type:
            self.events.extend(self._keys.received(timestamp, rtp.payload, now))
        else:
            level = parse_level(rtp.payload)
            if level is not None:
                self.clock.announced_silence(level, now)
        return timestamp, _NOTHING

    def _release(self, now: float) -> None:
        clock = self.clock
        lost = False
        for missing, (timestamp, payload) in self.reorder.released(now):
            lost = lost or missing > 0
            if not payload:
                continue
            if lost:
                clock.audio_after_loss(timestamp, payload, now)
                lost = False
                continue
            passed = clock.audio(timestamp, payload, now)
            if passed is not None:
                clock.backlog.append(passed)

    def _first(self) -> bytes | None:
        backlog = self.clock.backlog
        return backlog.pop(0) if backlog else None

    def _source_changed(self, rtp: RtpPacket, source: Address, now: float) -> bool:
        previous = self.latch.source
        if not self.latch.accepts(source, rtp.ssrc, rtp.sequence, now):
            return False
        self.events.append(SourceChanged(source, previous))
        return True

    def _stream_changed(self, ssrc: int, now: float) -> bool:
        previous = self._ssrc
        if ssrc == self._previous_ssrc and now - self._ssrc_since < _STRAGGLER_S:
            self.unexpected += 1
            return False
        if previous is not None:
            self.events.append(SsrcChanged(ssrc, previous))
            self.lost_before += self.stats.total_lost
            self._start_anew(now)
            self.stats = ReceiverStatistics()
            self._restarts = 0
        self._previous_ssrc, self._ssrc, self._ssrc_since = previous, ssrc, now
        return True

    def _start_anew(self, now: float) -> None:
        """The numbering begins anew; what was held of the old one goes out first."""
        for timestamp, payload in (item for _, item in self.reorder.restart()):
            passed = self.clock.audio(timestamp, payload, now) if payload else None
            if passed is not None:
                self.clock.backlog.append(passed)
        self.clock.restart()
        self._keys.restart()

    def _resumed(self, now: float) -> None:
        if self._lost_media:
            self._lost_media = False
            self.events.append(MediaResumed())
        if self._restarts != self.stats.restarts:
            self._restarts = self.stats.restarts
            self._start_anew(now)

    def _check_lost(self, now: float) -> None:
        silent = now - self.heard
        if silent >= self._settings.media_lost_after_s and self._receives and not self._lost_media:
            self._lost_media = True
            self.events.append(MediaLost(silent))
