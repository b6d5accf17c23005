"""The media plane of one process: takes the call's orders, runs legs and conversations, reports back.

What passes through it are plain values, so that it runs in the server's own process or in a worker's without knowing
which.
"""

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from mediacodecs.signal.vad import DetectorPool, SileroBatch, SpeechDetector
from mediaproviders.contract import Brief, Provider
from mediaserver.net.rtp_port import PortRange
from mediaserver.net.wheel import Spoke, Wheel
from mediaserver.rtp.events import Digit, MediaLost
from mediaserver.rtp.plan import MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from mediaserver.talk import fault_audio
from mediaserver.talk.conversation import Talk, TalkSettings
from mediaserver.talk.formats import nearest
from mediaserver.talk.leg import Leg, stream_plan
from mediaserver.talk.orders import (
    Agent,
    Close,
    Closed,
    Connect,
    Describe,
    Dialled,
    Greet,
    Lost,
    Open,
    Order,
    Report,
    Silent,
)
from mediaserver.talk.tools import Toolbox
from mediaserver.talk.uplink import Uplink

_DETECT_EVERY_MS = 20
"""A model run costs more than a window in it: fewer runs with more windows each are cheaper."""
_SPEECH = 0.5
_WINDOW_MS = 32
_HOUSEKEEPING_S = 1.0


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The media plane's part of the configuration."""

    media: MediaSettings = field(default_factory=MediaSettings)
    talk: TalkSettings = field(default_factory=TalkSettings)


@dataclass(slots=True)
class _Seat:
    """All that belongs to one call here."""

    leg: Leg
    talk: Talk
    encoding: str = "PCMU"
    task: asyncio.Task[None] | None = None
    detector: SpeechDetector | None = None


class Engine:
    """Every call of this process.

    `detectors` judge the caller's speech where we decide interruptions; without them a pool is made for the first call
    that needs it, which takes a moment in which no other call is served.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ports: PortRange,
        provider: Callable[[Agent], Provider],
        report: Callable[[Report], None],
        settings: EngineSettings,
        detectors: DetectorPool | None = None,
    ) -> None:
        self._loop = loop
        self._ports = ports
        self._provider = provider
        self._report = report
        self._settings = settings
        self._wheel = Wheel(loop)
        self._seats: dict[str, _Seat] = {}
        self._pool = detectors
        self._listening: dict[SpeechDetector, Talk] = {}
        self._detecting: Spoke | None = None
        self._random = random.SystemRandom()
        self._chores = loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        self._fault_audio: dict[str | None, bytes] = {}
        self._toolboxes: dict[tuple[str, ...], Toolbox] = {}
        self._log = structlog.get_logger()

    def open(self, order: Open) -> int:
        """Take a port pair; the RTP port. Raises NoPortError, ConfigurationError, ProviderError."""
        agent = order.agent
        provider = self._provider(agent)
        if agent.interruption == "local" and not provider.traits.reversible_interrupt:
            self._log.warning("interruption.unavailable", call=order.call, model=agent.model)
        if agent.tools not in self._toolboxes:
            self._toolboxes[agent.tools] = Toolbox(agent.tools)
        if agent.fault_audio not in self._fault_audio:
            self._fault_audio[agent.fault_audio] = fault_audio.load(agent.fault_audio)
        leg = Leg(self._ports, self._ports.take(self._loop), self._wheel)
        talk = Talk(
            order.call,
            agent,
            provider,
            self._toolboxes[agent.tools],
            leg,
            self._report,
            self._fault_audio[agent.fault_audio],
            self._settings.talk,
        )
        self._seats[order.call] = _Seat(leg, talk)
        return leg.port

    def order(self, order: Order) -> None:
        """Do what the call wants. For a call that is gone only Close is answered: the line was cut meanwhile."""
        seat = self._seats.get(order.call)
        if seat is None:
            if isinstance(order, Close):
                self._report(Closed(order.call, {}))
            return
        match order:
            case Connect(encoding=encoding):
                self._connect(order.call, seat, encoding)
            case Describe(plan=plan):
                if seat.leg.session is None:
                    self._begin(order.call, seat, stream_plan(plan))
                else:
                    seat.leg.change(stream_plan(plan), time.monotonic())
            case Greet():
                seat.talk.greet()
            case Close():
                self._close(order.call, seat)

    async def close(self) -> None:
        """End everything, wait for what must be waited for."""
        self._chores.cancel()
        tasks = [seat.task for seat in self._seats.values() if seat.task is not None]
        for call, seat in tuple(self._seats.items()):
            self._close(call, seat)
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)
        self._wheel.close()
        self._log.info("wheel", worst_late_ms=round(self._wheel.worst_late_ms, 1))
        if (pool := self._pool) is not None:
            self._log.info("detector", open_share=round(pool.open_share, 4), windows=pool.windows, runs=pool.runs)

    # --- a call's media ---------------------------------------------------------------------------------------------

    def _connect(self, call: str, seat: _Seat, encoding: str) -> None:
        seat.encoding = encoding
        seat.task = self._loop.create_task(seat.talk.run(self._brief(seat)), name=f"talk {call}")
        seat.task.add_done_callback(lambda task: self._conversation_over(call, task))

    def _brief(self, seat: _Seat) -> Brief:
        agent, traits = seat.talk.agent, self._provider(seat.talk.agent).traits
        return Brief(
            model=agent.model,
            instructions=agent.prompt,
            input_format=nearest(seat.encoding, traits.input_formats),
            output_format=nearest(seat.encoding, traits.output_formats),
            voice=agent.voice,
            greeting=agent.greeting or None,
            tools=seat.talk.toolbox.specs,
            interruption=agent.interruption,
            max_output_tokens=agent.max_output_tokens,
            temperature=agent.temperature,
            advanced=agent.advanced,
        )

    def _begin(self, call: str, seat: _Seat, plan: StreamPlan) -> None:
        brief = self._brief(seat)
        playout = Playout(encoding=plan.send_encoding, ptime_ms=plan.ptime_ms, source=brief.output_format)
        session = MediaSession(
            plan,
            ssrc=self._random.getrandbits(32),
            cname=f"{call}@mediaserver",
            first_sequence=self._random.getrandbits(15),
            first_timestamp=self._random.getrandbits(32),
            now=time.monotonic(),
            playout=playout,
            settings=self._settings.media,
            spread=self._random.random,
            wanted_rate=brief.input_format.rate,
        )
        uplink = Uplink(session.uplink_format, brief.input_format, self._provider(seat.talk.agent).traits.uplink_ms)
        if seat.talk.agent.interruption == "local":
            self._listen_in(seat, uplink)
        seat.leg.begin(session, uplink, plan, seat.talk.played)
        seat.talk.media(playout)

    def _listen_in(self, seat: _Seat, uplink: Uplink) -> None:
        if self._pool is None:
            self._pool = DetectorPool(SileroBatch())
        detector = self._pool.detector()
        seat.detector = detector
        self._listening[detector] = seat.talk
        uplink.listen_in(detector, seat.talk.hint)
        if self._detecting is None:
            self._detecting = self._wheel.add(_DETECT_EVERY_MS, self._detect)

    def _detect(self, now: float) -> None:
        pool = self._pool
        if pool is None:
            return
        for detector, probability in pool.run():
            talk = self._listening.get(detector)
            if talk is not None:
                talk.judged(now, _WINDOW_MS, probability >= _SPEECH)

    def _conversation_over(self, call: str, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        if (failure := task.exception()) is not None:
            # Anything that gets here is a bug of ours; the call must not hang on it.
            self._log.error("conversation.failed", call=call, exc_info=failure)
            self._report(Lost(call, "internal-error", type(failure).__name__))

    def _close(self, call: str, seat: _Seat) -> None:
        del self._seats[call]
        if seat.task is not None:
            seat.task.cancel()
        if seat.detector is not None:
            self._listening.pop(seat.detector, None)
            seat.detector.close()
        if seat.leg.session is not None:
            self._tell(call, seat)  # a key pressed just before the end
        counters = self._counters(seat)
        seat.leg.close()
        if not self._listening and self._detecting is not None:
            self._wheel.remove(self._detecting)
            self._detecting = None
        self._report(Closed(call, counters))

    def _counters(self, seat: _Seat) -> dict[str, float]:
        leg = seat.leg
        counters: dict[str, float] = {**seat.talk.counters(), "unsent": leg.unsent}
        if leg.session is not None:
            counted = dataclasses.asdict(leg.session.counters())
            counters |= {name: value for name, value in counted.items() if value is not None}
            playout = leg.session.playout
            counters |= {"playout_dropped_ms": playout.dropped_ms, "late_audio_ms": playout.late_ms}
        return counters

    # --- once a second ------------------------------------------------------------------------------------------------

    def _housekeeping(self) -> None:
        self._chores = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        now = time.monotonic()
        for call, seat in tuple(self._seats.items()):
            try:
                self._look_after(call, seat, now)
            except Exception as bug:  # one call's must not keep us from the others
                self._log.error("housekeeping.failed", call=call, exc_info=bug)
        for failure in self._wheel.take_failures():
            self._log.error("wheel.failed", exc_info=failure)

    def _look_after(self, call: str, seat: _Seat, now: float) -> None:
        seat.leg.housekeeping(now)
        seat.talk.watch(now)
        if seat.leg.session is not None:
            self._tell(call, seat)

    def _tell(self, call: str, seat: _Seat) -> None:
        session = seat.leg.session
        assert session is not None
        for event in session.events():
            match event:
                case Digit(value=digit):
                    self._log.info("digit", call=call)
                    self._report(Dialled(call, digit))
                case MediaLost(seconds=seconds):
                    self._report(Silent(call, seconds))
                case _:
                    self._log.debug("media", call=call, what=type(event).__name__)
