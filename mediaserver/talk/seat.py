"""All that belongs to one call in the media plane: its leg, its conversation, its keys, and whom it is bridged to."""

import asyncio
import dataclasses
import time
from collections.abc import Callable

import structlog

from mediacodecs.signal.vad import SpeechDetector
from mediaserver.errors import LocalProtocolError
from mediaserver.rtp.events import Digit, MediaLost
from mediaserver.sdp.plan import MediaPlan
from mediaserver.talk.bridge import Bridge
from mediaserver.talk.conversation import Talk
from mediaserver.talk.digits import Inband, Presses, Way
from mediaserver.talk.echo import EchoGuarding, Guard
from mediaserver.talk.feed import Notes
from mediaserver.talk.leg import Leg
from mediaserver.talk.onlooker import Onlooker
from mediaserver.talk.orders import Dialled, Left, Press, Report, Silent, Unprotected
from mediaserver.talk.ringback import Ringback, RingTone
from mediaserver.talk.tone_ear import ToneEar


class Seat:
    """One call. `talk` is None for a leg that is only to be bridged."""

    def __init__(
        self, call: str, leg: Leg, talk: Talk | None, inband: Inband | None, report: Callable[[Report], None]
    ) -> None:
        self.call = call
        self.leg = leg
        self.talk = talk
        self.encoding = "PCMU"
        self.task: asyncio.Task[None] | None = None
        self.detector: SpeechDetector | None = None
        self.bridge: Bridge | None = None
        self._inband: Inband = inband or (talk.agent.digits.inband if talk is not None else "off")
        self.notes = talk.notes if talk is not None else Notes(call, report, time.monotonic)
        """For who watches the call."""
        self._onlooker: Onlooker | None = None
        self._presses = Presses()
        self._echo: Guard | None = None
        self._report = report
        self._log = structlog.get_logger().bind(call=call)
        leg.happened = self.tell
        leg.unprotected = lambda why: report(Unprotected(call, why))
        leg.vanished = lambda seconds: report(Silent(call, seconds, gone=True))
        leg.left = lambda: report(Left(call))

    def watch(self, on: bool) -> None:
        """Somebody watches the call, or nobody does any more."""
        self.notes.watch(on)
        if self._onlooker is not None:
            self._onlooker.stop()
            self._onlooker = None
        if on and self.talk is not None and not self.talk.told_of_speech:
            self._onlooker = Onlooker(self.leg, self.notes, asyncio.get_running_loop(), time.monotonic)

    def described(self, plan: MediaPlan) -> None:
        """The stream is as `plan` says, from now on."""
        uplink = self.leg.uplink
        if uplink is not None and self.leg.session is not None:
            events = plan.event_receive is not None
            wanted = self._inband == "always" or (self._inband == "auto" and not events)
            if not wanted:
                uplink.tone_ear = None
            elif uplink.tone_ear is None:
                uplink.tone_ear = ToneEar(self.leg.session.uplink_format.rate, self._heard)
        if self.talk is not None:
            self._guard(self.talk.agent.echo, browser=plan.ice is not None)
            self.talk.hold(not plan.direction.sends)
        if self.bridge is not None:
            self.bridge.follow()

    def _guard(self, echo: EchoGuarding, *, browser: bool) -> None:
        """Guard the conversation against the agent's own voice. Browsers nearly always cancel echoes themselves."""
        leg, session = self.leg, self.leg.session
        if echo == "off" or self._echo is not None or leg.uplink is None or session is None or self.bridge is not None:
            return
        self._echo = leg.uplink.guard = Guard(session.uplink_format, doubtful=echo == "on" or not browser)
        session.overhear(self._echo.played)

    def press(self, order: Press) -> None:
        """Play keys to the peer."""
        session = self.leg.session
        if session is None:
            return
        try:
            session.send_digits(order.keys, tones=order.way == "tones")
        except LocalProtocolError as error:
            self._log.warning("keys.refused", why=str(error))

    def ring(self, tone: RingTone | None) -> None:
        """Play that it rings elsewhere, in the place of all else; None: no longer."""
        session = self.leg.session
        if session is not None and self.bridge is None:
            leg = self.leg
            ringback = None if tone is None else Ringback(tone, session.downlink_format, lambda: leg.ptime_ms)
            session.play(None if ringback is None else ringback.pop)

    def pressed(self, digit: str, way: Way, duration_ms: float, now: float) -> None:
        """The caller pressed a key and let it go at `now`, and this is one way of hearing of it."""
        if not self._presses.is_new(digit, way, duration_ms, now):
            return
        self._log.info("digit", way=way)
        self._report(Dialled(self.call, digit))
        self.notes.tell("digit", digit=digit)
        if self.bridge is not None and not self.bridge.ended:
            self.bridge.key(self.leg, digit, duration_ms)
        elif self.talk is not None:
            self.talk.digit(digit)

    def join(self, bridge: Bridge) -> None:
        """Hear another leg instead of an agent: a conversation is over with that."""
        self.notes.tell("session", what="put_through")
        if self.talk is not None:
            self.talk.retire()
        if self.task is not None:
            self.task.cancel()
        if self._echo is not None and self.leg.uplink is not None and self.leg.session is not None:
            self.leg.uplink.guard = None
            self.leg.session.overhear(None)
        self.bridge = bridge

    def leave_bridge(self) -> None:
        """The other leg is heard no longer."""
        if self.bridge is not None:
            self.bridge.end()

    def look_after(self, now: float) -> None:
        """Once a second."""
        self.leg.housekeeping(now)
        if self.talk is not None:
            self.talk.watch(now)
        if self.notes.on and self.leg.session is not None:
            self.notes.line(self.leg.session)
        if self._echo is not None and (news := self._echo.news()) is not None:
            self._log.debug("echo", **news)
        self.tell()

    def tell(self) -> None:
        """Report what has happened on the leg."""
        session = self.leg.session
        if session is None:
            return
        for event in session.events():
            match event:
                case Digit(value=digit, duration_ms=duration_ms):
                    self.pressed(digit, "event", duration_ms, time.monotonic())
                case MediaLost(seconds=seconds):
                    self._report(Silent(self.call, seconds))
                case _:
                    self._log.debug("media", what=type(event).__name__)

    def counters(self) -> dict[str, float]:
        """What was counted, by name."""
        leg = self.leg
        counters: dict[str, float] = {"unsent": leg.unsent, **leg.refused()}
        if self.talk is not None:
            counters |= self.talk.counters()
        if leg.session is not None:
            counted = dataclasses.asdict(leg.session.counters())
            counters |= {name: value for name, value in counted.items() if value is not None}
            playout = leg.session.playout
            counters |= {"playout_dropped_ms": playout.dropped_ms, "late_audio_ms": playout.late_ms}
        if self._echo is not None:
            counters |= self._echo.counters()
        if self.bridge is not None:
            counters |= self.bridge.counters(leg)
        return counters

    def _heard(self, digit: str, duration_ms: float, until: float) -> None:
        self.pressed(digit, "inband", duration_ms, until)
