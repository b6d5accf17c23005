"""Two legs that hear each other, on real ports of loopback, their clocks turned by hand."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mediacodecs import registry
from mediacodecs.g711 import ALAW_TO_ULAW, PCMU, ULAW_TO_ALAW
from mediacodecs.signal.dtmf_detector import DtmfDetector
from mediacodecs.signal.tones import dtmf, tone
from mediaproviders.contract import Audio, AudioDone, ResponseDone, ResponseStarted
from mediaserver.net.rtp_port import PortRange
from mediaserver.rtp import packet
from mediaserver.rtp.plan import MediaSettings
from mediaserver.rtp.session import MediaSession
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.digits import DigitSettings
from mediaserver.talk.engine import Engine, EngineSettings
from mediaserver.talk.orders import (
    Agent,
    Bridge,
    Close,
    Closed,
    Connect,
    Describe,
    Dialled,
    Greet,
    Open,
    Order,
    Outcome,
    Press,
    Pressed,
    Ready,
    Report,
    Silent,
)
from support.rtp import Peer, speech
from support.scripted_model import ScriptedProvider
from support.virtual_time import settle

PEER = ("127.0.0.1", 9)
U, A, WIDE = PayloadFormat(0, "PCMU", 8000), PayloadFormat(8, "PCMA", 8000), PayloadFormat(9, "G722", 8000)


def agreed(send: PayloadFormat = U, **changes: Any) -> MediaPlan:
    fields: dict[str, Any] = {
        "send": send,
        "receive": (send,),
        "ptime_ms": 20,
        "direction": Direction.SENDRECV,
        "remote_rtp": PEER,
        "remote_rtcp": PEER,
        "event_send": 101,
        "event_receive": 101,
    }
    return MediaPlan(**(fields | changes))


class Wheel:
    """Turns nobody: the test does."""

    worst_late_ms = 0.0

    def __init__(self, scene: "Exchange") -> None:
        self._scene = scene

    def add(self, ptime_ms: int, turn: Any) -> Any:
        return turn

    def remove(self, spoke: Any) -> None:
        pass

    def next_time(self, spoke: Any) -> float:
        return self._scene.now + 0.02

    def slot_time(self, now: float) -> float:
        return now

    def move(self, spoke: Any, now: float) -> Any:
        return spoke

    def take_failures(self) -> list[Exception]:
        return []

    def close(self) -> None:
        pass


class Exchange:
    """An engine whose time is `now`, and the peers of its calls."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider()
        self.reports: list[Report] = []
        loop = asyncio.get_running_loop()
        self.engine = Engine(
            loop,
            PortRange("127.0.0.1", 40_320, 40_339),
            lambda agent: self.provider,
            self.reports.append,
            EngineSettings(MediaSettings(), TalkSettings(receiver_buffer_ms=0)),
        )
        self.engine._wheel = Wheel(self)  # type: ignore[assignment]
        self.now = time.monotonic()
        self.sent: dict[str, list[bytes]] = {}

    def leg(self, call: str, plan: MediaPlan | None = None, agent: Agent | None = None, **opened: Any) -> Any:
        self.engine.open(Open(call, agent, **opened))
        self.engine.order(Describe(call, plan or agreed()))
        leg = self.engine._seats[call].leg
        self.sent[call] = []
        leg._port.send_rtp = lambda packet, destination: self.sent[call].append(packet)
        return leg

    async def talk(self, call: str, plan: MediaPlan | None = None, **agent: Any) -> Any:
        leg = self.leg(call, plan, Agent("a", "model", "prompt", **agent))
        self.order(Connect(call))
        await settle()
        assert Ready(call) in self.reports
        self.order(Greet(call))
        return leg

    def order(self, *orders: Order) -> None:
        for order in orders:
            self.engine.order(order)

    def passes(self, frames: int, **hears: list[bytes]) -> None:
        """So many ticks; each call named gets one of its packets before each, while there are any."""
        for turn in range(frames):
            self.now += 0.02
            for call, packets in hears.items():
                if turn < len(packets):
                    self.engine._seats[call].leg._rtp_arrived(packets[turn], PEER, self.now - 0.01)
            for seat in tuple(self.engine._seats.values()):
                seat.leg._turn(self.now)

    def audio(self, call: str, kind: int = 0) -> list[bytes]:
        return [packet[12:] for packet in self.sent[call] if packet[1] & 0x7F == kind]

    def told(self, kind: type[Report]) -> list[Report]:
        return [report for report in self.reports if isinstance(report, kind)]


@asynccontextmanager
async def exchange() -> AsyncIterator[Exchange]:
    made = Exchange()
    try:
        yield made
    finally:
        await made.engine.close()


def packets(payloads: list[bytes], kind: int = 0, **peer: int) -> list[bytes]:
    numbered = Peer(**peer)
    return [numbered.audio(payload, kind=kind) for payload in payloads]


def event(key: int, ptime: int = 20, frames: int = 5, **peer: int) -> list[bytes]:
    numbered = Peer(**peer)
    return [numbered.event(key, 160 * min(turn + 1, frames), end=turn >= frames - 1) for turn in range(frames + 2)]


def loud(octets: list[bytes]) -> list[bytes]:
    return [each for each in octets if each != b"\xff" * len(each)]


async def test_each_hears_the_other_untouched() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b")
        made.order(Bridge("a", "b"))
        ours, theirs = speech(50, seed=1), speech(50, seed=2)
        made.passes(60, a=packets(ours), b=packets(theirs, ssrc=7))
        assert loud(made.audio("b"))[:50] == ours
        assert loud(made.audio("a"))[:50] == theirs
        assert len(made.audio("a")) == len(made.audio("b")) == 60  # a packet each ptime, whatever comes
        stamps = [int.from_bytes(packet[4:8]) for packet in made.sent["b"]]
        assert {(later - first) % 2**32 for first, later in pairwise(stamps)} == {160}
        made.order(Close("a"), Close("b"))
        for closed in made.told(Closed):
            assert isinstance(closed, Closed)
            assert 20 <= closed.counters["bridge_delay_ms"] <= 40
            assert closed.counters["received"] == 50 and closed.counters["bridge_dropped_ms"] == 0


async def test_what_the_agent_has_said_is_heard_to_its_end_and_then_the_other() -> None:
    async with exchange() as made:
        await made.talk("a")
        made.leg("b")
        says = [ResponseStarted("r"), Audio("i", "r", b"\x10" * 4000)]
        made.provider.session.does(*says)
        await settle()
        made.passes(5)
        task = made.engine._seats["a"].task
        made.order(Bridge("a", "b"))
        theirs = speech(60, seed=2)
        made.passes(60, b=packets(theirs))
        heard = b"".join(loud(made.audio("a")))
        words, rest = heard[:4000], heard[4000:]
        assert words == b"\x10" * 4000
        assert rest and rest in b"".join(theirs)
        await asyncio.wait([task], timeout=5)
        assert task.cancelled() and made.provider.left == 1
        listened = len(made.provider.session.heard)
        made.passes(10, a=packets(speech(10)))
        assert len(made.provider.session.heard) == listened
        late = [Audio("i", "r", b"\x10" * 800), AudioDone("i", "r"), ResponseDone("r", "completed")]
        made.provider.session.does(*late)
        made.order(Greet("a"), Outcome("a", "t1", "done"))
        assert {type(report).__name__ for report in made.reports} == {"Ready"}


async def test_between_laws_and_codecs() -> None:
    async with exchange() as made:
        made.leg("a", agreed(A)), made.leg("b", agreed(U)), made.leg("w", agreed(WIDE))
        made.order(Bridge("a", "b"))
        ours = speech(20, seed=1)
        made.passes(25, a=packets(ours, kind=8))
        assert loud(made.audio("b"))[:20] == [each.translate(ALAW_TO_ULAW) for each in ours]
        made.order(Bridge("w", "b"))
        made.sent["w"].clear()
        pcm = tone((1000.0,), 1000, 8000)
        made.passes(50, b=packets([PCMU.encode(pcm[at : at + 160]) for at in range(0, 8000, 160)], ssrc=9))
        assert {len(each) for each in made.audio("w", 9)} == {160}
        decoder = registry.decoder("G722", 16000)
        heard = np.concatenate([decoder.decode(each) for each in made.audio("w", 9)]).astype(float)
        spectrum = np.abs(np.fft.rfft(heard))
        assert abs(np.argmax(spectrum) * 16000 / len(heard) - 1000) < 10


async def test_hold_on_one_side_is_silence_to_the_other() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b")
        made.order(Bridge("a", "b"))
        music = speech(40, seed=5)
        made.passes(5, a=packets(speech(5)))
        made.order(Describe("a", agreed(direction=Direction.RECVONLY)))
        sent = len(made.sent["a"])
        made.sent["b"].clear()
        made.passes(40, a=packets(music, sequence=65_505, timestamp=4_294_960_800), b=packets(speech(40)))
        assert len(loud(made.audio("b"))) <= 3  # what was on its way
        assert len(made.sent["a"]) == sent  # who holds us is sent nothing
        made.order(Describe("a", agreed()))
        ours = speech(20, seed=6)
        made.sent["b"].clear()
        made.passes(25, a=packets(ours, sequence=65_545 % 65536, timestamp=(4_294_960_800 + 40 * 160) % 2**32))
        heard = loud(made.audio("b"))
        assert len(heard) >= 18 and heard[-1] == ours[-1]


async def test_a_key_is_passed_on_as_an_event_once_and_reported() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b", agreed(event_send=96, event_receive=96))
        made.order(Bridge("a", "b"))
        made.passes(20, a=event(5, frames=8))
        passed = made.audio("b", 96)
        assert {each[0] for each in passed} == {5}
        assert [int.from_bytes(each[2:]) for each in passed] == [*range(160, 1281, 160), 1280, 1280]
        assert [report for report in made.reports if isinstance(report, Dialled)] == [Dialled("a", "5")]
        made.order(Pressed("a", "5", 160))  # the same, told by INFO as well
        made.passes(20)
        assert len(made.audio("b", 96)) == len(passed)


async def test_a_key_is_passed_on_as_a_tone_where_there_are_no_events() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b", agreed(event_send=None, event_receive=None))
        made.order(Bridge("a", "b"))
        made.order(Pressed("a", "7", 100), Pressed("a", "!", 100))
        made.passes(15)
        heard = DtmfDetector().push(PCMU.decode(b"".join(made.audio("b"))))
        assert [key.digit for key in heard] == ["7"]


async def test_a_leg_may_begin_after_the_bridge_and_change_while_it_lasts() -> None:
    async with exchange() as made:
        made.leg("a")
        made.engine.open(Open("b"))
        made.order(Bridge("a", "b"))
        made.passes(5, a=packets(speech(5)))
        made.order(Describe("b", agreed(ptime_ms=20)))
        made.sent["b"] = []
        made.engine._seats["b"].leg._port.send_rtp = lambda packet, destination: made.sent["b"].append(packet)
        ours = speech(40, seed=3)
        stream = packets(ours, ssrc=0x99)
        made.passes(20, a=stream[:20])
        assert loud(made.audio("b"))[:18] == ours[:18]
        made.order(Describe("b", agreed(A)))
        made.passes(20, a=stream[20:])
        heard = [each.translate(ALAW_TO_ULAW) for each in made.audio("b", 8)]
        assert len(heard) == 20
        there_and_back = [each.translate(ULAW_TO_ALAW).translate(ALAW_TO_ULAW) for each in ours]
        assert b"".join(heard[5:]) in b"".join(there_and_back[20:])


async def test_when_one_leg_closes_the_other_is_sent_silence() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b")
        made.order(Bridge("a", "b"))
        made.passes(10, a=packets(speech(10)))
        made.order(Close("a"))
        made.sent["b"].clear()
        made.passes(10, b=packets(speech(10)))
        assert made.audio("b") == [b"\xff" * 160] * 10
        made.order(Close("b"))
        assert len(made.told(Closed)) == 2


async def test_a_new_bridge_takes_the_place_of_the_old_one() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b"), made.leg("c")
        made.order(Bridge("a", "b"))
        made.passes(5, a=packets(speech(5)))
        made.order(Bridge("a", "c"))
        made.sent["b"].clear()
        ours = speech(20, seed=4)
        made.passes(25, a=packets(ours, ssrc=0x77))
        assert loud(made.audio("c"))[-20:] == ours
        assert loud(made.audio("b")) == []


async def test_there_is_nobody_to_be_bridged_to() -> None:
    async with exchange() as made:
        await made.talk("a")
        made.order(Bridge("a", "nobody"), Bridge("a", "a"))
        assert made.engine._seats["a"].bridge is None
        assert not made.engine._seats["a"].task.done()


async def test_a_bridged_leg_that_falls_silent_is_still_reported() -> None:
    async with exchange() as made:
        made.leg("a"), made.leg("b")
        made.order(Bridge("a", "b"))
        made.passes(300, a=packets(speech(300)))
        assert [report.call for report in made.told(Silent)] == ["b"]


@pytest.mark.parametrize("before", [True, False])
async def test_whose_partner_is_on_hold_need_not_send_while_that_lasts(before: bool) -> None:
    async with exchange() as made:
        made.leg("a", agreed(direction=Direction.INACTIVE) if before else None), made.leg("b")
        made.order(Bridge("a", "b"))
        if not before:
            made.passes(10, a=packets(speech(10)), b=packets(speech(10)))
            made.order(Describe("a", agreed(direction=Direction.RECVONLY)))
        made.passes(1000)
        assert made.told(Silent) == []
        made.order(Describe("a", agreed()))
        made.passes(200, a=packets(speech(200)))
        assert made.told(Silent) == [], "it has as long as anybody to be heard again"
        made.passes(100, a=packets(speech(100)))
        (silent,) = made.told(Silent)
        assert isinstance(silent, Silent) and silent.call == "b" and silent.seconds < 5.1


async def test_who_does_not_speak_but_listens_keeps_the_other_from_nothing() -> None:
    async with exchange() as made:
        made.leg("a", agreed(direction=Direction.SENDONLY)), made.leg("b")
        made.order(Bridge("a", "b"))
        made.passes(300)
        assert [report.call for report in made.told(Silent)] == ["b"]


# --- a leg by itself -------------------------------------------------------------------------------------------------


async def test_a_leg_without_an_agent_is_silent_and_takes_every_order() -> None:
    async with exchange() as made:
        made.leg("a")
        made.order(
            Connect("a"), Greet("a"), Outcome("a", "t", "x"), Pressed("a", "1"), Press("a", "2"), Press("a", "x")
        )
        made.passes(10, a=packets(speech(10)))
        assert set(loud(made.audio("a"))) == set()
        assert len(made.audio("a", 101)) == 7
        assert made.reports == [Dialled("a", "1")]
        made.order(Close("a"))
        assert isinstance(made.reports[-1], Closed) and made.reports[-1].counters["received"] == 10


async def test_keys_are_pressed_as_the_order_says() -> None:
    async with exchange() as made:
        made.leg("a")
        made.order(Press("a", "12"))
        made.passes(25)
        assert [each[0] for each in made.audio("a", 101)] == [1] * 7 + [2] * 7
        made.sent["a"].clear()
        made.order(Press("a", "34", "tones"))
        made.passes(25)
        assert made.audio("a", 101) == []
        heard = DtmfDetector().push(PCMU.decode(b"".join(made.audio("a"))))
        assert [key.digit for key in heard] == ["3", "4"]


async def test_a_key_is_told_to_the_agent_within_a_tick_of_its_end() -> None:
    async with exchange() as made:
        await made.talk("a", digits=DigitSettings(send=True))
        made.provider.session.told.clear()
        made.passes(4, a=event(9)[:4])
        assert made.provider.session.told == []
        made.passes(1, a=event(9)[4:5])
        assert made.provider.session.told == [("text", "DTMF-9")]
        made.passes(2, a=event(9)[5:])
        assert len(made.provider.session.told) == 1


def tones(keys: str) -> list[bytes]:
    pcm = np.concatenate([np.concatenate((dtmf(key, 80, 8000), np.zeros(640, np.int16))) for key in keys])
    octets = PCMU.encode(pcm)
    return [octets[at : at + 160] for at in range(0, len(octets), 160)]


@pytest.mark.parametrize(
    ("inband", "events", "trunk", "expected"),
    [
        ("off", None, None, ""),
        ("auto", None, None, "159"),
        ("auto", 101, None, ""),
        ("always", 101, None, "159"),
        ("off", None, "auto", "159"),
        ("always", None, "off", ""),
    ],
)
async def test_keys_in_the_audio(inband: Any, events: int | None, trunk: Any, expected: str) -> None:
    async with exchange() as made:
        plan = agreed(event_send=events, event_receive=events)
        agent = Agent("a", "model", "prompt", digits=DigitSettings(inband=inband))
        made.leg("a", plan, agent, inband=trunk)
        made.order(Connect("a"))
        await settle()
        assert Ready("a") in made.reports
        made.engine._seats["a"].talk.media(made.engine._seats["a"].leg.session.playout)
        made.passes(30, a=packets(tones("159")))
        assert "".join(report.digit for report in made.told(Dialled)) == expected  # type: ignore[attr-defined]


async def test_an_engine_gives_a_session_a_source() -> None:
    """What the bridge relies on of a session, whatever its codec."""
    async with exchange() as made:
        session: MediaSession = made.leg("a", agreed(WIDE)).session
        assert session.downlink_format.rate == 16_000
        session.play(lambda: bytes(640))
        made.passes(3)
        session.play(None)
        made.passes(3)
        assert [len(each) for each in made.audio("a", 9)] == [160] * 6


@pytest.mark.parametrize("style", [Direction.RECVONLY, Direction.INACTIVE])
async def test_on_hold_the_model_hears_silence_and_no_music(style: Direction) -> None:
    async with exchange() as made:
        leg = await made.talk("a")
        made.engine._seats["a"].talk.media(leg.session.playout)
        made.passes(10, a=packets(speech(10)))
        made.order(Describe("a", agreed(direction=style)))
        session, sent = made.provider.session, len(made.sent["a"])
        session.heard.clear()
        music = packets(speech(50, seed=5), sequence=65_510, timestamp=4_294_961_600)
        made.passes(50, **({"a": music} if style is Direction.RECVONLY else {}))
        assert set(b"".join(session.heard)) == {0xFF}
        assert len(b"".join(session.heard)) == pytest.approx(50 * 160, abs=640)  # its clock goes on: a turn can end
        assert len(made.sent["a"]) == sent
        made.passes(500)
        assert made.told(Silent) == []
        made.order(Describe("a", agreed()))
        made.passes(10, a=packets(speech(10, seed=6), ssrc=0x99))
        assert speech(10, seed=6)[-1] in session.heard
        assert len(made.sent["a"]) == sent + 10


async def test_between_opus_and_a_telephone() -> None:
    opus = PayloadFormat(111, "OPUS", 48_000, channels=2)
    encoder = registry.encoder("OPUS", registry.Sending())
    async with exchange() as made:
        made.leg("a", agreed(opus)), made.leg("b")
        made.order(Bridge("a", "b"))
        rate = registry.spec("OPUS").sample_rate
        sound = tone((1000.0,), 1000, rate)
        coded = [encoder.encode(sound[at : at + rate // 50]) for at in range(0, rate, rate // 50)]
        numbered = [packet.build(111, turn, turn * 960, 5, each, False) for turn, each in enumerate(coded)]
        back = PCMU.encode(tone((1000.0,), 1000, 8000))
        made.passes(50, a=numbered, b=packets([back[at : at + 160] for at in range(0, 8000, 160)]))
        heard = PCMU.decode(b"".join(made.audio("b")[10:])).astype(float)
        assert abs(np.argmax(np.abs(np.fft.rfft(heard))) * 8000 / len(heard) - 1000) < 10
        decoder = registry.decoder("OPUS", 8000)
        pcm = np.concatenate([decoder.decode(each) for each in made.audio("a", 111)[10:]]).astype(float)
        assert abs(np.argmax(np.abs(np.fft.rfft(pcm))) * 8000 / len(pcm) - 1000) < 10
