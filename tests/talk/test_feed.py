"""What who watches a call is told by the media plane, and that nobody else is told anything."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    CallerTranscript,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TookOver,
    ToolCall,
    TurnCommitted,
)
from mediaserver.net.rtp_port import PortRange
from mediaserver.rtp.plan import MediaSettings
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.talk.conversation import TalkSettings
from mediaserver.talk.engine import Engine, EngineSettings
from mediaserver.talk.feed import Notes
from mediaserver.talk.onlooker import Onlooker
from mediaserver.talk.orders import (
    Agent,
    Close,
    Connect,
    Describe,
    Greet,
    Noted,
    Open,
    Outcome,
    Pressed,
    Report,
    Watch,
)
from support.scripted_model import ScriptedProvider
from support.virtual_time import settle, tell

PCMU = PayloadFormat(0, "PCMU", 8000)
PLAN = MediaPlan(PCMU, (PCMU,), 20, Direction.SENDRECV, ("127.0.0.1", 9), ("127.0.0.1", 9))


class Scene:
    """A call in an engine, watched from the beginning unless the test says otherwise."""

    def __init__(self) -> None:
        self.provider = ScriptedProvider()
        self.reports: list[Report] = []
        self.engine = Engine(
            asyncio.get_running_loop(),
            PortRange("127.0.0.1", 40_340, 40_349),
            lambda agent: self.provider,
            self.reports.append,
            EngineSettings(MediaSettings(), TalkSettings(receiver_buffer_ms=0)),
        )

    async def begins(self, *, watched: bool = True, **agent: Any) -> None:
        self.engine.open(Open("c", Agent("a", "model", "prompt", **agent)))
        if watched:
            self.engine.order(Watch("c", on=True))
        for order in (Connect("c"), Describe("c", PLAN)):
            self.engine.order(order)
        await settle()
        self.engine.order(Greet("c"))

    async def does(self, *events: Any) -> None:
        self.provider.session.does(*events)
        await settle()

    def plays(self, frames: int) -> None:
        """So many packets go out, whatever the time is."""
        leg = self.engine._seats["c"].leg
        now = time.monotonic()
        for turn in range(frames):
            leg._turn(now + 0.02 * turn)

    @property
    def told(self) -> list[tuple[str, dict[str, object]]]:
        return [(report.what, dict(report.fields)) for report in self.reports if isinstance(report, Noted)]

    def of(self, what: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.told if name == what]


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    try:
        yield made
    finally:
        await made.engine.close()


def words(item: str, text: str, *, final: bool = False) -> AgentTranscript:
    return AgentTranscript(item, text, final)


def sound(item: str, ms: int) -> Audio:
    return Audio(item, "r", b"\x10" * 8 * ms)


async def test_an_answer_that_is_heard_to_its_end() -> None:
    async with scene() as made:
        await made.begins()
        await made.does(ResponseStarted("r"), words("i", "Good "), sound("i", 60), words("i", "morning."))
        await made.does(words("i", "Good morning.", final=True), AudioDone("i", "r"), ResponseDone("r", "completed"))
        made.plays(5)
        assert made.of("transcript") == [
            {"who": "agent", "item": "i", "text": "Good", "final": False},
            {"who": "agent", "item": "i", "text": "Good morning.", "final": False},
            {"who": "agent", "item": "i", "text": "Good morning.", "final": False},
            {"who": "agent", "item": "i", "text": "Good morning.", "final": True},
        ]
        assert made.of("speaking") == [{"who": "agent", "on": True}, {"who": "agent", "on": False}]


async def test_an_answer_that_is_interrupted() -> None:
    async with scene() as made:
        await made.begins()
        text = "One two three four five six seven eight."
        await made.does(ResponseStarted("r"), sound("i", 800), words("i", text, final=True))
        made.plays(20)
        await made.does(SpeechStarted("u", 0), words("i", "late words"))
        said = made.of("transcript")
        assert said[-1]["final"] is True and said[-1]["interrupted"] is True and said[-1]["text"] == text
        heard = said[-1]["heard_text"]
        assert isinstance(heard, str) and text.startswith(heard) and 0 < len(heard) < len(text)
        (interruption,) = made.of("barge_in")
        assert interruption["item"] == "i" and interruption["by"] == "provider"
        assert isinstance(interruption["heard_ms"], int) and 300 <= interruption["heard_ms"] <= 450
        assert made.of("speaking") == [
            {"who": "agent", "on": True},
            {"who": "caller", "on": True},
            {"who": "agent", "on": False},
        ]


async def test_an_answer_that_nobody_heard_is_taken_back() -> None:
    async with scene() as made:
        await made.begins()
        await made.does(ResponseStarted("r"), words("i", "Never mind."), sound("i", 400), SpeechStarted("u", 0))
        assert made.of("transcript")[-1] == {
            "who": "agent", "item": "i", "text": "Never mind.", "final": True, "interrupted": True, "heard_text": "",
        }  # fmt: skip
        assert made.of("barge_in") == []


async def test_what_the_caller_says_and_how_long_the_answer_takes() -> None:
    async with scene() as made:
        await made.begins()
        await made.does(SpeechStarted("u", 0), CallerTranscript("u", "What ", final=False), SpeechStopped("u", 900))
        await made.does(TurnCommitted("u"), CallerTranscript("u", "is it?", final=False))
        await made.does(CallerTranscript("u", "What is it? ", final=True), ResponseStarted("r"), sound("i", 100))
        made.plays(2)
        assert made.of("transcript") == [
            {"who": "caller", "item": "u", "text": "What", "final": False},
            {"who": "caller", "item": "u", "text": "What is it?", "final": False},
            {"who": "caller", "item": "u", "text": "What is it?", "final": True},
        ]
        assert made.of("speaking")[:2] == [{"who": "caller", "on": True}, {"who": "caller", "on": False}]
        (turn,) = made.of("turn")
        assert turn["turn"] == 1 and set(turn) == {"turn", "endpoint_ms", "think_ms", "playout_ms", "total_ms"}


async def test_tools_of_every_kind() -> None:
    async with scene() as made:
        await made.begins(tools=("end_call", "press_keys"))
        await made.does(ToolCall("t1", "unknown_tool", "{}"), ToolCall("t2", "press_keys", '{"keys": "5"}'))
        made.engine.order(Outcome("c", "t2", '{"pressed": "5"}'))
        await made.does(ToolCall("t3", "press_keys", '{"keys": "x"}'))
        assert made.of("tool") == [
            {"name": "unknown_tool", "state": "called"},
            {"name": "press_keys", "state": "called"},
            {"name": "unknown_tool", "state": "failed"},
            {"name": "press_keys", "state": "done"},
            {"name": "press_keys", "state": "called"},
            {"name": "press_keys", "state": "failed"},
        ]


async def test_keys_sessions_and_the_line() -> None:
    async with scene() as made:
        await made.begins()
        made.engine.order(Pressed("c", "7"))
        await made.does(SpeechStarted("u", 0), Reconnected("lost"), TookOver("other", "model"))
        made.engine._seats["c"].look_after(time.monotonic())
        assert made.of("digit") == [{"digit": "7"}]
        assert made.of("session") == [{"what": "reconnected"}, {"what": "took_over", "model": "other"}]
        assert made.of("speaking") == [{"who": "caller", "on": True}, {"who": "caller", "on": False}]
        (line,) = made.of("quality")
        assert line == {
            "lost": 0, "late": 0, "concealed_ms": 0.0, "jitter_ms": 0.0, "rtt_ms": None, "remote_lost": None,
        }  # fmt: skip


async def test_nobody_is_told_what_nobody_watches() -> None:
    async with scene() as made:
        await made.begins(watched=False)
        await made.does(ResponseStarted("r"), words("i", "Hello"), sound("i", 400), SpeechStarted("u", 0))
        made.engine.order(Pressed("c", "7"))
        made.engine._seats["c"].look_after(time.monotonic())
        assert made.told == []


async def test_who_comes_late_is_told_how_things_stand_and_who_leaves_nothing_more() -> None:
    async with scene() as made:
        await made.begins(watched=False)
        await made.does(ResponseStarted("r"), sound("i", 2000))
        made.plays(3)
        made.engine.order(Watch("c", on=True))
        made.engine.order(Watch("c", on=True))
        assert made.told == [("speaking", {"who": "agent", "on": True})]
        made.engine.order(Watch("c", on=False))
        await made.does(SpeechStarted("u", 0))
        made.engine.order(Close("c"))
        assert len(made.told) == 1
        made.engine.order(Watch("c", on=True))  # of a call that is gone


async def test_the_loudness_of_the_line_is_watched_only_where_the_model_tells_nothing() -> None:
    async with scene() as made:
        await made.begins()
        assert made.engine._seats["c"]._onlooker is None
    async with scene() as made:
        made.provider = ScriptedProvider(hears_speech_start=False)
        await made.begins()
        seat = made.engine._seats["c"]
        onlooker = seat._onlooker
        assert onlooker is not None
        made.engine.order(Close("c"))
        assert seat._onlooker is None and onlooker._timer is None


def test_a_voice_is_told_by_its_loudness() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        reports: list[Any] = []
        notes = Notes("c", reports.append, loop.time)
        notes.watch(True)
        uplink = SimpleNamespace(last_voice=0.0, loud_s=0.0)
        leg: Any = SimpleNamespace(uplink=None)
        onlooker = Onlooker(leg, notes, loop, loop.time)
        await asyncio.sleep(0.3)
        leg.uplink = uplink
        uplink.last_voice, uplink.loud_s = loop.time(), 0.02
        await asyncio.sleep(0.3)
        assert reports == [], "a click"
        uplink.last_voice, uplink.loud_s = loop.time(), 0.3
        await asyncio.sleep(0.45)
        assert [report.fields["on"] for report in reports] == [True]
        await asyncio.sleep(0.3)
        assert [report.fields["on"] for report in reports] == [True, False]
        uplink.last_voice = loop.time()
        await asyncio.sleep(0.2)
        onlooker.stop()
        onlooker.stop()
        uplink.last_voice = loop.time()
        await asyncio.sleep(1.0)
        assert [report.fields["on"] for report in reports] == [True, False, True, False]

    tell(story())
