"""The media plane of one process: takes the call's orders, runs legs and conversations, reports back.

What passes through it are plain values, so that it runs in the server's own process or in a worker's without knowing
which.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from mediacodecs.signal.vad import DetectorPool
from mediaproviders.contract import Brief, Provider
from mediaserver.net.rtp_port import PortRange
from mediaserver.net.wheel import Wheel
from mediaserver.rtp.effort import Effort
from mediaserver.rtp.form import form_before
from mediaserver.rtp.plan import MediaSettings, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession
from mediaserver.talk import fault_audio, orders
from mediaserver.talk.bridge import Bridge
from mediaserver.talk.conversation import Talk, TalkSettings
from mediaserver.talk.formats import nearest
from mediaserver.talk.leg import Leg, stream_plan
from mediaserver.talk.listening import Listening
from mediaserver.talk.orders import (
    Agent,
    Close,
    Closed,
    Connect,
    Describe,
    Greet,
    Lost,
    Open,
    Order,
    Outcome,
    Press,
    Pressed,
    Report,
)
from mediaserver.talk.ports import Lender
from mediaserver.talk.ringback import RingTone
from mediaserver.talk.seat import Seat
from mediaserver.talk.tools import Toolbox
from mediaserver.talk.uplink import Uplink
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.patience import Patience
from mediaserver.webrtc.secure_port import Port
from mediaserver.webrtc.shared_port import BrowserPort

_HOUSEKEEPING_S = 1.0
_BRIDGED_RATE = 16_000
"""Hz in which a leg without an agent is heard, if its codec leaves the choice: all of the voice, at half the cost."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The media plane's part of the configuration."""

    media: MediaSettings = field(default_factory=MediaSettings)
    talk: TalkSettings = field(default_factory=TalkSettings)
    ringback: RingTone = field(default_factory=RingTone)
    """What a caller hears while it rings at whom it is put through to."""
    patience: Patience = field(default_factory=Patience)
    """With peers whose media are protected or find their way by ICE."""


class Engine:
    """Every call of this process.

    `detectors` judge the caller's speech where we decide interruptions; without them a pool is made for the first call
    that needs it, which takes a moment in which no other call is served. `identity` is who we are in DTLS; `browsers`
    is the port that all browsers share, None: each has a pair of its own.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ports: PortRange,
        provider: Callable[[Agent], Provider],
        report: Callable[[Report], None],
        settings: EngineSettings,
        detectors: DetectorPool | None = None,
        identity: Identity | None = None,
        browsers: BrowserPort | None = None,
    ) -> None:
        self._loop = loop
        self._ports = ports
        self._browsers = browsers
        self._identity = identity
        self._provider = provider
        self._report = report
        self._settings = settings
        self._wheel = Wheel(loop)
        self._effort = Effort(settings.media.opus_complexity)
        self._seats: dict[str, Seat] = {}
        self._listening = Listening(self._wheel, detectors)
        self._random = random.SystemRandom()
        self._chores = loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        self._fault_audio: dict[str | None, bytes] = {}
        self._toolboxes: dict[tuple[str, ...], Toolbox] = {}
        self._log = structlog.get_logger()

    def open(self, order: Open) -> int:
        """Take a port; its number. Raises NoPortError, ConfigurationError, ProviderError."""
        if (seat := self._seats.get(order.call)) is not None:
            lender, port = self._take(order.ufrag)
            seat.leg.ports.add(lender, port)
            return port.number
        talk_of = None if order.agent is None else self._cast(order.call, order.agent)
        lender, port = self._take(order.ufrag)
        leg = Leg(lender, port, self._wheel, self._identity, self._settings.patience)
        talk = None if talk_of is None else talk_of(leg)
        self._seats[order.call] = Seat(order.call, leg, talk, order.inband, self._report)
        return port.number

    def _take(self, ufrag: str | None) -> tuple[Lender, Port]:
        """A port, and who lends it."""
        if ufrag is not None and self._browsers is not None:
            return self._browsers, self._browsers.place(ufrag)
        return self._ports, self._ports.take(self._loop)

    def _cast(self, call: str, agent: Agent) -> Callable[[Leg], Talk]:
        """What the agent needs, found before a port is taken for it."""
        provider = self._provider(agent)
        if agent.interruption == "local" and not provider.traits.reversible_interrupt:
            self._log.warning("interruption.unavailable", call=call, model=agent.model)
        if agent.tools not in self._toolboxes:
            self._toolboxes[agent.tools] = Toolbox(agent.tools)
        if agent.fault_audio not in self._fault_audio:
            self._fault_audio[agent.fault_audio] = fault_audio.load(agent.fault_audio)
        box, sorry = self._toolboxes[agent.tools].on_line(agent.transfer), self._fault_audio[agent.fault_audio]
        return lambda leg: Talk(call, agent, provider, box, leg, self._report, sorry, self._settings.talk)

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
                seat.leg.protect(plan, time.monotonic())
                if seat.leg.session is None:
                    self._begin(order.call, seat, stream_plan(plan))
                else:
                    seat.leg.change(stream_plan(plan), time.monotonic())
                seat.described(plan)
            case Greet():
                if seat.talk is not None:
                    seat.talk.greet()
            case orders.Watch(on=on):
                seat.watch(on)
            case Press():
                seat.press(order)
            case Pressed(digit=digit, duration_ms=duration_ms):
                seat.pressed(digit, "info", duration_ms, time.monotonic())
            case orders.Ringback(on=on):
                seat.ring(self._settings.ringback if on else None)
            case orders.Bridge(other=other):
                self._bridge(seat, other)
            case Outcome(tool_call=tool_call, text=text):
                if seat.talk is not None:
                    seat.talk.outcome(tool_call, text)
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
        if (figures := self._listening.figures()) is not None:
            self._log.info("detector", **figures)

    # --- a call's media ---------------------------------------------------------------------------------------------

    def _connect(self, call: str, seat: Seat, encoding: str) -> None:
        if seat.talk is None:
            return
        seat.encoding = encoding
        brief = self._brief(seat.talk, encoding)
        seat.task = self._loop.create_task(seat.talk.run(brief), name=f"talk {call}")
        seat.task.add_done_callback(lambda task: self._conversation_over(call, task))

    def _brief(self, talk: Talk, encoding: str) -> Brief:
        agent, traits = talk.agent, self._provider(talk.agent).traits
        return Brief(
            model=agent.model,
            instructions=agent.prompt,
            input_format=nearest(encoding, traits.input_formats),
            output_format=nearest(encoding, traits.output_formats),
            voice=agent.voice,
            greeting=agent.greeting or None,
            tools=talk.toolbox.specs,
            interruption=agent.interruption,
            max_output_tokens=agent.max_output_tokens,
            temperature=agent.temperature,
            advanced=agent.advanced,
        )

    def _begin(self, call: str, seat: Seat, plan: StreamPlan) -> None:
        talk = seat.talk
        brief = None if talk is None else self._brief(talk, seat.encoding)
        source = form_before(plan.send_encoding).audio if brief is None else brief.output_format
        session = MediaSession(
            plan,
            ssrc=self._random.getrandbits(32) if plan.ssrc is None else plan.ssrc,
            cname=f"{call}@mediaserver" if plan.cname is None else plan.cname,
            first_sequence=self._random.getrandbits(15),
            first_timestamp=self._random.getrandbits(32),
            now=time.monotonic(),
            playout=Playout(encoding=plan.send_encoding, ptime_ms=plan.ptime_ms, source=source),
            settings=self._settings.media,
            spread=self._random.random,
            effort=self._effort,
            wanted_rate=_BRIDGED_RATE if brief is None else brief.input_format.rate,
        )
        if talk is None or brief is None:
            heard = session.uplink_format
            seat.leg.begin(session, Uplink(heard, heard), plan, lambda events, now: None)
            return
        uplink = Uplink(session.uplink_format, brief.input_format, self._provider(talk.agent).traits.uplink_ms)
        if talk.agent.interruption == "local":
            seat.detector = self._listening.begin(talk, uplink)
        seat.leg.begin(session, uplink, plan, talk.played)
        talk.media(session.playout)

    def _bridge(self, seat: Seat, other: str) -> None:
        partner = self._seats.get(other)
        if partner is None or partner is seat:
            self._log.warning("bridge.impossible", call=seat.call, other=other)
            return
        for each in (seat, partner):
            each.leave_bridge()
        bridge = Bridge(seat.leg, partner.leg)
        for each in (seat, partner):
            each.join(bridge)
            self._listen_no_more(each)
        self._log.info("bridged", call=seat.call, other=other)

    def _listen_no_more(self, seat: Seat) -> None:
        detector, seat.detector = seat.detector, None
        if detector is not None:
            self._listening.end(detector)

    def _conversation_over(self, call: str, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        if (failure := task.exception()) is not None:
            # Anything that gets here is a bug of ours; the call must not hang on it.
            self._log.error("conversation.failed", call=call, exc_info=failure)
            self._report(Lost(call, "internal-error", type(failure).__name__))

    def _close(self, call: str, seat: Seat) -> None:
        del self._seats[call]
        if seat.task is not None:
            seat.task.cancel()
        self._listen_no_more(seat)
        seat.tell()  # a key pressed just before the end
        seat.watch(False)
        counters = seat.counters()
        seat.leave_bridge()
        seat.leg.close()
        self._report(Closed(call, counters))

    # --- once a second ------------------------------------------------------------------------------------------------

    def _housekeeping(self) -> None:
        self._chores = self._loop.call_later(_HOUSEKEEPING_S, self._housekeeping)
        now = time.monotonic()
        self._effort.second(self._wheel.take_late_ms())
        for call, seat in tuple(self._seats.items()):
            try:
                seat.look_after(now)
            except Exception as bug:  # one call's must not keep us from the others
                self._log.error("housekeeping.failed", call=call, exc_info=bug)
        for failure in self._wheel.take_failures():
            self._log.error("wheel.failed", exc_info=failure)
