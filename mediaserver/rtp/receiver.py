"""What comes in: source, sequence, events, and the caller's audio in order and in time."""

from mediacodecs import registry
from mediaserver.rtp.comfort_noise import parse_level
from mediaserver.rtp.dtmf import EventReceiver
from mediaserver.rtp.events import Event, MediaLost, MediaResumed, SourceChanged, SsrcChanged
from mediaserver.rtp.extensions import ExtensionReader
from mediaserver.rtp.form import form_of, uplink_format
from mediaserver.rtp.inlet import DecodingInlet, Inlet, inlet_for
from mediaserver.rtp.latch import SourceLatch
from mediaserver.rtp.packet import RtpPacket, parse
from mediaserver.rtp.plan import Address, MediaSettings, StreamPlan
from mediaserver.rtp.reorder import Reorder
from mediaserver.rtp.stats import ReceiverStatistics
from mediaserver.rtp.uplink_clock import UplinkClock

type _Held = tuple[Inlet, int, bytes]
_STRAGGLER_S = 1.0
_NOTHING = b""


class Receiver:
    """The receiving half of a session. Its clock and form last as long as the call, whatever is renegotiated.

    `wanted_rate` is the sampling rate in Hz in which the uplink is of use, for codecs that leave the choice.
    """

    def __init__(self, plan: StreamPlan, settings: MediaSettings, now: float, wanted_rate: int | None = None) -> None:
        self._settings = settings
        codec = next(iter(plan.receive.values()), plan.send_encoding)
        self.form = form_of(uplink_format(codec, wanted_rate))
        self.latch = SourceLatch(plan.remote_rtp, settings, plan.signalled)
        self.stats = ReceiverStatistics(registry.spec(codec).clock_rate)
        self.reorder: Reorder[_Held] = Reorder(settings.reorder_min_s, settings.reorder_max_s)
        self.clock = UplinkClock(
            self.form,
            frame=plan.ptime_ms * self.form.bytes_per_ms,
            now=now,
            patience=settings.silence_after_s,
            max_ahead=settings.max_ahead_ms * self.form.bytes_per_ms,
        )
        self._inlet: Inlet = self.clock
        self._codecs: dict[int, str] = {}
        self._inlets: dict[int, Inlet] = {}
        self._keys = EventReceiver()
        self._ssrc: int | None = None
        self._previous_ssrc: int | None = None
        self._ssrc_since = now
        self._restarts = 0
        self._lost_media = False
        self._begun = False
        self.heard = now
        """When the peer last gave a sign of life, in seconds; or was last excused."""
        self.excused = False
        """The peer has a reason to be silent: it is not missed while that lasts."""
        self.events: list[Event] = []
        self.extensions: ExtensionReader | None = None
        """Takes what packets say beside audio."""
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
        # A decoder that is still in use is kept: it remembers what it has heard.
        self._inlets = {
            kind: self._inlets[kind] if self._codecs.get(kind) == codec else inlet_for(self.clock, self.form, codec)
            for kind, codec in plan.receive.items()
        }
        self._codecs = dict(plan.receive)
        self._event_types = dict(plan.events_receive)
        if plan.event_receive is not None:
            self._event_types.setdefault(plan.event_receive, plan.event_clock_rate)
        self._noise_type = plan.comfort_noise_receive
        self._receives = plan.receives
        self.latch.described(plan.remote_rtp, plan.signalled)
        self.clock.frame = plan.ptime_ms * self.form.bytes_per_ms

    @property
    def undecodable(self) -> int:
        """Packets their codec could make nothing of."""
        return sum(one.undecodable for one in self._inlets.values() if isinstance(one, DecodingInlet))

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
        if kind not in self._inlets and kind not in self._event_types and kind != self._noise_type:
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
        if rtp.extension is not None and self.extensions is not None:
            self.extensions.read(rtp, now)
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
            inlet, timestamp, payload = held
            if not payload:
                return self._first()  # another stream may have begun with it, and what was held of the old one is out
            return inlet.audio(timestamp, payload, now) or self._first()
        self.reorder.hold(sequence, held, now, self.stats.jitter_s)
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
            if self.reorder.deadline is None:  # else audio is there, and waits for what is missing before it
                clock.overdue(now, self.stats.jitter_s)
            self._check_lost(now)
        return self._first()

    def sign_of_life(self, now: float) -> None:
        """The peer sent something other than RTP that shows it is there."""
        self.heard = now
        if self._lost_media:
            self._resumed(now)

    def _content(self, rtp: RtpPacket, now: float) -> _Held:
        """Where a packet's audio is to go, its timestamp, its payload. Events and noise act here and carry no audio."""
        kind = rtp.payload_type
        inlet = self._inlets.get(kind)
        if inlet is not None:
            if inlet is not self._inlet:
                self._codec_changed(kind, inlet)
            timestamp = self.stats.timestamp(rtp.timestamp, now)
            if not self._receives:
                self.unexpected += 1
                return inlet, timestamp, _NOTHING
            return inlet, timestamp, rtp.payload
        timestamp = self.stats.near(rtp.timestamp)
        if kind in self._event_types:
            self._keys.clock_rate = self._event_types[kind]
            self.events.extend(self._keys.received(timestamp, rtp.payload, now, rtp.marker))
        else:
            level = parse_level(rtp.payload)
            if level is not None:
                self.clock.announced_silence(level, now)
        return self._inlet, timestamp, _NOTHING

    def _codec_changed(self, kind: int, inlet: Inlet) -> None:
        """The peer goes over to another of the codecs agreed."""
        self._inlet = inlet
        self.clock.substitute = inlet.go_on if isinstance(inlet, DecodingInlet) and inlet.remembers else None
        clock_rate = registry.spec(self._codecs[kind]).clock_rate
        if clock_rate != self.stats.clock_rate:
            self.stats.change_clock(clock_rate)
            self.clock.restart()

    def _release(self, now: float) -> None:
        clock = self.clock
        lost = False
        for missing, (inlet, timestamp, payload) in self.reorder.released(now):
            lost = lost or missing > 0
            if not payload:
                continue
            if lost:
                inlet.audio_after_loss(timestamp, payload, now)
                lost = False
                continue
            passed = inlet.audio(timestamp, payload, now)
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
        self._previous_ssrc = None  # what comes from here is no straggler
        if rtp.ssrc == self._ssrc and not self.stats.continues(rtp.sequence):
            # By chance, or by a gateway that has but one: another stream of the same name.
            self._another_stream(now)
        return True

    def _stream_changed(self, ssrc: int, now: float) -> bool:
        previous = self._ssrc
        if ssrc == self._previous_ssrc and now - self._ssrc_since < _STRAGGLER_S:
            self.unexpected += 1
            return False
        if previous is not None:
            self.events.append(SsrcChanged(ssrc, previous))
            self._another_stream(now)
        self._previous_ssrc, self._ssrc, self._ssrc_since = previous, ssrc, now
        return True

    def _another_stream(self, now: float) -> None:
        """What was counted of the one so far is put by."""
        self.lost_before += self.stats.total_lost
        self._start_anew(now)
        self.stats = ReceiverStatistics(self.stats.clock_rate)
        self._restarts = 0

    def _start_anew(self, now: float) -> None:
        """The numbering begins anew; what was held of the old one goes out first."""
        for inlet, timestamp, payload in (item for _, item in self.reorder.restart()):
            passed = inlet.audio(timestamp, payload, now) if payload else None
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
        if self.excused:
            self.heard, self._lost_media = now, False
            return
        silent = now - self.heard
        if silent >= self._settings.media_lost_after_s and self._receives and not self._lost_media:
            self._lost_media = True
            self.events.append(MediaLost(silent))
