"""The media plane with a scripted model, over real ports of loopback."""

import asyncio
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from mediacodecs.g711 import ALAW_TO_ULAW
from mediaproviders import contract
from mediaproviders.contract import PCM16_16K, PCM16_24K, ProviderError
from mediaserver.errors import ConfigurationError
from mediaserver.net.rtp_port import NoPortError, PortRange
from mediaserver.rtp.plan import MediaSettings
from mediaserver.rtp.playout import ItemStarted
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.talk import engine as engine_module
from mediaserver.talk import listening
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.engine import Engine, EngineSettings
from mediaserver.talk.orders import Agent, Close, Closed, Connect, Describe, Greet, Lost, Open, Ready, Report, Silent
from mediaserver.talk.turn import Floor
from mediaserver.webrtc.shared_port import BrowserPort
from support.rtp import Peer
from support.scripted_model import ScriptedProvider

type Lines = list[MutableMapping[str, Any]]

HOST = "127.0.0.1"
PCMU, PCMA = PayloadFormat(0, "PCMU", 8000), PayloadFormat(8, "PCMA", 8000)
GONE = ProviderError("the connection broke", code="gone", retryable=True)


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def agreed(send: PayloadFormat = PCMU, **changes: Any) -> MediaPlan:
    fields: dict[str, Any] = {
        "send": send,
        "receive": (send,),
        "ptime_ms": 20,
        "direction": Direction.SENDRECV,
        "remote_rtp": (HOST, 9),
        "remote_rtcp": (HOST, 9),
    }
    return MediaPlan(**(fields | changes))


class House:
    """An engine; `reports` is what the call is told."""

    def __init__(
        self, provider: ScriptedProvider, detectors: Any = None, browsers: BrowserPort | None = None, **media: Any
    ) -> None:
        self.provider = provider
        self.reports: list[Report] = []
        self._new: asyncio.Queue[Report] = asyncio.Queue()
        self.engine = Engine(
            asyncio.get_running_loop(),
            PortRange(HOST, 40_300, 40_303),
            lambda agent: provider,
            self._told,
            EngineSettings(MediaSettings(**media), TalkSettings(receiver_buffer_ms=0)),
            detectors,
            browsers=browsers,
        )

    def _told(self, report: Report) -> None:
        self.reports.append(report)
        self._new.put_nowait(report)

    def open(self, call: str = "c1", **agent: Any) -> int:
        return self.engine.open(Open(call, Agent("a", "model", "prompt", **agent)))

    async def report(self, kind: type[Report]) -> Report:
        while not isinstance(told := await asyncio.wait_for(self._new.get(), 5), kind):
            pass
        return told

    async def connected(self, plan: MediaPlan | None = None, encoding: Any = "PCMU", **agent: Any) -> int:
        port = self.open(**agent)
        self.engine.order(Connect("c1", encoding))
        await self.report(Ready)
        self.engine.order(Describe("c1", plan or agreed()))
        return port

    @property
    def seat(self) -> Any:
        return self.engine._seats["c1"]


@asynccontextmanager
async def house(provider: ScriptedProvider | None = None, **media: Any) -> AsyncIterator[House]:
    made = House(provider or ScriptedProvider(), **media)
    try:
        yield made
    finally:
        await made.engine.close()


async def test_a_calls_whole_life() -> None:
    async with house() as made:
        port = await made.connected(greeting="Hello", voice="vera", max_output_tokens=300)
        assert port % 2 == 0
        (brief,) = made.provider.briefs
        assert (brief.instructions, brief.greeting, brief.voice, brief.max_output_tokens) == (
            "prompt",
            "Hello",
            "vera",
            300,
        )
        assert made.provider.session.told == []
        made.engine.order(Greet("c1"))
        assert made.provider.session.told == [("greet",)]
        task = made.seat.task
        made.engine.order(Close("c1"))
        (closed,) = [report for report in made.reports if isinstance(report, Closed)]
        assert {"sent", "received", "input_tokens", "uplink_dropped_ms"} <= set(closed.counters)
        assert {"unsent", "playout_dropped_ms", "late_audio_ms"} <= set(closed.counters)
        await asyncio.wait([task], timeout=5)
        assert task.cancelled() and made.provider.left == 1
        assert not [report for report in made.reports if isinstance(report, Lost)]


@pytest.mark.parametrize(
    ("encoding", "formats", "expected"),
    [
        ("PCMA", (contract.PCMU, contract.PCMA), contract.PCMA),
        ("PCMU", (contract.PCMA, contract.PCMU), contract.PCMU),
        ("PCMA", (PCM16_24K, contract.PCMU), PCM16_24K),
    ],
)
async def test_the_model_hears_the_legs_law_if_it_can(encoding: Any, formats: Any, expected: Any) -> None:
    async with house(ScriptedProvider(input_formats=formats, output_formats=(PCM16_16K, *formats))) as made:
        await made.connected(encoding=encoding)
        (brief,) = made.provider.briefs
        assert brief.input_format == expected
        assert brief.output_format == (PCM16_16K if expected == PCM16_24K else expected)


async def test_connected_for_one_law_and_agreed_on_the_other() -> None:
    """A call without an offer: the model has to be ready before the caller's wish is known."""
    async with house() as made:
        await made.connected(agreed(PCMA), encoding="PCMU")
        assert made.provider.briefs[0].input_format == contract.PCMU
        leg = made.seat.leg
        leg.uplink.take(b"\xd5" * 160, 1.0)
        assert made.provider.session.heard[-1] == ALAW_TO_ULAW[0xD5:0xD6] * 160
        playout = leg.session.playout
        playout.push("item", b"\xff" * 160)
        playout.finish("item")
        assert playout.pop() == b"\xd5" * 160


async def test_audio_of_the_caller_reaches_the_model() -> None:
    async with house() as made:
        ports = PortRange(HOST, 40_310, 40_311)
        theirs = ports.take(asyncio.get_running_loop())
        port = await made.connected(agreed(remote_rtp=(HOST, theirs.number), remote_rtcp=(HOST, theirs.number + 1)))
        theirs.send_rtp(Peer().audio(b"\x10" * 160), (HOST, port))
        async with asyncio.timeout(5):
            while b"\x10" * 160 not in made.provider.session.heard:
                made.provider.session.hears.clear()
                await made.provider.session.hears.wait()
        theirs.close()


async def test_a_new_description_changes_the_stream_and_keeps_the_conversation() -> None:
    async with house() as made:
        await made.connected()
        session = made.seat.leg.session
        made.engine.order(Describe("c1", agreed(ptime_ms=40, remote_rtp=(HOST, 19))))
        assert made.seat.leg.session is session
        assert session.destination == (HOST, 19)
        assert len(made.provider.briefs) == 1


async def test_orders_for_a_call_that_is_gone() -> None:
    async with house() as made:
        for order in (Connect("c9"), Describe("c9", agreed()), Greet("c9")):
            made.engine.order(order)
        assert made.reports == []
        made.engine.order(Close("c9"))
        assert made.reports == [Closed("c9", {})]


async def test_closed_before_anything_began() -> None:
    async with house() as made:
        made.open()
        made.engine.order(Close("c1"))
        assert [type(report) for report in made.reports] == [Closed]


async def test_closed_while_the_model_is_being_reached() -> None:
    async with house(ScriptedProvider(slow_s=60)) as made:
        made.open()
        made.engine.order(Connect("c1"))
        await asyncio.sleep(0)
        task = made.seat.task
        made.engine.order(Close("c1"))
        await asyncio.wait([task], timeout=5)
        assert task.cancelled()
        assert [type(report) for report in made.reports] == [Closed]


async def test_a_model_that_cannot_be_reached_is_lost() -> None:
    async with house(ScriptedProvider(refuses=GONE)) as made:
        made.open()
        made.engine.order(Connect("c1"))
        assert await made.report(Lost) == Lost("c1", "gone", "the connection broke")


@pytest.mark.parametrize("bug", [ZeroDivisionError("ours"), KeyError("x")])
async def test_a_bug_of_ours_is_a_lost_model_and_an_error_in_the_log(lines: Lines, bug: Exception) -> None:
    async with house() as made:
        await made.connected()
        made.provider.session.does(bug)
        assert await made.report(Lost) == Lost("c1", "internal-error", "ExceptionGroup")
        made.engine.order(Close("c1"))
        assert [type(report) for report in made.reports] == [Ready, Lost, Closed]
    (line,) = [line for line in lines if line["event"] == "conversation.failed"]
    assert line["call"] == "c1"


async def test_no_ports_and_no_such_tool() -> None:
    async with house() as made:
        with pytest.raises(ConfigurationError, match="nowhere"):
            made.open("c0", tools=("nowhere:tool",))
        with pytest.raises(ConfigurationError, match="fault_audio"):
            made.open("c0", fault_audio=str(Path("missing.wav")))
        made.open("c1")
        made.open("c2")
        with pytest.raises(NoPortError):
            made.open("c3")


async def test_a_caller_who_sends_nothing_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_HOUSEKEEPING_S", 0.05)
    async with house(media_lost_after_s=0.2) as made:
        await made.connected()
        silent = await made.report(Silent)
        assert isinstance(silent, Silent) and 0.2 <= silent.seconds < 2
        await asyncio.sleep(0.3)
        assert len([report for report in made.reports if isinstance(report, Silent)]) == 1


async def test_what_was_lost_on_the_way_out_is_counted() -> None:
    async with house() as made:
        await made.connected(agreed(remote_rtp=("255.255.255.255", 9)))  # no socket takes that
        leg, playout = made.seat.leg, made.seat.leg.session.playout
        leg._send(b"x" * 172)
        playout.push("item", b"\xff" * 8 * 121_000)
        playout.push("cut", b"\xff" * 80)
        playout.discard("cut")
        playout.push("cut", b"\xff" * 800)
        made.engine.order(Close("c1"))
        closed = await made.report(Closed)
        assert isinstance(closed, Closed)
        assert closed.counters["unsent"] >= 1
        assert (closed.counters["playout_dropped_ms"], closed.counters["late_audio_ms"]) == (121_000, 100)


async def test_how_late_the_clock_ever_was_is_told_at_the_end(lines: Lines) -> None:
    async with house() as made:
        made.engine._wheel.worst_late_ms = 12.34
    assert [line["worst_late_ms"] for line in lines if line["event"] == "wheel"] == [12.3]


async def test_tools_are_loaded_once_and_not_for_every_call() -> None:
    async with house() as made:
        tools = ("support.phone_tools:opening_hours", "end_call")
        made.open("c1", tools=tools)
        made.open("c2", tools=tools)
        first, second = (seat.talk.toolbox for seat in made.engine._seats.values())
        assert first is second and len(first.specs) == 2


async def test_a_bug_in_one_call_does_not_keep_the_others_waiting(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_HOUSEKEEPING_S", 0.05)
    async with house(media_lost_after_s=0.2) as made:
        made.open("c0")

        def breaks(now: float) -> None:
            raise ZeroDivisionError

        made.engine._seats["c0"].talk.watch = breaks  # type: ignore[method-assign]
        await made.connected()
        assert isinstance(await made.report(Silent), Silent)
    assert {line["call"] for line in lines if line["event"] == "housekeeping.failed"} == {"c0"}


async def test_closing_the_engine_closes_every_call() -> None:
    async with house() as made:
        await made.connected()
        made.open("c2")
        await made.engine.close()
        closed = [report.call for report in made.reports if isinstance(report, Closed)]
        assert sorted(closed) == ["c1", "c2"]
        assert made.provider.left == 1
        await made.engine.close()
        assert len([report for report in made.reports if isinstance(report, Closed)]) == 2


# --- we decide interruptions -----------------------------------------------------------------------------------------


class Detector:
    """Its gate is always open."""

    def __init__(self) -> None:
        self.closed = 0

    def push(self, pcm: "np.typing.NDArray[np.int16]", now: float) -> bool:
        return True

    def close(self) -> None:
        self.closed += 1


class Pool:
    """Judges what the test says."""

    open_share, windows, runs = 0.0, 0, 0

    def __init__(self, batch: object) -> None:
        self.detectors: list[Detector] = []
        self.verdicts: list[tuple[Detector, float]] = []

    def detector(self) -> Detector:
        self.detectors.append(Detector())
        return self.detectors[-1]

    def run(self) -> list[tuple[Detector, float]]:
        verdicts, self.verdicts = self.verdicts, []
        return verdicts


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool(None)
    monkeypatch.setattr(listening, "SileroBatch", lambda: None)
    monkeypatch.setattr(listening, "DetectorPool", lambda batch: made)
    return made


async def test_the_gate_ducks_and_the_detector_interrupts(pool: Pool) -> None:
    async with house() as made:
        await made.connected(interruption="local")
        (detector,) = pool.detectors
        talk, uplink = made.seat.talk, made.seat.leg.uplink
        made.seat.leg.session.playout.push("item", b"\x80" * 8000)
        talk.played([ItemStarted("item")], 9.9)
        loud = b"\x80\x00" * 80
        uplink.take(loud, 10.0)
        assert talk.turn.floor is Floor.AGENT
        uplink.take(loud, 10.02)
        assert talk.turn.floor is Floor.CONTESTED
        stranger = Detector()
        pool.verdicts = [(detector, 0.2), (stranger, 0.9)] * 10  # type: ignore[list-item]
        made.engine._listening.turn(10.04)
        assert talk.turn.floor is Floor.CONTESTED
        pool.verdicts = [(detector, 0.9)] * 8
        made.engine._listening.turn(10.3)
        assert talk.turn.floor is Floor.CALLER
        assert made.provider.session.told == [("cancel",), ("truncate", "item", 0)]
        made.engine.order(Close("c1"))
        assert detector.closed == 1
        assert not made.engine._listening.busy


async def test_detectors_made_beforehand_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SileroBatch", lambda: pytest.fail("it was loaded in the middle of a call"))
    ready = Pool(None)
    async with house(detectors=ready) as made:
        await made.connected(interruption="local")
        assert len(ready.detectors) == 1


async def test_a_model_that_decides_itself_needs_no_detector(pool: Pool) -> None:
    async with house() as made:
        await made.connected(interruption="provider")
        assert pool.detectors == []


async def test_a_model_that_cannot_be_resumed_is_warned_of(lines: Lines, pool: Pool) -> None:
    async with house(ScriptedProvider(reversible_interrupt=False)) as made:
        made.open(interruption="local")
    assert [line["call"] for line in lines if line["event"] == "interruption.unavailable"] == ["c1"]


async def test_browsers_have_places_on_one_port_and_leave_nothing_there() -> None:
    browsers = BrowserPort(asyncio.get_running_loop(), HOST, 0)
    async with house(browsers=browsers) as made:
        numbers = [made.engine.open(Open(f"c{number}", ufrag=f"name{number}")) for number in range(100)]
        assert set(numbers) == {browsers.number} and browsers.places == 100, "though there are two pairs"
        pair = made.engine.open(Open("c0"))
        assert pair != browsers.number, "for a peer that is none"
        for number in range(100):
            made.engine.order(Close(f"c{number}"))
        assert len(browsers) == 0
        assert [report.call for report in made.reports] == [f"c{number}" for number in range(100)]
    browsers.close()


async def test_without_such_a_port_a_browser_has_a_pair() -> None:
    async with house() as made:
        assert made.engine.open(Open("c1", ufrag="name")) in range(40_300, 40_304)
        made.engine.order(Close("c1"))
