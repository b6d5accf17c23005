"""One conversation in virtual time: a scripted model, a real floor and playout, a line that takes 20 ms frames."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

from mediaproviders.contract import PCMU, Audio, AudioFormat, Brief, Event, Interruption
from mediaproviders.models import Price
from mediaserver.rtp.playout import Playout
from mediaserver.talk.budget import Limits
from mediaserver.talk.conversation import Talk, TalkSettings
from mediaserver.talk.digits import DigitSettings
from mediaserver.talk.leg import Leg
from mediaserver.talk.orders import Agent, Report
from mediaserver.talk.tools import Toolbox
from mediaserver.talk.transfer import Transfer
from mediaserver.talk.uplink import Uplink
from support.scripted_model import ScriptedProvider
from support.virtual_time import VirtualLoop, settle

WORD = b"\x10"
"""A byte of the agent's mu-law."""
LOUD = b"\x80\x00" * 80
"""20 ms of a caller at full scale."""
QUIET = b"\xff" * 160
SORRY = b"\x22" * 8 * 400


def words(ms: int, item: str = "item", sample: bytes = WORD) -> Audio:
    return Audio(item, "response", sample * 8 * ms)


class Stage:
    """`line` is what the caller gets, `reports` what the call is told."""

    def __init__(
        self,
        interruption: Interruption = "provider",
        *,
        source: AudioFormat = PCMU,
        tools: tuple[str, ...] = ("end_call",),
        provider: ScriptedProvider | None = None,
        tool_timeout_s: float = 300.0,
        limits: Limits | None = None,
        price: Price | None = None,
        prices: Mapping[str, Price | None] | None = None,
        digits: DigitSettings | None = None,
        transfer: Transfer | None = None,
        **settings: float,
    ) -> None:
        self.provider = provider or ScriptedProvider()
        self.session = self.provider.session
        self.reports: list[Report] = []
        self.line: list[bytes | None] = []
        self.held = False
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.brief = Brief("model", "prompt", PCMU, source, greeting="Hello", interruption=interruption)
        self.uplink = Uplink(PCMU, PCMU)
        self.leg = SimpleNamespace(uplink=self.uplink, session=None, speak_now=lambda now: None)
        agent = Agent(
            "a",
            "model",
            "prompt",
            greeting="Hello",
            interruption=interruption,
            tool_timeout_s=tool_timeout_s,
            limits=limits or Limits(),
            price=price,
            prices=prices or {},
            digits=digits or DigitSettings(),
            transfer=transfer or Transfer(),
        )
        self.talk = Talk(
            "call-1",
            agent,
            self.provider,
            Toolbox(tools).on_line(agent.transfer),
            cast(Leg, self.leg),
            self.reports.append,
            SORRY,
            TalkSettings(**({"receiver_buffer_ms": 0.0} | settings)),
            clock=loop.time,
        )
        self.playout = Playout(encoding="PCMU", ptime_ms=20, source=source)
        self.task = loop.create_task(self.talk.run(self.brief))
        self._turning: asyncio.Task[None] | None = None

    @property
    def now(self) -> float:
        return self.loop.time()

    async def media(self) -> None:
        """The stream begins."""
        await settle()
        self.leg.session = SimpleNamespace(playout=self.playout, rtt_ms=None)
        self.talk.media(self.playout)
        self._turning = self.loop.create_task(self._turn())

    async def model(self, *events: Event | Exception | None) -> None:
        self.session.does(*events)
        await settle()

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await settle()

    async def caller(self, ms: int, *, loud: bool = True, judged: bool | None = None) -> None:
        """The caller is loud or not; `judged`: so says the detector, if one is asked."""
        for _ in range(ms // 20):
            await asyncio.sleep(0.02)
            self.uplink.take(LOUD if loud else QUIET, self.now)
            if judged is not None:
                self.talk.judged(self.now, 20, judged)

    @property
    def heard(self) -> bytes:
        return b"".join(frame for frame in self.line if frame)

    def commands(self, name: str) -> list[tuple[object, ...]]:
        return [command for command in self.session.told if command[0] == name]

    def told(self, kind: type[Report]) -> list[Report]:
        return [report for report in self.reports if isinstance(report, kind)]

    async def _turn(self) -> None:
        turns = 0
        while True:
            await asyncio.sleep(0.02)
            turns += 1
            self.playout.work()
            if not self.held:
                self.line.append(self.playout.pop())
            if events := self.playout.events():
                self.talk.played(events, self.now)
            if turns % 50 == 0:
                self.talk.watch(self.now)

    async def leave(self) -> None:
        tasks = [task for task in (self.task, self._turning) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
