"""Stories of one conversation, told in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaproviders.contract import (
    PCM16_8K,
    PCM16_24K,
    PCMA,
    PCMU,
    AgentTranscript,
    AudioDone,
    AudioFormat,
    CallerTranscript,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    RolledOver,
    SpeechStarted,
    SpeechStopped,
    TookOver,
    ToolCall,
    TurnCommitted,
    Usage,
)
from mediaproviders.models import Price
from mediaserver.talk.budget import Limits
from mediaserver.talk.orders import HangUp, Lost, Ready
from mediaserver.talk.turn import Floor
from support.scripted_model import ScriptedProvider
from support.stage import SORRY, WORD, Stage, words
from support.virtual_time import settle, tell

type Lines = list[MutableMapping[str, Any]]

GONE = ProviderError("the connection broke", code="gone", retryable=True)
STARTED, STOPPED = SpeechStarted("caller", 0), SpeechStopped("caller", 0)
COMMITTED = TurnCommitted("caller")
BEGINS, DONE = ResponseStarted("response"), ResponseDone("response", "completed")


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


@asynccontextmanager
async def stage(*args: Any, **settings: Any) -> AsyncIterator[Stage]:
    scene = Stage(*args, **settings)
    try:
        await scene.media()
        yield scene
    finally:
        await scene.leave()


def named(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


def answer(ms: int, item: str = "item") -> tuple[Event, ...]:
    return BEGINS, words(ms, item), AudioDone(item, "response"), DONE


# --- turns -----------------------------------------------------------------------------------------------------------
def test_a_turn_is_answered_and_timed(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            assert scene.reports == [Ready("call-1")]
            await scene.caller(400)
            await scene.passes(0.5)
            await scene.model(STARTED, STOPPED, COMMITTED)
            await scene.passes(0.3)
            await scene.model(*answer(200))
            assert scene.talk.turn.floor is Floor.OPEN
            await scene.passes(0.1)
            assert scene.talk.turn.floor is Floor.AGENT
            await scene.passes(0.2)
            assert scene.talk.turn.floor is Floor.OPEN
            assert scene.heard == WORD * 1600
            assert scene.session.heard, "the caller was not brought to the model"

    tell(story())
    (turn,) = named(lines, "turn")
    assert turn["endpoint_ms"] == pytest.approx(500, abs=1)
    assert turn["think_ms"] == pytest.approx(300, abs=1)
    assert 0 <= turn["playout_ms"] <= 20
    assert turn["call"] == "call-1"


def test_a_trickle_of_audio_does_not_cost_the_agent_the_floor() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(BEGINS, words(20))
            await scene.passes(0.1)  # it ran dry at once, but goes on
            assert scene.talk.turn.floor is Floor.AGENT
            await scene.model(words(500))
            await scene.passes(0.1)
            assert scene.talk.turn.floor is Floor.AGENT
            scene.talk.hint(scene.now)
            assert scene.talk.turn.floor is Floor.CONTESTED

    tell(story())


@pytest.mark.parametrize("end", [ResponseDone("response", "failed", "server_error"), Reconnected("closed_1006")])
def test_an_item_that_is_never_declared_done_gives_the_floor_back(end: Event) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(100))
            await scene.passes(0.06)
            await scene.model(end)
            await scene.passes(0.5)
            assert scene.talk.turn.floor is Floor.OPEN
            assert len(scene.heard) == 800

    tell(story())


def test_provider_interrupts_and_learns_what_was_heard(lines: Lines) -> None:
    async def story() -> None:
        async with stage(receiver_buffer_ms=40.0) as scene:
            await scene.model(BEGINS, words(2000), AgentTranscript("item", "one two three four", True), DONE)
            await scene.passes(1.01)
            await scene.model(STARTED)
            assert scene.session.told == [("truncate", "item", 960)]  # and no cancel: that is the provider's
            frames = len(scene.heard)
            await scene.model(words(300))  # late audio of the cut item
            await scene.passes(0.5)
            assert len(scene.heard) == frames
            assert scene.talk.turn.floor is Floor.CALLER
            await scene.model(STOPPED, COMMITTED, *answer(100, "next"))
            await scene.passes(0.06)
            assert scene.talk.turn.floor is Floor.AGENT
            await scene.passes(0.2)
            assert len(scene.heard) == frames + 800

    tell(story())
    (cut,) = named(lines, "barge_in")
    assert (cut["item"], cut["heard_ms"], cut["decided_by"]) == ("item", 960, "provider")
    (said,) = named(lines, "transcript")
    assert said["interrupted"] and said["heard_text"] == "one two"


@pytest.mark.parametrize("event", [STARTED, Interrupted()])
def test_an_interruption_of_nothing_is_none(lines: Lines, event: Event) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(event, event)
            assert scene.session.told == []
            await scene.model(COMMITTED, *answer(60))
            await scene.passes(0.3)
            assert len(scene.heard) == 480

    tell(story())
    assert not named(lines, "barge_in")


def test_an_answer_not_yet_heard_is_voided_without_a_barge_in(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(COMMITTED, BEGINS, words(500), STARTED)
            await scene.passes(0.3)
            assert scene.heard == b""
            assert scene.session.told == [("truncate", "item", 0)]

    tell(story())
    assert not named(lines, "barge_in")


# --- we decide -------------------------------------------------------------------------------------------------------
def test_a_cough_costs_no_sample_and_gets_no_answer(lines: Lines) -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(*answer(3000))
            await scene.passes(0.5)
            await scene.model(STARTED)
            scene.talk.hint(scene.now)
            await scene.caller(100, judged=True)
            await scene.caller(400, loud=False, judged=False)
            assert scene.talk.turn.floor is Floor.AGENT
            await scene.model(STOPPED, COMMITTED)
            await scene.passes(4)
            assert scene.session.told == []
            assert len(scene.heard) >= 3000 * 8
            assert scene.talk.turn.floor is Floor.OPEN

    tell(story())
    assert len(named(lines, "resume")) == len(named(lines, "turn.ignored")) == 1
    assert not named(lines, "provider.lost")


def test_a_real_interruption_gets_exactly_one_answer(lines: Lines) -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(*answer(3000))
            await scene.passes(0.5)
            scene.talk.hint(scene.now)
            await scene.caller(400, judged=True)
            await scene.model(STARTED)  # the provider's word comes late and changes nothing
            assert scene.talk.turn.floor is Floor.CALLER
            assert [command[0] for command in scene.session.told] == ["cancel", "truncate"]
            await scene.model(STOPPED, COMMITTED)
            assert len(scene.commands("create")) == 1
            await scene.model(*answer(200, "next"))
            await scene.passes(0.1)
            assert scene.talk.turn.floor is Floor.AGENT
            await scene.passes(1)
            assert len(scene.commands("create")) == 1

    tell(story())
    (cut,) = named(lines, "barge_in")
    assert cut["decided_by"] == "local"
    assert cut["stop_ms"] == pytest.approx(240, abs=25)


def test_a_cough_that_turns_into_a_sentence_is_answered() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(*answer(5000))
            await scene.passes(0.5)
            await scene.model(STARTED)
            scene.talk.hint(scene.now)
            await scene.caller(100, judged=True)
            await scene.caller(360, loud=False, judged=False)  # resumed; the provider has not closed the turn
            scene.talk.hint(scene.now)
            await scene.caller(400, judged=True)
            await scene.model(STOPPED, COMMITTED)
            assert len(scene.commands("create")) == 1

    tell(story())


def test_a_turn_in_silence_gets_one_answer() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(STARTED)
            await scene.caller(400)
            await scene.model(STOPPED, COMMITTED)
            assert scene.session.told == [("create",)]

    tell(story())


@pytest.mark.parametrize(("goes_on_ms", "answered"), [(400, True), (0, False)])
def test_what_begins_before_the_agents_end_counts_if_it_goes_on_after_it(goes_on_ms: int, answered: bool) -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(*answer(1000))
            await scene.passes(0.2)
            await scene.model(STARTED)
            await scene.caller(100)  # no hint: the gate heard nothing
            await scene.passes(0.9)
            assert scene.talk.turn.floor is Floor.OPEN
            await scene.caller(goes_on_ms)
            await scene.passes(0.5)
            await scene.model(STOPPED, COMMITTED)
            assert bool(scene.commands("create")) is answered

    tell(story())


def test_the_agent_ends_while_the_floor_is_contested() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(*answer(520))
            await scene.passes(0.5)
            await scene.model(STARTED)
            scene.talk.hint(scene.now)  # less than the ramp is left: it plays to its end
            await scene.caller(160, judged=True)
            assert scene.talk.turn.floor is Floor.OPEN
            await scene.caller(600, loud=False, judged=False)
            await scene.model(STOPPED, COMMITTED)
            assert len(scene.commands("create")) == 1
            await scene.model(*answer(300, "next"))
            await scene.passes(0.5)
            assert len(scene.heard) >= (500 + 300) * 8, "the next answer was held back"

    tell(story())


def test_a_caller_who_goes_on_before_the_answer_is_heard_gets_one_to_all_of_it() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(STARTED, STOPPED, COMMITTED)
            await scene.passes(0.3)
            await scene.model(BEGINS, STARTED)
            assert scene.session.told == [("create",), ("cancel",)]
            await scene.model(ResponseDone("response", "cancelled"), STOPPED, COMMITTED)
            assert scene.session.told == [("create",), ("cancel",), ("create",)]

    tell(story())


# --- a model that does not answer ------------------------------------------------------------------------------------
def lost(scene: Stage) -> list[str]:
    return [report.code for report in scene.reports if isinstance(report, Lost)]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param((COMMITTED,), id="no answer"),
        pytest.param((COMMITTED, BEGINS), id="begun, no audio"),
        pytest.param((COMMITTED, BEGINS, words(1000)), id="stopped half way"),
        pytest.param((COMMITTED, Reconnected("closed_1006")), id="forgotten over a reconnection"),
    ],
)
def test_a_stalled_model_is_lost(before: tuple[Event, ...]) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(*before)
            await scene.passes(11)
            assert lost(scene) == []
            await scene.passes(5)
            assert lost(scene) == ["stalled"]
            assert scene.heard.endswith(SORRY)

    tell(story())


@pytest.mark.parametrize("interruption", ["provider", "local"])
@pytest.mark.parametrize("last", [(), answer(500), (STARTED,), (STARTED, STOPPED, COMMITTED, *answer(500))])
def test_a_model_that_goes_mute_between_answers_is_lost(interruption: str, last: tuple[Event, ...]) -> None:
    async def story() -> None:
        async with stage(interruption) as scene:
            await scene.model(*last)
            await scene.passes(1)
            await scene.caller(800)
            await scene.passes(2)
            await scene.caller(800)
            await scene.passes(11)
            assert lost(scene) == []
            await scene.passes(3)
            assert lost(scene) == ["stalled"]
            assert scene.heard.endswith(SORRY)

    tell(story())


def test_a_model_that_hears_the_caller_begin_and_then_goes_mute_is_lost() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.caller(200)
            await scene.model(STARTED)
            await scene.caller(100)
            await scene.passes(11)
            assert lost(scene) == []
            await scene.passes(3)
            assert lost(scene) == ["stalled"]

    tell(story())


def test_a_model_may_pass_over_noises_and_echo() -> None:
    async def story() -> None:
        async with stage() as scene:
            for _ in range(5):
                await scene.caller(300)
                await scene.passes(15)
            await scene.caller(900)  # once, as long as a word: a cough, a door
            await scene.passes(60)
            for _ in range(10):  # a clatter
                await scene.caller(20)
                await scene.caller(200, loud=False)
            await scene.passes(15)
            await scene.model(COMMITTED, *answer(2000))
            await scene.passes(0.1)
            await scene.caller(1900)
            await scene.passes(60)
            assert lost(scene) == []

    tell(story())


def test_the_engine_may_look_in_while_the_conversation_ends(lines: Lines) -> None:
    """The model is left slowly: meanwhile an answer is overdue, and the session is no more."""

    async def story() -> None:
        async with stage(provider=ScriptedProvider(slow_to_leave_s=30.0)) as scene:
            await scene.model(COMMITTED)
            scene.session.dropped_ms = 60.0
            await scene.model(GONE)
            await scene.caller(500)
            heard = len(scene.session.heard)
            await scene.passes(20)  # looked in on every second
            scene.talk.greet()
            assert scene.session.told == [] and heard == 0
            await scene.passes(20)
            assert lost(scene) == ["gone"]
            assert scene.talk.counters()["uplink_dropped_ms"] == 60.0

    tell(story())


def test_between_a_stall_and_its_consequence_nothing_breaks() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(COMMITTED, BEGINS)
            scene.talk.watch(scene.now + 13)
            for _ in range(6):
                await asyncio.sleep(0)
                scene.talk._due.expect(scene.now)
                scene.talk.watch(scene.now + 13)
            await scene.passes(2)
            assert lost(scene) == ["stalled"]

    tell(story())


def test_no_greeting_is_waited_for_where_there_is_none() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.talk.agent = type(scene.talk.agent)("a", "m", "p", greeting="")
            scene.talk.greet()
            await scene.passes(60)
            assert lost(scene) == []

    tell(story())


def test_a_greeting_that_never_comes_is_a_stall() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.talk.greet()
            await scene.passes(16)
            assert lost(scene) == ["stalled"]

    tell(story())


def test_patience_begins_when_the_last_sample_is_played() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(COMMITTED, BEGINS, words(30_000))
            await scene.passes(41)  # played at 30, eleven seconds of patience
            assert lost(scene) == []
            await scene.passes(4)
            assert lost(scene) == ["stalled"]

    tell(story())


@pytest.mark.parametrize(
    "quiet",
    [
        pytest.param((), id="nobody has said anything"),
        pytest.param((COMMITTED, *answer(500)), id="answered"),
        pytest.param((COMMITTED, STARTED), id="the caller speaks on"),
        pytest.param((COMMITTED, BEGINS, ResponseDone("response", "cancelled")), id="cancelled"),
    ],
)
@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_no_stall_when_no_answer_is_due(interruption: str, quiet: tuple[Event, ...]) -> None:
    async def story() -> None:
        async with stage(interruption) as scene:
            await scene.model(*quiet)
            await scene.passes(60)
            assert lost(scene) == []

    tell(story())


def test_interrupted_by_the_provider_nothing_is_due() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(COMMITTED, BEGINS, Interrupted())
            await scene.passes(60)
            assert lost(scene) == []

    tell(story())


def test_while_the_caller_speaks_an_answer_may_pause() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(COMMITTED, BEGINS, words(1000))
            await scene.passes(0.2)
            await scene.model(STARTED)
            await scene.passes(60)
            assert lost(scene) == []
            await scene.model(STOPPED)
            await scene.passes(16)
            assert lost(scene) == ["stalled"]

    tell(story())


def test_a_slow_tool_is_no_stall_but_silence_after_it_is() -> None:
    async def story() -> None:
        tools = ("support.phone_tools:never", "support.phone_tools:opening_hours")
        async with stage(tools=tools, tool_timeout_s=40.0) as scene:
            slow, quick = ToolCall("1", "never", "{}"), ToolCall("2", "opening_hours", '{"day": "monday"}')
            await scene.model(COMMITTED, BEGINS, slow, quick, DONE)
            await scene.passes(39)
            assert [command[1] for command in scene.commands("result")] == ["2"]
            await scene.passes(12)
            assert [command[1] for command in scene.commands("result")] == ["2", "1"]
            assert lost(scene) == []
            await scene.passes(4)
            assert lost(scene) == ["stalled"]

    tell(story())


@pytest.mark.parametrize("tool", ["tuple_keys", "gives_up", "leaves"])
def test_after_a_tool_that_fails_silence_is_a_stall_and_the_model_was_told(tool: str) -> None:
    async def story() -> None:
        async with stage(tools=(f"support.phone_tools:{tool}",)) as scene:
            await scene.model(COMMITTED, BEGINS, ToolCall("1", tool, "{}"), DONE)
            ((_, _, output),) = scene.commands("result")
            assert "error" in str(output)
            await scene.passes(16)
            assert lost(scene) == ["stalled"]

    tell(story())


def test_a_quick_tool_returns_before_its_response_is_done_and_the_answer_is_still_due() -> None:
    async def story() -> None:
        async with stage(tools=("support.phone_tools:opening_hours",)) as scene:
            await scene.model(COMMITTED, BEGINS, ToolCall("1", "opening_hours", '{"day": "monday"}'))
            assert len(scene.commands("result")) == 1
            await scene.model(DONE)
            await scene.passes(16)
            assert lost(scene) == ["stalled"]

    tell(story())


# --- the end ---------------------------------------------------------------------------------------------------------
GOODBYE = ToolCall("end", "end_call", "{}")


def test_the_agent_hangs_up_when_its_last_words_were_heard() -> None:
    async def story() -> None:
        async with stage(receiver_buffer_ms=60.0) as scene:
            await scene.model(BEGINS, GOODBYE, words(400))
            await scene.passes(0.2)
            await scene.model(words(600), AudioDone("item", "response"), DONE)
            await scene.passes(0.81)
            assert len(scene.heard) == 8000
            assert not scene.told(HangUp), "the last frames are still in the caller's buffer"
            await scene.passes(0.1)
            assert len(scene.told(HangUp)) == 1

    tell(story())


def test_the_agent_hangs_up_without_a_word_and_only_once() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, GOODBYE, GOODBYE)
            await scene.passes(0.9)
            assert not scene.told(HangUp), "the response may still bring words"
            assert scene.commands("result") == []
            await scene.model(DONE)
            assert len(scene.commands("result")) == 1, "it has not said goodbye"
            await scene.passes(3.9)
            assert not scene.told(HangUp)
            await scene.passes(0.2)
            assert len(scene.told(HangUp)) == 1, "it had said goodbye before"

    tell(story())


def test_a_goodbye_may_come_when_the_call_is_answered() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, GOODBYE)  # and the answer goes on only with the result
            await scene.passes(1.1)
            assert [command[1] for command in scene.commands("result")] == ["end"]
            await scene.model(words(300), AudioDone("item", "response"), DONE)
            await scene.passes(0.2)
            assert not scene.told(HangUp), "the caller has not heard it all"
            await scene.passes(0.2)
            assert len(scene.told(HangUp)) == 1

    tell(story())


def test_an_answer_that_does_not_end_by_itself_is_not_waited_for() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(300), GOODBYE)
            await scene.passes(2.9)
            assert not scene.told(HangUp)
            await scene.passes(0.2)
            assert len(scene.told(HangUp)) == 1
            assert scene.commands("result") == []

    tell(story())


def test_an_agent_that_may_not_end_calls_is_told_so() -> None:
    async def story() -> None:
        async with stage(tools=()) as scene:
            await scene.model(BEGINS, GOODBYE, DONE)
            await scene.passes(1)
            assert not scene.told(HangUp)
            ((_, call, output),) = scene.commands("result")
            assert call == "end" and "no tool named" in str(output)

    tell(story())


@pytest.mark.parametrize("loss", [GONE, None])
def test_a_model_that_leaves_after_its_goodbye_is_not_excused(loss: Exception | None) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(600), GOODBYE, DONE, loss)
            await scene.passes(1)
            assert scene.heard == WORD * 4800
            assert len(scene.told(HangUp)) == 1 and not scene.told(Lost)

    tell(story())


def test_the_caller_hangs_up_before_the_agent_could() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(5000), GOODBYE, DONE)
            await scene.passes(1)
            scene.task.cancel()
            await settle()
            assert scene.task.cancelled()
            assert scene.provider.left == 1
            assert not scene.told(HangUp) and not scene.told(Lost)

    tell(story())


def test_on_hold_the_agent_hangs_up_all_the_same() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.held = True
            await scene.model(BEGINS, words(2000), GOODBYE, DONE)
            await scene.passes(16)
            assert not scene.told(HangUp)
            await scene.passes(2)
            assert len(scene.told(HangUp)) == 1

    tell(story())


# --- a model that is lost --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", [PCMU, PCMA, PCM16_8K, PCM16_24K])
def test_lost_in_mid_answer_the_caller_hears_why(source: AudioFormat) -> None:
    async def story() -> None:
        async with stage(source=source) as scene:
            await scene.model(BEGINS, words(4000))
            await scene.passes(0.21)
            before = len(scene.heard)
            await scene.model(GONE)
            assert not scene.told(Lost), "not before the caller has heard the reason"
            await scene.passes(0.38)
            assert not scene.told(Lost)
            await scene.passes(0.05)
            assert scene.told(Lost) == [Lost("call-1", "gone", "the connection broke")]
            spoken = scene.heard[before:]
            assert len(spoken) == pytest.approx(len(SORRY), abs=160)
            assert sum(sample in (0x21, 0x22, 0x23) for sample in spoken) > 0.9 * len(SORRY)
            assert scene.uplink.sink is None

    tell(story())


def test_lost_before_the_answer_it_says_so_at_once() -> None:
    async def story() -> None:
        scene = Stage(provider=ScriptedProvider(refuses=GONE))
        await settle()
        assert scene.reports == [Lost("call-1", "gone", "the connection broke")]
        await scene.leave()

    tell(story())


def test_a_session_that_merely_ends_is_lost_too() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(None)
            await scene.passes(1)
            assert lost(scene) == ["session-ended"]

    tell(story())


def test_the_caller_hangs_up_during_the_apology() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(GONE)
            await scene.passes(0.1)
            scene.task.cancel()
            await settle()
            assert scene.task.cancelled(), "a cancellation must not look like a failure"
            assert not scene.told(Lost)

    tell(story())


def test_on_hold_the_apology_does_not_last_for_ever() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.held = True
            await scene.model(GONE)
            await scene.passes(17)
            assert lost(scene) == ["gone"]

    tell(story())


def test_a_bug_is_not_swallowed() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(ZeroDivisionError())
            with pytest.raises(BaseExceptionGroup):
                await asyncio.wait_for(asyncio.shield(scene.task), 1)
            assert not scene.told(Lost)

    tell(story())


# --- small -----------------------------------------------------------------------------------------------------------
def test_greeted_once() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.talk.greet()
            scene.talk.greet()
            assert scene.session.told == [("greet",)]

    tell(story())


def test_who_spoke_first_and_is_being_answered_is_not_greeted() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(COMMITTED, BEGINS)
            scene.talk.greet()
            assert scene.session.told == []

    tell(story())


def test_what_is_said_is_written_down(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(CallerTranscript("caller", "Hel", False), CallerTranscript("caller", "Hello? ", True))
            await scene.model(
                *answer(100), AgentTranscript("item", "Good ", False), AgentTranscript("item", "Hi", True)
            )
            await scene.model(Usage(10, 20), Usage(1, 2), Fault("odd", "something odd"))
            await scene.passes(0.5)
            scene.session.dropped_ms = 40.0
            counters = scene.talk.counters()
            assert (counters["input_tokens"], counters["output_tokens"]) == (11, 22)
            assert counters["uplink_dropped_ms"] == 40.0

    tell(story())
    assert [(line["speaker"], line["text"]) for line in named(lines, "transcript")] == [
        ("caller", "Hello?"),
        ("agent", "Hi"),
    ]
    assert [line["code"] for line in named(lines, "provider.fault")] == ["odd"]


def test_what_becomes_of_sessions_is_written_down_and_counted(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(TookOver("second", "first"), *answer(100), RolledOver(), RolledOver())
            await scene.model(Reconnected("closed_1006"), TookOver("third", "second"))
            counters = scene.talk.counters()
            assert (counters["rollovers"], counters["reconnects"], counters["failovers"]) == (2, 1, 2)

    tell(story())
    assert [line for line in lines if str(line["event"]).startswith("provider.")] == [
        {
            "event": "provider.took_over",
            "log_level": "warning",
            "call": "call-1",
            "model": "second",
            "instead_of": "first",
        },
        {"event": "provider.rolled_over", "log_level": "info", "call": "call-1"},
        {"event": "provider.rolled_over", "log_level": "info", "call": "call-1"},
        {"event": "provider.reconnected", "log_level": "warning", "call": "call-1", "reason": "closed_1006"},
        {
            "event": "provider.took_over",
            "log_level": "warning",
            "call": "call-1",
            "model": "third",
            "instead_of": "second",
        },
    ]


def test_the_model_that_took_over_has_its_own_price() -> None:
    async def story() -> None:
        prices: dict[str, Price | None] = {"first": Price(text_output=1.0), "second": Price(text_output=10.0)}
        async with stage(price=prices["first"], prices=prices) as scene:
            await scene.model(Usage(0, 1000), TookOver("second", "first"), Usage(0, 1000))
            assert scene.talk.counters()["cost_usd"] == pytest.approx(0.001 + 0.01)

    tell(story())


# --- limits and empty answers ----------------------------------------------------------------------------------------
def test_a_call_that_has_lasted_long_enough_ends_with_a_goodbye(lines: Lines) -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_call_s=5.0)) as scene:
            scene.talk.greet()
            await scene.model(*answer(300, "greeting"))
            await scene.passes(4.5)
            assert scene.commands("instruct") == []
            await scene.passes(1.5)
            ((_, said),) = scene.commands("instruct")
            assert "goodbye" in str(said)
            assert scene.told(HangUp) == []
            await scene.model(*answer(400, "goodbye"))
            await scene.passes(0.3)
            assert scene.told(HangUp) == [], "the caller has not heard it all"
            await scene.passes(0.3)
            assert scene.told(HangUp) == [HangUp("call-1", "a limit of the call is reached", "max-duration")]
            await scene.passes(20.0)
            assert len(scene.told(HangUp)) == 1

    tell(story())
    assert named(lines, "limit")[0]["reason"] == "max-duration"


def test_a_goodbye_that_is_not_said_is_not_waited_for_for_ever() -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_cost=1.0), price=Price(text_output=1.0)) as scene:
            scene.talk.greet()
            await scene.model(Usage(0, 900_000), *answer(100))
            await scene.passes(2.0)
            assert scene.commands("instruct") == []
            await scene.model(Usage(0, 200_000))
            await scene.passes(9.0)
            assert scene.commands("instruct") and scene.told(HangUp) == []
            await scene.passes(3.0)
            assert scene.told(HangUp) == [HangUp("call-1", "a limit of the call is reached", "max-cost")]
            assert scene.talk.counters()["cost_usd"] == pytest.approx(1.1)

    tell(story())


def test_a_model_that_takes_no_texts_is_not_waited_for_at_a_limit() -> None:
    async def story() -> None:
        async with stage(provider=ScriptedProvider(text_input=False), limits=Limits(max_call_s=2.0)) as scene:
            scene.talk.greet()
            await scene.passes(1.5)
            await scene.model(BEGINS, words(900))
            await scene.passes(0.6)
            assert scene.told(HangUp) == []
            await scene.model(AudioDone("item", "response"), DONE)
            await scene.passes(1.0)
            assert scene.commands("instruct") == []
            assert scene.told(HangUp) == [HangUp("call-1", "a limit of the call is reached", "max-duration")]

    tell(story())


def test_lost_in_its_goodbye_it_was_still_the_limit_that_ended_the_call() -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_call_s=2.0)) as scene:
            scene.talk.greet()
            await scene.passes(3.0)
            await scene.model(BEGINS, words(100), GONE)
            await scene.passes(1.0)
            assert scene.told(HangUp) == [HangUp("call-1", "a limit of the call is reached", "max-duration")]
            assert scene.told(Lost) == []

    tell(story())


def test_the_answer_under_way_is_finished_before_the_goodbye() -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_call_s=2.0)) as scene:
            scene.talk.greet()
            await scene.passes(1.5)
            await scene.model(BEGINS, words(500))
            await scene.passes(1.5)
            assert scene.commands("instruct") == []
            await scene.model(AudioDone("item", "response"), DONE, *answer(1000, "more"))
            await scene.passes(0.9)
            assert scene.commands("instruct") == [], "the caller has not heard it all"
            await scene.passes(0.2)
            assert len(scene.commands("instruct")) == 1

    tell(story())


def test_an_empty_answer_is_asked_for_once_more_and_then_the_model_is_given_up(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, DONE)
            assert len(scene.commands("create")) == 1
            await scene.model(*answer(100))  # heard after all: the count begins anew
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, DONE)
            assert len(scene.commands("create")) == 2
            assert not scene.told(Lost)
            await scene.model(BEGINS, DONE)
            await scene.passes(3.0)
            assert [lost.code for lost in scene.told(Lost)] == ["empty-answers"]

    tell(story())
    assert len(named(lines, "provider.empty_answer")) == 2


@pytest.mark.parametrize("said", [[], [words(100)]])
def test_an_answer_that_fails_is_asked_for_once_more_and_then_the_model_is_given_up(
    said: list[Event], lines: Lines
) -> None:
    fails = ResponseDone("response", "failed", "rate_limit_exceeded")

    async def story() -> None:
        async with stage() as scene:
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, *said, fails)
            assert len(scene.commands("create")) == 1
            await scene.model(*answer(100))  # it works again: the count begins anew
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, *said, fails)
            assert len(scene.commands("create")) == 2
            assert not scene.told(Lost)
            await scene.model(BEGINS, *said, fails)
            await scene.passes(3.0)
            assert [lost.code for lost in scene.told(Lost)] == ["rate_limit_exceeded"]

    tell(story())
    assert len(named(lines, "provider.response")) == 3


def test_an_answer_that_fails_without_a_reason_says_at_least_that() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.session.renewable = True
            fails = ResponseDone("response", "failed")
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, fails, BEGINS, fails)
            assert scene.commands("renew") == [("renew", "failed-answers")]

    tell(story())


@pytest.mark.parametrize("end", [ResponseDone("response", "cancelled"), ResponseDone("response", "incomplete", "x")])
def test_an_answer_that_was_stopped_is_not_an_empty_one(end: Event) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(STARTED, STOPPED, COMMITTED, BEGINS, end, BEGINS, end)
            assert scene.commands("create") == []

    tell(story())


def test_a_session_that_can_be_renewed_is_not_given_up() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.session.renewable = True
            await scene.model(STARTED, STOPPED, COMMITTED)
            await scene.passes(14.0)
            assert scene.commands("renew") == [("renew", "stalled")]
            await scene.model(Reconnected("stalled"), *answer(100))
            await scene.passes(30.0)
            assert scene.commands("renew") == [("renew", "stalled")]
            assert not scene.told(Lost)

    tell(story())


def test_a_renewed_session_that_is_as_mute_is_not_waited_for_for_ever() -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.session.renewable = True
            await scene.model(STARTED, STOPPED, COMMITTED)
            await scene.passes(14.0)
            await scene.model(Reconnected("stalled"))
            scene.session.renewable = False
            await scene.passes(11.0)
            assert not scene.told(Lost)
            await scene.passes(4.0)
            assert scene.commands("renew") == [("renew", "stalled"), ("renew", "stalled")]
            assert [lost.code for lost in scene.told(Lost)] == ["stalled"]

    tell(story())


def test_a_voice_that_is_not_heeded_twice_may_have_been_a_noise() -> None:
    """Another session is asked to heed it, but nobody insists on an answer."""

    async def story() -> None:
        async with stage() as scene:
            scene.session.renewable = True
            for _ in range(2):
                await scene.caller(600)
                await scene.passes(1.0)
            await scene.passes(13.0)
            assert scene.commands("renew") == [("renew", "stalled")]
            await scene.model(Reconnected("stalled"))
            scene.session.renewable = False
            await scene.passes(60.0)
            assert not scene.told(Lost)

    tell(story())


def test_what_was_said_of_an_answer_that_broke_off_is_in_the_minutes(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, AgentTranscript("item", "We are open", final=False), words(300))
            await scene.passes(0.1)
            await scene.model(Reconnected("gone"))
            await scene.passes(0.5)
            await scene.model(*answer(100, "anew"), AgentTranscript("anew", "We are open until five.", final=True))
            await scene.passes(0.5)

    tell(story())
    first, second = named(lines, "transcript")
    assert (first["item"], first["text"], first["broken_off"]) == ("item", "We are open", True)
    assert (second["text"], "broken_off" in second) == ("We are open until five.", False)


def test_a_service_that_does_nothing_but_err_does_not_fill_the_log(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(*[Fault("malformed", "?")] * 500, Fault("server_error", "!"))
            assert scene.talk.counters()["provider_faults"] == 501

    tell(story())
    codes = [line["code"] for line in named(lines, "provider.fault")]
    assert (codes.count("malformed"), codes.count("server_error")) == (25, 1)


@pytest.mark.parametrize("ms", [300, 310])
def test_an_answer_that_stalls_within_a_packet_stalls_all_the_same(ms: int, lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            scene.session.renewable = True
            await scene.model(BEGINS, AgentTranscript("item", "We are open", final=False), words(ms))
            await scene.passes(14.0)
            assert scene.commands("renew") == [("renew", "stalled")]
            before = scene.heard
            await scene.model(Reconnected("stalled"))
            await scene.passes(0.5)
            assert scene.heard == before, "a click"
            assert scene.talk.turn.floor is Floor.OPEN
            await scene.model(*answer(100, "anew"))
            await scene.passes(0.5)
            assert scene.heard == before + WORD * 800

    tell(story())
    assert [line["item"] for line in named(lines, "transcript")] == ["item"]


def test_what_was_heard_of_the_last_answer_is_in_the_minutes_when_the_model_is_lost(lines: Lines) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, AgentTranscript("item", "We are open until five", final=False), words(400))
            await scene.passes(0.2)
            await scene.model(GONE)
            await scene.passes(2.0)
            assert [lost.code for lost in scene.told(Lost)] == ["gone"]

    tell(story())
    (said,) = named(lines, "transcript")
    assert (said["text"], said["heard_text"], said["interrupted"]) == ("We are open until five", "We are open", True)
