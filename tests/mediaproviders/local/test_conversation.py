"""A whole conversation with workers that answer from tables: no models, and no clock but the audio."""

from typing import Literal

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    CallerTranscript,
    Fault,
    Interrupted,
    Interruption,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    ToolCall,
)
from support.localmodel import TableWorkers, brief, kinds, ms_of, only, session, silence, turn, voice

HOURS = "What are your opening hours?"


async def test_the_greeting_is_the_briefs() -> None:
    async with session(brief(greeting="Good day. Speak."), TableWorkers()) as talk:
        talk.conversation.greet()
        events = await talk.settle()
    assert kinds(events) == [
        "ResponseStarted",
        "AgentTranscript", "Audio", "AgentTranscript", "Audio",
        "AudioDone", "AgentTranscript", "ResponseDone",
    ]  # fmt: skip
    pieces = [event for event in events if isinstance(event, AgentTranscript)]
    assert "".join(piece.text for piece in pieces if not piece.final) == pieces[-1].text == "Good day. Speak."
    assert ms_of(events) == 50 * len("Good day.Speak.") + 200


async def test_nobody_is_greeted_without_a_greeting() -> None:
    async with session(brief(), TableWorkers()) as talk:
        talk.conversation.greet()
        assert await talk.settle() == []


async def test_a_question_is_heard_and_answered() -> None:
    async with session(brief(), TableWorkers([HOURS])) as talk:
        events = await talk.hears(silence(200) + turn())
    assert kinds(events)[:5] == [
        "SpeechStarted",
        "SpeechStopped",
        "TurnCommitted",
        "CallerTranscript",
        "ResponseStarted",
    ]
    item = only(events, SpeechStarted).item
    assert only(events, CallerTranscript) == CallerTranscript(item, HOURS, final=True)
    assert "eight in the morning" in "".join(e.text for e in events if isinstance(e, AgentTranscript))
    assert only(events, ResponseDone).status == "completed"


async def test_the_first_sentence_does_not_wait_for_the_second() -> None:
    workers = TableWorkers()
    async with session(brief(greeting="First. Second."), workers) as talk:
        say, gate = workers.say, workers.may_say

        async def say_one(*args: object) -> bytes:
            sound = await say(*args)  # type: ignore[arg-type]
            gate.clear()
            return sound

        workers.say = say_one  # type: ignore[method-assign,assignment]
        talk.conversation.greet()
        assert kinds(await talk.settle()) == ["ResponseStarted", "AgentTranscript", "Audio"]
        gate.set()
        assert "AudioDone" in kinds(await talk.settle())


async def test_recognition_begins_before_the_turn_ends_and_is_not_repeated() -> None:
    workers = TableWorkers([HOURS])
    async with session(brief(), workers) as talk:
        await talk.hears(silence(1000) + voice(800) + silence(240))
        assert len(workers.recognised) == 1
        await talk.hears(silence(400))
    assert len(workers.recognised) == 1
    # The turn, 220 ms of the silence after it, and some 300 ms of what came before.
    assert 1250 <= workers.recognised[0] <= 1400


async def test_a_guess_is_void_when_the_caller_goes_on() -> None:
    workers = TableWorkers([HOURS, HOURS])
    workers.may_hear.clear()
    async with session(brief(), workers) as talk:
        await talk.hears(voice(400) + silence(300) + voice(400) + silence(600))
        workers.may_hear.set()
        events = await talk.settle()
    assert len(workers.recognised) == 2 and workers.recognised[1] > workers.recognised[0]
    assert only(events, CallerTranscript).text == HOURS


async def test_two_turns_before_an_answer_are_answered_as_one() -> None:
    workers = TableWorkers(["I would like to know your", "address"])
    workers.may_hear.clear()
    async with session(brief(), workers) as talk:
        await talk.hears(turn() + turn())
        workers.may_hear.set()
        events = await talk.settle()
    assert "Garden Street" in next(e.text for e in events if isinstance(e, AgentTranscript))
    assert kinds(events).count("ResponseStarted") == 1


async def interrupted_story(interruption: Interruption) -> tuple[list[str], list[str], bool]:
    """The story is being made when the caller speaks: events until then, events after, and whether it was stopped."""
    workers = TableWorkers(["tell me a story", "stop"])
    async with session(brief(interruption=interruption), workers) as talk:
        before = await talk.hears(turn())
        if interruption == "local":
            assert "ResponseStarted" not in kinds(before)
            talk.conversation.create_response()
            before += await talk.settle()
        after = await talk.hears(turn())
    return kinds(before), kinds(after), any(isinstance(event, Interrupted) for event in after)


async def test_the_provider_interrupts_itself_while_its_words_are_in_the_air() -> None:
    before, after, stopped = await interrupted_story("provider")
    assert before[-1] == "ResponseDone" and stopped
    assert after[:2] == ["SpeechStarted", "Interrupted"] and "ResponseStarted" in after


async def test_under_local_it_neither_stops_nor_answers_by_itself() -> None:
    _, after, stopped = await interrupted_story("local")
    assert not stopped
    assert after == ["SpeechStarted", "SpeechStopped", "TurnCommitted", "CallerTranscript"]


@pytest.mark.parametrize("interruption", ["provider", "local"])
async def test_an_answer_in_the_making(interruption: Literal["provider", "local"]) -> None:
    workers = TableWorkers(["", ""])
    workers.may_say.clear()
    async with session(brief(greeting="Hello there.", interruption=interruption), workers) as talk:
        talk.conversation.greet()
        await talk.settle()
        events = await talk.hears(voice(200))
        workers.may_say.set()
        events += await talk.settle()
    if interruption == "provider":
        assert kinds(events) == ["SpeechStarted", "Interrupted", "ResponseDone"]
        assert only(events, ResponseDone).status == "cancelled"
    else:
        assert only(events, ResponseDone).status == "completed" and ms_of(events) > 0


async def test_an_answer_long_over_is_not_interrupted() -> None:
    async with session(brief(greeting="Hi."), TableWorkers(["x"])) as talk:
        talk.conversation.greet()
        await talk.settle()
        events = await talk.hears(silence(2000) + voice(300))
    assert kinds(events) == ["SpeechStarted"]


async def test_cancel_takes_back_audio_that_was_not_read() -> None:
    workers = TableWorkers()
    async with session(brief(greeting="One. Two."), workers) as talk:
        workers.may_say.clear()
        talk.conversation.greet()
        await talk.settle()
        talk.conversation.cancel()
        workers.may_say.set()
        events = await talk.settle()
        talk.conversation.cancel()
        assert kinds(events) == ["ResponseDone"] and await talk.settle() == []
        assert only(events, ResponseDone).status == "cancelled"


async def test_under_local_only_the_last_turn_is_answered() -> None:
    workers = TableWorkers(["what is the price", "what is your address"])
    async with session(brief(interruption="local"), workers) as talk:
        await talk.hears(turn() + turn())
        talk.conversation.create_response()
        events = await talk.settle()
    assert "Garden Street" in next(e.text for e in events if isinstance(e, AgentTranscript))


async def test_a_second_response_at_a_time_is_a_fault() -> None:
    workers = TableWorkers()
    workers.may_say.clear()
    async with session(brief(greeting="Hello.", interruption="local"), workers) as talk:
        talk.conversation.greet()
        talk.conversation.create_response()
        assert only(await talk.settle(), Fault).code == "response-active"


async def test_a_tool_is_called_and_its_result_spoken() -> None:
    async with session(brief("get_time"), TableWorkers(["What time is it?"])) as talk:
        events = await talk.hears(turn())
        call = only(events, ToolCall)
        assert call.name == "get_time" and only(events, ResponseDone).status == "completed"
        talk.conversation.send_tool_result(call.call, '{"result": "noon"}')
        events = await talk.settle()
        assert any(isinstance(e, AgentTranscript) and e.text == "It is noon." for e in events)
        talk.conversation.send_tool_result(call.call, "again")
        assert only(await talk.settle(), Fault).code == "unknown-call"


@pytest.mark.parametrize("tools", [("end_call",), ()])
async def test_goodbye_hangs_up_if_it_can(tools: tuple[str, ...]) -> None:
    async with session(brief(*tools), TableWorkers(["goodbye"])) as talk:
        events = await talk.hears(turn())
    assert [e.name for e in events if isinstance(e, ToolCall)] == list(tools)
    assert kinds(events).index("AudioDone") < len(events) - 1 - len(tools)


async def test_typed_text_is_answered() -> None:
    async with session(brief(), TableWorkers()) as talk:
        talk.conversation.send_text("1 2 3")
        events = await talk.settle()
    assert any(isinstance(e, AgentTranscript) and e.text == "You said 1 2 3." for e in events)


async def test_truncate_keeps_what_was_heard() -> None:
    async with session(brief(greeting="One two three four five."), TableWorkers()) as talk:
        talk.conversation.greet()
        done = only(await talk.settle(), AudioDone)
        talk.conversation.truncate(done.item, 480)
        assert talk.conversation._dialogue.history[-1] == Said("agent", "One two")
        talk.conversation.truncate("nobody", 1)
        assert only(await talk.settle(), Fault).code == "unknown-item"


@pytest.mark.parametrize("trouble", ["busy", "broken"])
async def test_overload_is_a_fault_and_an_apology(trouble: str) -> None:
    workers = TableWorkers([HOURS], at_hand={"Sorry, I am too busy just now."})
    async with session(brief(), workers) as talk:
        await talk.settle()
        setattr(workers, trouble, True)
        events = await talk.hears(turn())
    code = "busy" if trouble == "busy" else "worker"
    assert {event.code for event in events if isinstance(event, Fault)} == {code}
    done = only(events, ResponseDone)
    assert (done.status, done.reason) == ("incomplete", code) and ms_of(events) > 0


async def test_without_an_apology_at_hand_the_response_failed() -> None:
    workers = TableWorkers(busy=True)
    async with session(brief(greeting="Hello."), workers) as talk:
        talk.conversation.greet()
        events = await talk.settle()
    assert kinds(events) == ["ResponseStarted", "Fault", "ResponseDone"]
    assert only(events, ResponseDone).status == "failed"


async def test_a_flood_of_audio_is_bounded_and_counted() -> None:
    async with session(brief(), TableWorkers()) as talk:
        talk.conversation.send_audio(silence(15_000))
        assert talk.conversation.dropped_ms == pytest.approx(5000)
        await talk.settle()
        talk.conversation.send_audio(silence(15_000))
        assert talk.conversation.dropped_ms == pytest.approx(10_000)


async def test_audio_of_odd_lengths_is_the_same_audio() -> None:
    async with session(brief(), TableWorkers([HOURS])) as talk:
        audio = turn()
        for begin in range(0, len(audio), 77):
            talk.conversation.send_audio(audio[begin : begin + 77])
        events = await talk.settle()
    assert only(events, CallerTranscript).text == HOURS and isinstance(events[-1], ResponseDone)
    assert any(isinstance(event, ResponseStarted) for event in events) and any(isinstance(e, Audio) for e in events)
