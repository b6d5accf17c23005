"""What goes out: one frame per ptime against absolute deadlines, in either downlink mode."""

from collections.abc import Callable

from mediacodecs import registry
from mediaserver.errors import LocalProtocolError
from mediaserver.rtp import comfort_noise, packet
from mediaserver.rtp.coder import Coder, needs_coder
from mediaserver.rtp.dtmf import EventSender
from mediaserver.rtp.effort import Effort
from mediaserver.rtp.form import Form, form_before
from mediaserver.rtp.plan import MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.tone_keys import ToneKeys

type Send = Callable[[bytes], object]
type Overheard = Callable[[bytes, float, Form], None]
"""Told each frame that is not silence, before the codec, when it is due (seconds), and its form."""

_HANGOVER_MS = 100
"""Silence sent before nothing is, where the codec does without: what the peer makes up of it is silence then, too."""
_DTX_REFRESH_S = 0.4
"""How often something is sent in a silence of Opus (RFC 7587 3.1.3)."""
_REFRESHING = 2
"""Frames of it: silence, and that nothing follows."""


class Sender:
    """The sending half of a session.

    Each deadline has its timestamp: deadline `n` is n frames after the first tick and so is its timestamp, which is why
    the RTP clock cannot leave the wall. Only a talkspurt of the discontinuous mode moves the phase, both together.
    """

    # More attributes than an instance keeps cheaply without them.
    __slots__ = (
        "_clock_rate",
        "_codec",
        "_coder",
        "_continuous",
        "_due",
        "_earliest",
        "_effort",
        "_event_clock_rate",
        "_event_samples",
        "_first_timestamp",
        "_form",
        "_keys",
        "_marker",
        "_noise_due",
        "_origin",
        "_overheard",
        "_payload_type",
        "_plan",
        "_playout",
        "_pop",
        "_ptime",
        "_quiet_frames",
        "_samples",
        "_samples_due",
        "_sends",
        "_sent_until",
        "_sequence",
        "_settings",
        "_silence",
        "_source",
        "_ssrc",
        "_talking",
        "_tones",
        "octets",
        "packets",
        "skipped_ms",
    )

    def __init__(
        self,
        plan: StreamPlan,
        settings: MediaSettings,
        *,
        ssrc: int,
        first_sequence: int,
        first_timestamp: int,
        playout: Playout,
        effort: Effort | None = None,
    ) -> None:
        self._effort = effort
        self._settings = settings
        self._ssrc = ssrc
        self._sequence = first_sequence
        self._first_timestamp = first_timestamp
        self._playout = playout
        self._source = playout.pop
        self._overheard: Overheard | None = None
        self._tones: ToneKeys | None = None
        self._origin: float | None = None
        self._due = -1e9
        self._samples_due = 0  # of the frame at `_due`, counted from the first
        self._sent_until = -1
        self._marker = True
        self._talking = False
        self._noise_due: float | None = None
        self._keys = EventSender(settings.digit_ms, settings.digit_gap_ms, plan.event_clock_rate)
        self._event_clock_rate = plan.event_clock_rate
        self._codec = ""
        self._coder: Coder | None = None
        self._clock_rate = registry.spec(plan.send_encoding).clock_rate
        self._quiet_frames = 0
        self.packets = 0
        self.octets = 0
        self.skipped_ms = 0.0
        """Time not sent because ticks came far too late."""
        self.update(plan)

    def update(self, plan: StreamPlan) -> None:
        """Take a new description: hold or resume, another encoding or ptime."""
        self._plan = plan
        self._sends = plan.sends
        self._playout.reformat(plan.send_encoding, plan.ptime_ms)
        self._take_codec(plan)
        self._samples = plan.ptime_ms * self._clock_rate // 1000
        self._event_samples = plan.ptime_ms * plan.event_clock_rate // 1000
        self._ptime = plan.ptime_ms / 1000.0
        self._earliest = -0.5 * self._ptime
        self._payload_type = plan.send_payload_type
        self._continuous = plan.comfort_noise_send is None and not (self._coder is not None and self._coder.dtx)
        if not plan.sends:
            self._marker, self._talking, self._noise_due = True, False, None

    def _take_codec(self, plan: StreamPlan) -> None:
        form = self._form = form_before(plan.send_encoding)
        self._silence = form.silence * (plan.ptime_ms * form.audio.rate // 1000)
        codec = f"{plan.send_encoding} {plan.send_fmtp}"
        if codec != self._codec:
            self._codec = codec
            coded = needs_coder(plan.send_encoding)
            self._coder = Coder(plan, self._settings, self._source, self._effort) if coded else None
            self._play(self._source if self._tones is None else self._toned)
            self._change_clock(registry.spec(plan.send_encoding).clock_rate)
        if self._coder is not None:
            self._coder.frame(plan.ptime_ms)
        if self._tones is not None:
            self._tones.into(form, plan.ptime_ms)
        if plan.event_clock_rate != self._event_clock_rate and not self._keys.busy:
            self._event_clock_rate = plan.event_clock_rate
            self._keys = EventSender(self._settings.digit_ms, self._settings.digit_gap_ms, plan.event_clock_rate)

    def play(self, source: Callable[[], bytes | None] | None) -> None:
        """Take frames from `source` and no longer from the playout, in the form before the codec; None: from that."""
        self._source = self._playout.pop if source is None else source
        if self._tones is None:
            self._play(self._source)

    def overhear(self, overheard: Overheard | None) -> None:
        """Tell of every frame that leaves and is not silence; None: tell nobody, which costs nothing."""
        self._overheard = overheard
        self._play(self._source if self._tones is None else self._toned)

    def _play(self, source: Callable[[], bytes | None]) -> None:
        if (overheard := self._overheard) is not None:
            source = self._telling(source, overheard)
        if self._coder is None:
            self._pop = source
        else:
            self._coder.play(source)
            self._pop = self._coder.pop

    def _telling(self, source: Callable[[], bytes | None], overheard: Overheard) -> Callable[[], bytes | None]:
        def tell() -> bytes | None:
            frame = source()
            if frame is not None:
                overheard(frame, self._due, self._form)
            return frame

        return tell

    def _toned(self) -> bytes | None:
        """The frames of tones, as long as there are any."""
        tones = self._tones
        if tones is not None and (frame := tones.pop()) is not None:
            return frame
        self._tones = None
        self._play(self._source)
        return self._source()

    def _change_clock(self, clock_rate: int) -> None:
        """Timestamps go on from where they are, at another pace (RFC 7160 4.1)."""
        if clock_rate == self._clock_rate:
            return
        if self._origin is not None:
            self._first_timestamp += self._samples_due
            self._origin, self._samples_due, self._sent_until = self._due, 0, -1
        self._clock_rate = clock_rate

    def start(self, at: float) -> None:
        """The next tick comes at `at` (seconds), and others ptime by ptime: the schedule is that of the ticks.

        Taken from the first tick it would have that one's lateness, and every punctual tick after it would be early.
        """
        if self._origin is None:
            self._origin = self._due = at
        else:
            self._due, self._samples_due = at, round((at - self._origin) * self._clock_rate)
            self._marker = True

    def timestamp_at(self, now: float) -> int:
        """The RTP time that corresponds to `now`."""
        elapsed = 0.0 if self._origin is None else now - self._origin
        return self._first_timestamp + round(elapsed * self._clock_rate)

    def press(self, keys: str, duration_ms: float | None = None, *, tones: bool = False) -> None:
        """Queue keys: as events, if those were agreed and `tones` are not asked for, or as tones.

        Raises LocalProtocolError when `keys` holds what is no key; a tone of flash there is none.
        """
        try:
            if self._plan.event_send is not None and not tones:
                self._keys.press(keys, duration_ms)
                return
            settings, plan = self._settings, self._plan
            playing = self._tones
            if playing is None:
                form = form_before(plan.send_encoding)
                playing = ToneKeys(form, plan.ptime_ms, settings.digit_ms, settings.digit_gap_ms)
            playing.press(keys, duration_ms)
        except ValueError as error:
            raise LocalProtocolError(str(error)) from None
        if self._tones is None:
            self._tones = playing
            self._play(self._toned)

    def tick(self, now: float, send: Send) -> None:
        """Send what is due. A tick may come up to half a ptime early: the phase is the caller's, the count is ours."""
        late = now - self._due
        if late < self._earliest:
            return
        frames = 1 if late < self._ptime else self._frames_due(now)
        for _ in range(frames):
            if self._sends:
                self._frame(send)
            self._due += self._ptime
            self._samples_due += self._samples

    def speak_now(self, now: float, send: Send, scheduled: float | None = None) -> bool:
        """Discontinuous mode: begin a talkspurt at once if there is one to begin; True if it was begun.

        `scheduled` is a time shortly before `now` from which the next ticks will come, ptime by ptime (None: `now`).
        The talkspurt has its timestamps, so that only its first packet is late, by the difference.
        """
        if self._continuous or self._talking or not self._sends or self._keys.busy or not self._playout.ready:
            return False
        if self._origin is not None:
            due = now if scheduled is None else scheduled
            samples = round((due - self._origin) * self._clock_rate)
            if samples <= self._sent_until:
                return False  # the last talkspurt reaches up to the next tick: nothing to be gained
            self._due, self._samples_due = due, samples
        self.tick(now, send)
        return True

    def _frames_due(self, now: float) -> int:
        if self._origin is None:
            self._origin = self._due = now
            return 1
        frames = int((now - self._due) / self._ptime) + 1
        most = self._settings.catch_up_frames
        if frames > most:
            # Sent now they would only be thrown away by the receiver: their time is skipped, no audio is.
            skipped = frames - most
            self._due += skipped * self._ptime
            self._samples_due += skipped * self._samples
            if self._sends:
                self._marker = True
                self.skipped_ms += skipped * self._ptime * 1000.0
            return most
        return frames

    def _frame(self, send: Send) -> None:
        if self._keys.busy:
            if self._event(send):
                return
            payload = None if self._keys.goes_on else self._pop()
        else:
            payload = self._pop()
        if payload is None:
            if not self._continuous:
                self._quiet(send)
                return
            coder = self._coder
            payload = self._silence if coder is None else coder.silence()
        elif not self._talking:
            self._talking = True
            if not self._continuous:
                self._marker = True
        self._emit(self._payload_type, self._first_timestamp + self._samples_due, payload, self._marker, send)
        self._marker = False

    def _emit(self, kind: int, timestamp: int, payload: bytes, marker: bool, send: Send) -> None:
        send(packet.build(kind, self._sequence, timestamp, self._ssrc, payload, marker))
        self._sequence += 1
        self.packets += 1
        self.octets += len(payload)

    def _quiet(self, send: Send) -> None:
        """Silence of the discontinuous mode: comfort noise when it begins, and now and then."""
        kind = self._plan.comfort_noise_send
        if kind is None:
            self._left_out(send)
            return
        if self._noise_due is not None and not self._talking and self._due < self._noise_due:
            return
        self._talking = False
        self._noise_due = self._due + self._settings.comfort_noise_refresh_s
        self._sent_until = self._samples_due
        noise = comfort_noise.build(self._settings.comfort_noise_level)
        self._emit(kind, self._first_timestamp + self._samples_due, noise, False, send)

    def _left_out(self, send: Send) -> None:
        """The same where the codec itself knows silence: a little of it, and then nothing but now and then a frame."""
        coder = self._coder
        if coder is None:
            return
        if self._talking or self._noise_due is None:
            self._talking = False
            self._quiet_frames = -(-_HANGOVER_MS // self._plan.ptime_ms)
        elif not self._quiet_frames:
            if self._due < self._noise_due:
                return
            self._quiet_frames = _REFRESHING
        self._quiet_frames -= 1
        self._noise_due = self._due + _DTX_REFRESH_S
        self._sent_until = self._samples_due
        payload = coder.silence() if self._quiet_frames else coder.pause()
        self._emit(self._payload_type, self._first_timestamp + self._samples_due, payload, False, send)

    def expect_loss(self, share: float) -> None:
        """The peer misses this share of our packets (0 to 1), says its report."""
        if self._coder is not None:
            self._coder.expect_loss(share)

    def _event(self, send: Send) -> bool:
        kind = self._plan.event_send
        event = self._keys.frame(self._first_timestamp + self._samples_due, self._event_samples)
        if event is None or kind is None:
            return False
        payload, timestamp, marker = event
        self._talking, self._noise_due = False, None
        self._sent_until = self._samples_due + self._samples
        self._emit(kind, timestamp, payload, marker, send)
        return True
