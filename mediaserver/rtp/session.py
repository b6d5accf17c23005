"""One audio stream of one call, both ways: datagrams and time in, payloads and datagrams out."""

from collections.abc import Callable
from dataclasses import dataclass

from mediaproviders.contract import AudioFormat
from mediaserver.rtp.effort import Effort
from mediaserver.rtp.events import Event
from mediaserver.rtp.extensions import ExtensionReader
from mediaserver.rtp.form import form_before
from mediaserver.rtp.packet import is_rtcp
from mediaserver.rtp.plan import Address, MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.receiver import Receiver
from mediaserver.rtp.reporter import Reporter
from mediaserver.rtp.rtcp import is_foreign
from mediaserver.rtp.sender import Overheard, Send, Sender


@dataclass(frozen=True, slots=True)
class Counters:
    """What a session has counted so far. Packets, unless the name says ms."""

    received: int
    lost: int
    """Never arrived."""
    late: int
    """Arrived after the wait for them was given up."""
    duplicate: int
    concealed_ms: float
    comfort_ms: float
    """Uplink silence that stood in for a caller who sent nothing."""
    trimmed_ms: float
    """Uplink audio left out to get back to the wall."""
    refused: int
    """From a source that is not the peer's."""
    malformed: int
    unexpected: int
    """Well-formed, but of a type, stream or direction nobody agreed on."""
    sent: int
    skipped_ms: float
    """Downlink time not sent because ticks came far too late."""
    underruns: int
    jitter_ms: float
    rtt_ms: float | None
    remote_fraction_lost: float | None


class MediaSession:
    """The stream of one call.

    The uplink is a contiguous stream of octets in `uplink_format`, which stays the same for the whole call: G.711 as it
    comes if that is what is received first of all, else linear samples.
    `rtp_received` and `overdue` return its next piece, one packet's worth where nothing is amiss, or None. What follows
    that piece is in `backlog`: take it with `take_backlog` after each of these calls, before the next one.

    `spread` gives random numbers from 0 up to 1 for the interval of RTCP. `wanted_rate` is the sampling rate in Hz in
    which the uplink is of most use; a codec that can decode to it will. `effort` is how much work encoding may be, for
    all sessions together. Raises CodecUnavailableError.
    """

    def __init__(
        self,
        plan: StreamPlan,
        *,
        ssrc: int,
        cname: str,
        first_sequence: int,
        first_timestamp: int,
        now: float,
        playout: Playout,
        settings: MediaSettings | None = None,
        spread: Callable[[], float] = lambda: 0.5,
        wanted_rate: int | None = None,
        effort: Effort | None = None,
    ) -> None:
        settings = settings or MediaSettings()
        self._plan = plan
        self._ssrc = ssrc
        self._settings = settings
        self._receiver = Receiver(plan, settings, now, wanted_rate)
        self.extensions = _reader(plan, ssrc)
        """What the peer's packets say beside audio; None: nothing was agreed on."""
        self._receiver.extensions = self.extensions
        self._sender = Sender(
            plan, settings, ssrc=ssrc, first_sequence=first_sequence, first_timestamp=first_timestamp, playout=playout,
            effort=effort,
        )  # fmt: skip
        self._reporter = Reporter(
            settings, ssrc=ssrc, cname=cname, now=now, spread=spread, receiver=self._receiver, sender=self._sender
        )
        self._rtcp_source: Address | None = None
        self._rtcp_refused = 0
        self._rtcp_malformed = 0
        self.playout = playout
        self.backlog: list[bytes] = self._receiver.clock.backlog
        """Uplink payloads that follow the one just returned; the same list for the life of the session."""

    # --- in --------------------------------------------------------------------------------------------------------

    def rtp_received(self, packet: bytes, source: Address, now: float) -> bytes | None:
        """Take a datagram of the RTP port, whatever it holds: the uplink payload due now, if there is one."""
        if self._plan.rtcp_mux and is_rtcp(packet):
            self.rtcp_received(packet, source, now)
            return None
        return self._receiver.rtp_received(packet, source, now)

    def overdue(self, now: float) -> bytes | None:
        """What time has made due on the uplink: comfort, or audio behind a hole that was given up. Once a tick.

        The uplink's time begins with the first of these calls, or with the first packet.
        """
        return self._receiver.overdue(now)

    def take_backlog(self) -> list[bytes]:
        """The uplink payloads that follow the one just returned, in order."""
        taken = self.backlog[:]
        self.backlog.clear()
        return taken

    def rtcp_received(self, packet: bytes, source: Address, now: float) -> None:
        """Take a datagram of the RTCP port, or RTCP that came on the RTP port."""
        latched = self._receiver.latch.source
        if source[0] not in (self._plan.remote_rtcp[0], self._plan.remote_rtp[0], latched and latched[0]):
            self._rtcp_refused += 1
        elif self._reporter.received(packet, now):
            if self._reporter.remote_fraction_lost is not None:
                self._sender.expect_loss(self._reporter.remote_fraction_lost)
            self._rtcp_source = source
            self._receiver.sign_of_life(now)
        elif not is_foreign(packet):  # what is only feedback is passed over; reports do not go where it came from
            self._rtcp_malformed += 1

    # --- out -------------------------------------------------------------------------------------------------------

    def start(self, at: float) -> None:
        """Tell when the next tick comes (seconds), again when ticks move; else the first tick begins the schedule."""
        self._sender.start(at)

    def tick(self, now: float, send: Send) -> None:
        """Send the downlink packets due: one per ptime (constant mode), or those of a talkspurt (discontinuous)."""
        self._sender.tick(now, send)

    def speak_now(self, now: float, send: Send, scheduled: float | None = None) -> bool:
        """After filling the playout: in discontinuous mode a talkspurt leaves at once. Nothing in constant mode.

        True if one has begun: its next frames are due ptime by ptime after `scheduled` (None: `now`), which must not
        be after `now`.
        """
        return self._sender.speak_now(now, send, scheduled)

    def rtcp_due(self, now: float) -> bytes | None:
        """The report that is due, if one is."""
        return self._reporter.report(now) if now >= self._reporter.due else None

    def feedback(self) -> bytes:
        """What the peer's congestion control is to be told of its packets: when `extensions.feedback.due` has come."""
        extensions, ssrc = self.extensions, self._receiver.ssrc
        assert extensions is not None and extensions.feedback is not None and ssrc is not None
        return self._reporter.before_feedback(self._plan.reduced_rtcp) + extensions.feedback.report(ssrc)

    def goodbye(self, now: float) -> bytes:
        """The last RTCP packet of the session."""
        return self._reporter.goodbye(now)

    def send_digits(self, keys: str, duration_ms: float | None = None, *, tones: bool = False) -> None:
        """Play keys in place of audio: ``0-9 * # A-D``, and the pauses ``w`` (0.5 s), ``W`` (1 s) and ``,`` (2 s).

        As events if those were agreed and `tones` are not asked for, else as tones. `duration_ms` is how long each key
        is down; None: as the settings say. Raises LocalProtocolError for what is no key.
        """
        self._sender.press(keys, duration_ms, tones=tones)

    def play(self, source: Callable[[], bytes | None] | None) -> None:
        """Send the frames of `source`, in `downlink_format`, and not what playout holds; None: that again."""
        self._sender.play(source)

    def overhear(self, overheard: Overheard | None) -> None:
        """Tell of every frame that leaves and is not silence; None: nobody is told any more."""
        self._sender.overhear(overheard)

    def excuse(self, on: bool) -> None:
        """The peer has a reason to be silent, or no longer: its silence is no loss of media while that lasts."""
        self._receiver.excused = on

    # --- the rest --------------------------------------------------------------------------------------------------

    @property
    def eventful(self) -> bool:
        """`events` has something to tell."""
        return bool(self._receiver.events)

    def events(self) -> list[Event]:
        """What happened since the last time."""
        out = self._receiver.events
        if out:
            self._receiver.events = []
        return out

    def update(self, plan: StreamPlan, now: float) -> None:
        """A new description was agreed: hold, resume, another encoding or ptime, another address."""
        if plan.receives and not self._plan.receives:
            self._receiver.heard = now  # the peer was not expected to send until now
        if plan.remote_rtcp != self._plan.remote_rtcp:
            self._rtcp_source = None
        self._plan = plan
        self._receiver.update(plan)
        self._sender.update(plan)
        if self.extensions is None:
            self.extensions = self._receiver.extensions = _reader(plan, self._ssrc)
        else:
            self.extensions.agreed(plan.audio_level, plan.transport_sequence, self._ssrc)

    @property
    def on_hold(self) -> bool:
        """The peer does not want to hear us."""
        return not self._plan.sends

    @property
    def uplink_format(self) -> AudioFormat:
        """What the uplink is in."""
        return self._receiver.form.audio

    @property
    def downlink_format(self) -> AudioFormat:
        """What frames to be sent are in, before the codec. A new description may change it."""
        return form_before(self._plan.send_encoding).audio

    @property
    def destination(self) -> Address:
        """Where RTP goes: to the latched source, or as described."""
        return self._receiver.latch.destination

    @property
    def rtcp_destination(self) -> Address:
        """Where RTCP goes: with the RTP if multiplexed, to where the peer's comes from, or as described."""
        if self._plan.rtcp_mux:
            return self.destination
        if self._settings.symmetric and self._rtcp_source is not None:
            return self._rtcp_source
        return self._plan.remote_rtcp

    @property
    def rtt_ms(self) -> float | None:
        """Round-trip time, if RTCP has told it."""
        rtt = self._reporter.rtt
        return None if rtt is None else rtt * 1000.0

    def counters(self) -> Counters:
        """A snapshot of all counters."""
        receiver, sender, reorder, clock = self._receiver, self._sender, self._receiver.reorder, self._receiver.clock
        per_ms = receiver.form.bytes_per_ms
        return Counters(
            received=receiver.received,
            lost=receiver.lost_before + receiver.stats.total_lost,
            late=reorder.late,
            duplicate=reorder.duplicates,
            concealed_ms=clock.concealed_octets / per_ms,
            comfort_ms=clock.comfort_octets / per_ms,
            trimmed_ms=clock.trimmed_octets / per_ms,
            refused=receiver.latch.refused + self._rtcp_refused,
            malformed=receiver.malformed + receiver.undecodable + self._rtcp_malformed,
            unexpected=receiver.unexpected,
            sent=sender.packets,
            skipped_ms=sender.skipped_ms,
            underruns=self.playout.underruns,
            jitter_ms=receiver.stats.jitter_ms,
            rtt_ms=self.rtt_ms,
            remote_fraction_lost=self._reporter.remote_fraction_lost,
        )


def _reader(plan: StreamPlan, ssrc: int) -> ExtensionReader | None:
    if plan.audio_level is None and plan.transport_sequence is None:
        return None
    return ExtensionReader(ssrc, plan.audio_level, plan.transport_sequence)
