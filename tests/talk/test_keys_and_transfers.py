"""Stories of keys, transfers and hold, told in virtual time."""

import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaproviders.contract import (
    AudioDone,
    Event,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
)
from mediaserver.talk.budget import Limits
from mediaserver.talk.digits import DigitSettings
from mediaserver.talk.orders import HangUp, KeysWanted, Lost, TransferWanted
from mediaserver.talk.transfer import Transfer
from mediaserver.talk.transferring import ANNOUNCE, TRY_YOURSELF
from mediaserver.talk.turn import Floor
from support.scripted_model import ScriptedProvider
from support.stage import Stage, words
from support.virtual_time import tell

type Lines = list[MutableMapping[str, Any]]

GONE = ProviderError("the connection broke", code="gone", retryable=True)
STARTED, STOPPED = SpeechStarted("caller", 0), SpeechStopped("caller", 0)
COMMITTED = TurnCommitted("caller")
BEGINS, DONE = ResponseStarted("response"), ResponseDone("response", "completed")
TELL = DigitSettings(send=True)
GATHER = DigitSettings(send=True, collect=True)
TOOLS = ("end_call", "transfer_call", "press_keys")
WISH = ToolCall("t1", "transfer_call", '{"phone": "+4930123"}')


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


@asynccontextmanager
async def stage(*args: Any, **settings: Any) -> AsyncIterator[Stage]:
    scene = Stage(*args, **({"tools": TOOLS} | settings))
    try:
        await scene.media()
        yield scene
    finally:
        await scene.leave()


def answer(ms: int, item: str = "item") -> tuple[Event, ...]:
    return BEGINS, words(ms, item), AudioDone(item, "response"), DONE


def keyed(scene: Stage, keys: str) -> None:
    for key in keys:
        scene.talk.digit(key)


# --- the caller's keys -----------------------------------------------------------------------------------------------
def test_each_key_is_told_as_the_callers_message() -> None:
    async def story() -> None:
        async with stage(digits=TELL) as scene:
            keyed(scene, "1#!")
            assert scene.session.told == [("text", "DTMF-1"), ("text", "DTMF-#")]  # a flash is no digit

    tell(story())


def test_keys_are_gathered_until_nothing_more_comes(lines: Lines) -> None:
    async def story() -> None:
        async with stage(digits=GATHER) as scene:
            keyed(scene, "12")
            await scene.passes(1.9)
            keyed(scene, "3")
            await scene.passes(1.9)
            assert scene.session.told == []
            await scene.passes(0.2)
            assert scene.session.told == [("text", "DTMF-123")]
            keyed(scene, "45#")
            assert scene.session.told[1:] == [("text", "DTMF-45")]
            await scene.passes(10)
            assert len(scene.session.told) == 2

    tell(story())
    assert "123" not in json.dumps([{**line, "item": None} for line in lines], default=str)  # they may be a secret


def test_an_agent_that_does_not_ask_for_keys_is_not_told() -> None:
    async def story() -> None:
        async with stage() as scene:
            keyed(scene, "1")
            await scene.passes(3)
            assert scene.session.told == []

    tell(story())


def test_a_model_that_only_hears_is_not_told(lines: Lines) -> None:
    async def story() -> None:
        async with stage(digits=TELL, provider=ScriptedProvider(text_input=False)) as scene:
            keyed(scene, "1")
            assert scene.session.told == []

    tell(story())
    assert [line for line in lines if line["event"] == "digits.unavailable"]


@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_a_key_interrupts_the_agent_if_it_may(interruption: str) -> None:
    async def story() -> None:
        async with stage(interruption, digits=DigitSettings(send=True, collect=True, barge_in=True)) as scene:
            await scene.model(*answer(3000))
            await scene.passes(1.01)
            keyed(scene, "1")
            assert [command[0] for command in scene.session.told] == ["cancel", "truncate"]
            assert scene.talk.turn.floor is Floor.CALLER
            frames = len(scene.heard)
            await scene.passes(1)
            assert len(scene.heard) == frames
            keyed(scene, "#")
            assert scene.session.told[-1] == ("text", "DTMF-1")
            await scene.model(*answer(200, "next"))
            await scene.passes(1)
            assert len(scene.heard) == frames + 1600

    tell(story())


def test_a_key_does_not_interrupt_the_agent_if_it_may_not() -> None:
    async def story() -> None:
        async with stage(digits=TELL) as scene:
            await scene.model(*answer(2000))
            await scene.passes(0.5)
            keyed(scene, "1")
            await scene.passes(2)
            assert len(scene.heard) == 16000
            assert scene.session.told == [("text", "DTMF-1")]

    tell(story())


def test_a_model_that_does_not_answer_a_key_is_lost() -> None:
    async def story() -> None:
        async with stage(digits=TELL) as scene:
            keyed(scene, "1")
            await scene.passes(20)
            assert [report.code for report in scene.told(Lost)] == ["stalled"]  # type: ignore[attr-defined]

    tell(story())


def test_keys_of_a_call_that_is_over_are_told_to_nobody() -> None:
    async def story() -> None:
        scene = Stage(digits=GATHER)
        await scene.media()
        keyed(scene, "1")
        await scene.leave()
        keyed(scene, "2")
        assert scene.session.told == []

    tell(story())


# --- keys the agent presses ------------------------------------------------------------------------------------------
def test_keys_are_wanted_of_signalling_and_answered() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, ToolCall("k1", "press_keys", '{"keys": "1w2#"}'), DONE)
            assert scene.told(KeysWanted) == [KeysWanted("call-1", "k1", "1w2#")]
            await scene.passes(60)  # nobody is waited for meanwhile
            scene.talk.outcome("k1", "pressed")
            scene.talk.outcome("k1", "pressed")
            scene.talk.outcome("unknown", "pressed")
            assert scene.session.told == [("result", "k1", "pressed")]
            await scene.passes(20)
            assert len(scene.told(Lost)) == 1  # but for the model's answer to that

    tell(story())


def test_what_cannot_be_pressed_is_answered_at_once() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, ToolCall("k1", "press_keys", '{"keys": "one"}'), DONE)
            assert scene.told(KeysWanted) == []
            ((_, call, text),) = scene.session.told
            assert call == "k1" and "keys has to be" in str(text)

    tell(story())


def test_tools_the_agent_does_not_have_are_not_there() -> None:
    async def story() -> None:
        async with stage(tools=("end_call",)) as scene:
            await scene.model(BEGINS, ToolCall("k1", "press_keys", '{"keys": "1"}'), WISH, DONE)
            assert scene.told(KeysWanted) == scene.told(TransferWanted) == []
            assert [("no tool named" in str(told[2])) for told in scene.session.told] == [True, True]

    tell(story())


# --- transfers -------------------------------------------------------------------------------------------------------
def test_the_words_that_announce_it_are_heard_before_the_transfer() -> None:
    async def story() -> None:
        headers = {"X-Reason": "pain"}
        settings = Transfer(valid_numbers=("+4930123",), headers=headers, style="invite", wait_result=False)
        async with stage(transfer=settings) as scene:
            await scene.model(BEGINS, words(1000), AudioDone("item", "response"), WISH, DONE)
            await scene.passes(0.9)
            assert scene.told(TransferWanted) == []
            await scene.passes(0.2)
            assert scene.told(TransferWanted) == [
                TransferWanted("call-1", "t1", "+4930123", headers, "invite", wait_result=False)
            ]
            assert len(scene.heard) == 8000 and scene.session.told == []

    tell(story())


def test_a_model_that_calls_before_it_speaks_is_brought_to_speak() -> None:
    async def story() -> None:
        async with stage(transfer=Transfer(default_message="One moment.")) as scene:
            await scene.model(BEGINS, WISH)
            await scene.passes(1.1)
            assert scene.session.told == [("result", "t1", f"{ANNOUNCE} Say: One moment.")]
            await scene.model(words(500), AudioDone("item", "response"), DONE)
            await scene.passes(0.3)
            assert scene.told(TransferWanted) == []
            await scene.passes(0.3)
            assert len(scene.told(TransferWanted)) == 1
            scene.talk.outcome("t1", "busy")
            assert scene.session.told[1:] == [("instruct", "What came of the transfer: busy")]

    tell(story())


def test_a_model_that_takes_no_text_is_not_brought_to_speak_and_gets_its_one_answer() -> None:
    async def story() -> None:
        async with stage(provider=ScriptedProvider(text_input=False)) as scene:
            await scene.model(BEGINS, WISH, DONE)
            await scene.passes(2)
            assert len(scene.told(TransferWanted)) == 1
            assert scene.session.told == []
            scene.talk.outcome("t1", "busy")
            assert scene.session.told == [("result", "t1", "busy")]

    tell(story())


def test_a_transfer_that_fails_gives_the_caller_back_to_the_agent() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(200), AudioDone("item", "response"), WISH, DONE)
            await scene.passes(60)  # it rings; nobody counts that as a stall
            assert len(scene.told(TransferWanted)) == 1 and scene.told(Lost) == []
            scene.talk.outcome("t1", "486 Busy Here")
            assert scene.session.told == [("result", "t1", "486 Busy Here")]
            heard = len(scene.heard)
            await scene.model(*answer(300, "sorry"))
            await scene.passes(1)
            assert len(scene.heard) == heard + 2400
            await scene.model(ToolCall("t2", "transfer_call", '{"phone": "+4930124"}'))
            await scene.passes(5)
            assert [report.target for report in scene.told(TransferWanted)] == ["+4930123", "+4930124"]  # type: ignore[attr-defined]

    tell(story())


def test_while_it_is_under_way_the_caller_is_heard_and_the_agent_is_not() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(200), AudioDone("item", "response"), WISH, DONE)
            await scene.passes(1)
            heard, listened = len(scene.heard), len(scene.session.heard)
            await scene.caller(400)
            await scene.model(STARTED, STOPPED, COMMITTED, *answer(500, "chatter"))
            await scene.passes(1)
            assert len(scene.heard) == heard
            assert len(scene.session.heard) == listened + 20
            assert scene.session.told == [("cancel",), ("truncate", "chatter", 0)]
            assert scene.told(Lost) == []

    tell(story())


def test_under_local_interruption_nothing_is_asked_for_meanwhile() -> None:
    async def story() -> None:
        async with stage("local") as scene:
            await scene.model(BEGINS, words(200), AudioDone("item", "response"), WISH, DONE)
            await scene.passes(1)
            await scene.model(STARTED, STOPPED, COMMITTED)
            assert scene.commands("create") == []
            scene.talk.outcome("t1", "busy")
            await scene.model(*answer(200, "sorry"))
            await scene.passes(1)
            assert len(scene.heard) == 3200

    tell(story())


@pytest.mark.parametrize("name", ["end_call", "transfer_call"])
def test_nothing_else_is_begun_meanwhile(name: str) -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(200), WISH, ToolCall("2", name, WISH.arguments), DONE)
            await scene.passes(30)
            assert len(scene.told(TransferWanted)) == 1 and scene.told(HangUp) == []
            ((_, call, text),) = scene.session.told
            assert call == "2" and "under way" in str(text)

    tell(story())


def test_after_its_goodbye_the_agent_transfers_nobody() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(200), ToolCall("1", "end_call", "{}"), WISH, DONE)
            await scene.passes(5)
            assert scene.told(TransferWanted) == [] and len(scene.told(HangUp)) == 1

    tell(story())


def test_a_number_that_is_not_allowed_is_refused_with_those_that_are() -> None:
    async def story() -> None:
        async with stage(transfer=Transfer(valid_numbers=("110", "112"))) as scene:
            await scene.model(BEGINS, WISH, DONE)
            await scene.passes(3)
            assert scene.told(TransferWanted) == []
            ((_, call, text),) = scene.session.told
            assert call == "t1" and "allowed are 110, 112" in str(text)

    tell(story())


def test_the_first_wish_may_be_ignored() -> None:
    async def story() -> None:
        async with stage(transfer=Transfer(ignore_first=True)) as scene:
            await scene.model(BEGINS, WISH, DONE)
            assert scene.session.told == [("result", "t1", TRY_YOURSELF)]
            await scene.model(BEGINS, words(100), ToolCall("t2", "transfer_call", WISH.arguments), DONE)
            await scene.passes(2)
            assert [report.tool_call for report in scene.told(TransferWanted)] == ["t2"]  # type: ignore[attr-defined]

    tell(story())


def test_a_limit_waits_for_the_transfer() -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_call_s=5)) as scene:
            scene.talk.greet()
            await scene.model(*answer(100))
            await scene.model(BEGINS, words(100, "moment"), WISH, DONE)
            await scene.passes(30)
            assert scene.told(HangUp) == []
            scene.talk.outcome("t1", "busy")
            await scene.model(*answer(200, "sorry"))
            await scene.passes(30)
            assert [report.reason for report in scene.told(HangUp)] == ["max-duration"]  # type: ignore[attr-defined]

    tell(story())


def test_a_model_lost_meanwhile_is_told_of_only_if_the_transfer_fails() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(BEGINS, words(100), WISH, DONE)
            await scene.passes(2)
            await scene.model(GONE)
            await scene.passes(5)
            assert scene.told(Lost) == []
            scene.talk.outcome("t1", "busy")
            await scene.passes(2)
            assert len(scene.told(Lost)) == 1
            assert b"\x22" in scene.heard  # and the caller is told that we are sorry

    tell(story())


def test_the_conversation_is_retired_and_what_it_has_said_is_heard() -> None:
    async def story() -> None:
        async with stage(limits=Limits(max_call_s=3)) as scene:
            scene.talk.greet()
            await scene.model(BEGINS, words(1010))
            scene.talk.retire()
            scene.task.cancel()
            await scene.passes(2)
            assert len(scene.heard) == 8160 and scene.playout.current is None
            scene.uplink.take(b"\x10" * 160, scene.now)
            assert scene.session.heard == []
            await scene.passes(30)
            assert scene.told(Lost) == scene.told(HangUp) == []
            assert scene.provider.left == 1

    tell(story())


# --- hold ------------------------------------------------------------------------------------------------------------
def test_a_sentence_goes_on_after_the_hold_from_where_it_was() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(*answer(2000))
            await scene.passes(0.5)
            heard = len(scene.heard)
            scene.held = True
            scene.talk.hold(True)
            await scene.passes(120)
            assert len(scene.heard) == heard and scene.told(Lost) == []
            scene.held = False
            scene.talk.hold(False)
            await scene.passes(2)
            assert len(scene.heard) == 16000
            assert scene.session.told == []

    tell(story())


def test_nothing_is_waited_for_on_hold_and_everything_after_it() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(STARTED, STOPPED, COMMITTED)
            scene.held = True
            scene.talk.hold(True)
            scene.talk.hold(True)
            await scene.passes(300)
            assert scene.told(Lost) == []
            scene.held = False
            scene.talk.hold(False)
            await scene.passes(10)
            assert scene.told(Lost) == []
            await scene.passes(5)
            assert [report.code for report in scene.told(Lost)] == ["stalled"]  # type: ignore[attr-defined]

    tell(story())


def test_an_answer_that_comes_on_hold_is_heard_after_it() -> None:
    async def story() -> None:
        async with stage() as scene:
            await scene.model(STARTED, STOPPED, COMMITTED)
            scene.held = True
            scene.talk.hold(True)
            await scene.model(*answer(1000))
            await scene.passes(60)
            assert scene.heard == b""
            scene.held = False
            scene.talk.hold(False)
            await scene.passes(2)
            assert len(scene.heard) == 8000 and scene.told(Lost) == []

    tell(story())
