"""A cascade of scripted parts: turns, answers, interruptions."""

import asyncio
from typing import Any

import pytest

from mediaproviders.cascade.conversation import GO_ON, REPEAT
from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    AudioDone,
    CallerTranscript,
    Event,
    Fault,
    Interrupted,
    ProviderError,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
    Usage,
)
from support.cascade import MS_PER_LETTER, TableEars, brief, sound_ms, stage
from support.localmodel import kinds, only, silence, turn, voice

LOCAL = brief(interruption="local")
FAILED = ProviderError("broken", code="server_error", retryable=True)


def of[Kind](events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def pieces(events: list[Event]) -> list[str]:
    return [event.text for event in of(events, AgentTranscript) if not event.final]


# --- turns


async def test_a_turn_is_heard_answered_and_spoken() -> None:
    async with stage(["It is noon. Goodbye."], ["What time is it?"]) as talk:
        events = await talk.hears(turn())
        turns = of(events, SpeechStarted) + of(events, SpeechStopped) + of(events, TurnCommitted)
        assert len({event.item for event in turns}) == 1 and len(turns) == 3
        assert only(events, CallerTranscript) == CallerTranscript(turns[0].item, "What time is it?", final=True)
        assert talk.text.of("text") == [("What time is it?",)]
        assert kinds([event for event in events if not isinstance(event, Audio)])[3:] == [
            "CallerTranscript", "ResponseStarted", "AgentTranscript", "AgentTranscript", "AudioDone",
            "AgentTranscript", "ResponseDone",
        ]  # fmt: skip
        assert pieces(events) == ["It is noon.", " Goodbye."]
        assert of(events, AgentTranscript)[-1].text == "It is noon. Goodbye."
        assert talk.voice.said == ["It is noon.", "Goodbye."]
        assert sound_ms(events) == (11 + 8) * MS_PER_LETTER
        assert {(event.item, event.response) for event in of(events, Audio)} == {("i1", "r1")}


async def test_the_utterance_is_fed_while_the_caller_speaks_with_a_little_of_what_came_before() -> None:
    async with stage([], ["Hello."]) as talk:
        await talk.hears(silence(1000) + voice(500))
        (utterance,) = talk.ears.utterances
        assert utterance.state == "open" and 500 + 200 <= utterance.ms <= 500 + 400
        await talk.hears(silence(600))
        assert utterance.state == "finished" and 1200 <= utterance.ms <= 1500
        assert utterance.audio.count(b"\xff") >= 200 * 8


async def test_audio_of_odd_lengths_is_the_same_audio() -> None:
    async with stage([], ["Hello."]) as talk:
        await talk.hears(turn(), packet=77)
        other = talk.ears.utterances[0].audio
    async with stage([], ["Hello."]) as talk:
        await talk.hears(turn())
        assert talk.ears.utterances[0].audio == other


async def test_a_flood_of_audio_is_bounded_and_counted() -> None:
    async with stage() as talk:
        talk.conversation.send_audio(silence(15_000))
        assert talk.conversation.dropped_ms == pytest.approx(5000)
        await talk.settle()
        assert talk.conversation.dropped_ms == pytest.approx(5000)


async def test_turns_are_told_in_their_order_and_answered_together() -> None:
    async with stage(["Yes."], ["I would like", "a table."]) as talk:
        talk.ears.may_finish.clear()
        events = await talk.hears(turn() + turn())
        assert len(of(events, TurnCommitted)) == 2 and not of(events, CallerTranscript)
        talk.ears.may_finish.set()
        events = await talk.settle()
        assert [event.text for event in of(events, CallerTranscript)] == ["I would like", "a table."]
        assert talk.text.of("text") == [("I would like a table.",)]


async def test_noise_is_not_answered_and_whoever_waits_is_told() -> None:
    async with stage(["Never."], [""]) as talk:
        events = await talk.hears(turn())
        assert only(events, CallerTranscript).text == ""
        assert talk.text.of("text") == talk.text.of("instruct") == []
        assert only(events, ResponseDone).reason == "nothing_heard" and not of(events, Audio)


async def test_a_noise_that_stopped_the_agent_has_it_go_on() -> None:
    async with stage(["One two three four. Five."], ["Count.", ""]) as talk:
        await talk.hears(turn())
        await talk.hears(turn())
        assert talk.text.of("instruct") == [(GO_ON,)]


async def test_a_noise_that_stopped_the_agent_before_it_spoke_has_it_asked_again() -> None:
    async with stage([], ["What time is it?", ""]) as talk:
        await talk.hears(turn())
        events = await talk.hears(turn())
        assert "Interrupted" not in kinds(events)
        assert talk.text.told == [("cancel",), ("text", "What time is it?"), ("cancel",), ("create",)]


async def test_a_noise_after_an_answer_without_words_is_not_answered() -> None:
    async with stage([""], ["Hi.", ""]) as talk:
        await talk.hears(turn())
        await talk.hears(turn())
        assert talk.text.of("create") == talk.text.of("instruct") == []


async def test_under_local_a_noise_that_stopped_the_agent_has_it_go_on() -> None:
    async with stage(["One two three four. Five."], ["Count.", ""], of=LOCAL) as talk:
        await talk.hears(turn())
        talk.conversation.create_response()
        await talk.settle()
        talk.conversation.cancel()
        await talk.hears(turn())
        talk.conversation.create_response()
        assert talk.text.of("instruct") == [(GO_ON,)]


async def test_recognition_at_a_guess_is_repeated_when_the_caller_goes_on() -> None:
    async with stage([], ["I would", "I would like a table."], speculate=True) as talk:
        events = await talk.hears(voice(400) + silence(300))
        assert not of(events, TurnCommitted) and talk.ears.utterances[0].state == "finished"
        events = await talk.hears(voice(400) + silence(600))
        assert [event.text for event in of(events, CallerTranscript)] == ["I would like a table."]
        first, second = talk.ears.utterances
        assert second.audio.startswith(first.audio)


async def test_a_guess_that_was_right_is_the_turn() -> None:
    async with stage([], ["Hello."], speculate=True) as talk:
        events = await talk.hears(turn())
        assert only(events, CallerTranscript).text == "Hello." and len(talk.ears.utterances) == 1


# --- who decides


@pytest.mark.parametrize("asked_first", [True, False])
async def test_under_local_the_server_asks(asked_first: bool) -> None:
    async with stage(["Yes."], ["Hello?"], of=LOCAL) as talk:
        if asked_first:
            talk.ears.may_finish.clear()
        events = await talk.hears(turn())
        assert len(of(events, TurnCommitted)) == 1 and talk.text.of("text") == []
        talk.conversation.create_response()
        talk.ears.may_finish.set()
        events = await talk.settle()
        assert talk.text.of("text") == [("Hello?",)] and only(events, ResponseDone).status == "completed"


async def test_under_local_a_cough_is_forgotten_and_the_agent_speaks_on() -> None:
    async with stage(["One two three four five.", "Yes."], ["Count.", "mhm", "Thanks."], of=LOCAL) as talk:
        await talk.hears(turn())
        talk.conversation.create_response()
        assert only(await talk.settle(), ResponseDone).status == "completed"
        events = await talk.hears(turn())
        assert not of(events, Interrupted) and talk.text.of("cancel") == []
        await talk.hears(turn())
        talk.conversation.create_response()
        await talk.settle()
        assert talk.text.of("text") == [("Count.",), ("Thanks.",)]


async def test_under_local_the_server_interrupts() -> None:
    async with stage([], ["Count."], of=LOCAL) as talk:
        await talk.hears(turn())
        talk.conversation.create_response()
        talk.text.begin("One two three. ", "Four fi")
        events = await talk.settle()
        assert sound_ms(events) == 14 * MS_PER_LETTER
        talk.conversation.cancel()
        talk.conversation.truncate("i1", 150)
        events = await talk.settle()
        assert only(events, ResponseDone) == ResponseDone("r1", "cancelled")
        assert talk.text.of("amend") == [("i1", "One two three."), ("i1", "One two")]
        assert talk.text.of("cancel") == [()]


async def test_a_response_without_a_turn_is_the_models_own_business() -> None:
    async with stage(["Yes."]) as talk:
        talk.conversation.remember([Said("caller", "Hello.")])
        talk.conversation.create_response()
        events = await talk.settle()
        assert talk.text.told == [("remember", Said("caller", "Hello.")), ("create",)]
        assert pieces(events) == ["Yes."]


async def test_typed_text_and_instructions_and_renewal_are_passed_on() -> None:
    async with stage() as talk:
        talk.conversation.send_text("1 2 3")
        talk.conversation.instruct("Say goodbye.")
        talk.conversation.amend("i1", "x")
        assert talk.conversation.renew("it is silent")
        assert talk.text.told == [("text", "1 2 3"), ("instruct", "Say goodbye."), ("renew", "it is silent")]


# --- interruptions, where the cascade decides


async def test_the_caller_interrupts_and_the_model_learns_what_was_heard() -> None:
    async with stage([], ["Count.", "Stop."], of=brief()) as talk:
        await talk.hears(turn())
        talk.text.begin("One two three. Four five six. Seven")
        events = await talk.settle()
        assert sound_ms(events) == (14 + 14) * MS_PER_LETTER
        events = await talk.hears(voice(200))
        assert kinds(events) == ["SpeechStarted", "Interrupted", "ResponseDone"]
        assert only(events, ResponseDone).status == "cancelled"
        talk.conversation.truncate("i1", 14 * MS_PER_LETTER + 100)
        assert talk.text.of("amend") == [("i1", "One two three. Four five six."), ("i1", "One two three. Four")]
        talk.conversation.truncate("i1", 10_000)
        assert len(talk.text.of("amend")) == 2
        await talk.hears(silence(600))
        assert talk.text.of("text")[-1] == ("Stop.",)


async def test_an_answer_still_in_the_air_is_interrupted_and_one_long_over_is_not() -> None:
    async with stage(["One two three four five."], ["Count.", "", ""]) as talk:
        assert only(await talk.hears(turn()), ResponseDone).status == "completed"
        assert "Interrupted" in kinds(await talk.hears(voice(200)))
        talk.conversation.truncate("i1", 200)
        assert talk.text.of("amend") == [("i1", "One two")]
        await talk.hears(silence(3000))
        assert kinds(await talk.hears(voice(200)))[:1] == ["SpeechStarted"]


async def test_what_was_heard_to_its_end_is_not_amended() -> None:
    async with stage(["One two."], ["Count."]) as talk:
        await talk.hears(turn())
        talk.conversation.truncate("i1", 8 * MS_PER_LETTER)
        assert talk.text.of("amend") == []
        talk.conversation.truncate("nobody", 1)
        assert only(await talk.settle(), Fault).code == "unknown_item"


async def test_an_answer_that_was_not_heard_at_all_was_not_given() -> None:
    async with stage([], ["Count."]) as talk:
        talk.voice.may_say.clear()
        await talk.hears(turn())
        talk.text.begin("One two. Three.")
        assert kinds(await talk.settle()) == ["ResponseStarted"]
        events = await talk.hears(voice(200))
        talk.voice.may_say.set()
        events += await talk.settle()
        assert not of(events, Audio) and talk.text.of("amend") == [("i1", "")]
        assert talk.voice.closed_early == ["One two."]


async def test_words_written_before_the_model_knew_that_it_was_stopped() -> None:
    async with stage([], ["Count."]) as talk:
        await talk.hears(turn())
        talk.text.begin()
        await talk.settle()
        talk.text._open = ""  # it goes on writing for a moment
        talk.conversation.cancel()
        talk.text.emit(AgentTranscript("i1", "One. Two.", final=False), ResponseDone("r1", "cancelled"))
        events = await talk.settle()
        assert kinds(events) == ["ResponseDone"] and talk.voice.said == []
        assert talk.text.of("amend") == [("i1", "")]


async def test_an_interrupted_turn_is_answered_together_with_the_next() -> None:
    async with stage(["Here."], ["I would like", "a table."]) as talk:
        talk.ears.may_finish.clear()
        await talk.hears(turn())
        await talk.hears(voice(400))
        talk.ears.may_finish.set()
        assert talk.text.of("text") == []
        await talk.hears(silence(600))
        assert talk.text.of("text") == [("I would like a table.",)]


async def test_audio_that_was_not_read_is_taken_back() -> None:
    async with stage(["One. Two."], of=brief(greeting="One. Two.")) as talk:
        talk.voice.may_say.clear()
        talk.conversation.greet()
        await talk.settle()
        talk.voice.may_say.set()
        talk.conversation.cancel()
        talk.conversation.cancel()
        events = await talk.settle()
        assert kinds(events) == ["ResponseDone"]


async def test_a_replaced_session_of_the_model_voids_its_answer() -> None:
    async with stage() as talk:
        talk.text.begin("One two. Three.")
        await talk.settle()
        talk.text.emit(Reconnected("lost"))
        events = await talk.settle()
        assert kinds(events) == ["ResponseDone", "Reconnected"]


# --- answers


async def test_the_first_sentence_is_spoken_while_the_second_is_written() -> None:
    async with stage() as talk:
        talk.text.begin("It is noon.", " And")
        events = await talk.settle()
        assert kinds(events) == ["ResponseStarted", "AgentTranscript", "Audio", "Audio"]
        talk.text.write(" now **goodbye**", ".")
        assert await talk.settle() == []
        talk.text.end()
        events = await talk.settle()
        assert pieces(events) == [" And now **goodbye**."] and talk.voice.said == ["It is noon.", "And now goodbye."]


async def test_the_next_sentence_is_asked_for_ahead_and_no_more() -> None:
    async with stage() as talk:
        talk.voice.may_say.clear()
        talk.text.begin("One. Two. Three. Four. Five")
        await talk.settle()
        assert talk.voice.said == ["One.", "Two."]
        talk.voice.may_say.set()
        events = await talk.settle()
        assert pieces(events) == ["One.", " Two.", " Three.", " Four."]


async def test_what_cannot_have_been_played_yet_is_not_paid_for() -> None:
    sentence = "This is a sentence of exactly one hundred letters, which at the voice's pace are two seconds long. "
    async with stage([sentence * 10], ["Talk."]) as talk:
        events = await talk.hears(turn())
        assert 8_000 < sound_ms(events) <= 12_000 and not of(events, ResponseDone)
        assert len(talk.voice.said) <= 7


async def test_a_part_without_a_sound_is_passed_over() -> None:
    async with stage(["---\nHello. 👍\n"], ["Hi."]) as talk:
        events = await talk.hears(turn())
        assert talk.voice.said == ["Hello."]
        assert of(events, AgentTranscript)[-1].text == "---\nHello. 👍\n"
        talk.conversation.truncate("i1", 10_000)
        assert talk.text.of("amend") == []


async def test_an_answer_without_words_has_no_sound() -> None:
    async with stage([""], ["Hi."]) as talk:
        events = await talk.hears(turn())
        assert kinds(events)[-2:] == ["ResponseStarted", "ResponseDone"]
        assert only(events, ResponseDone).status == "completed"


async def test_answers_follow_one_another_though_the_model_is_faster() -> None:
    async with stage() as talk:
        talk.voice.may_say.clear()
        for words in ("One.", "Two."):
            talk.text.begin(words)
            talk.text.end()
        assert kinds(await talk.settle()) == ["ResponseStarted"]
        talk.voice.may_say.set()
        events = await talk.settle()
        assert [event.response for event in events if isinstance(event, (ResponseStarted, ResponseDone))] == [
            "r1", "r2", "r2",
        ]  # fmt: skip
        assert {event.item for event in of(events, AudioDone)} == {"i1", "i2"}


async def test_two_items_of_one_answer_are_one_to_the_ear_and_two_to_the_model() -> None:
    async with stage() as talk:
        talk.text.begin("One two.")
        talk.text.emit(AgentTranscript("j1", "Three four.", final=True))
        talk.text.end()
        events = await talk.settle()
        assert {event.item for event in of(events, Audio)} == {"i1"} and len(of(events, AudioDone)) == 1
        talk.conversation.truncate("i1", 4 * MS_PER_LETTER)
        assert talk.text.of("amend") == [("i1", "One"), ("j1", "")]


@pytest.mark.parametrize(("status", "reason"), [("incomplete", "max_output_tokens"), ("failed", "server_error")])
async def test_an_answer_cut_short_is_spoken_as_far_as_it_goes(status: Any, reason: str) -> None:
    async with stage() as talk:
        talk.text.begin("It is no")
        talk.text.end(status, reason)
        events = await talk.settle()
        assert pieces(events) == ["It is no"] and only(events, ResponseDone) == ResponseDone("r1", status, reason)


async def test_tools_faults_and_bills_are_passed_on() -> None:
    async with stage(["Noon."]) as talk:
        talk.text.begin("Let me see.")
        call, usage, fault = ToolCall("c", "get_time", "{}"), Usage(1, 2), Fault("x", "y")
        talk.text.emit(call, usage, fault)
        talk.text.end()
        events = await talk.settle()
        assert {call, usage, fault} <= {event for event in events if not isinstance(event, Audio)}
        talk.conversation.send_tool_result("c", "noon")
        assert pieces(await talk.settle()) == ["Noon."]


async def test_a_result_that_comes_while_the_caller_speaks_waits_for_the_callers_words() -> None:
    async with stage([], ["Hurry."]) as talk:
        await talk.hears(voice(400))
        talk.conversation.send_tool_result("c", "noon")
        assert talk.text.of("result") == []
        await talk.hears(silence(600))
        assert [each[0] for each in talk.text.told if each[0] in ("result", "text")] == ["result", "text"]


async def test_a_result_is_told_though_the_caller_said_nothing() -> None:
    async with stage(["Noon."], [""]) as talk:
        await talk.hears(voice(400))
        talk.conversation.send_tool_result("c", "noon")
        events = await talk.hears(silence(600))
        assert pieces(events) == ["Noon."] and len(of(events, ResponseDone)) == 1


async def test_leaving_in_the_middle_stops_everything() -> None:
    async with stage() as talk:
        talk.voice.may_say.clear()
        talk.text.begin("One. Two. Three")
        await talk.hears(voice(400))
        talk.text.begin("One. Two. Three")
        await talk.settle()
    assert talk.ears.utterances[0].state == "discarded"
    assert sorted(talk.voice.closed_early) == ["One.", "One.", "Two.", "Two."]
    assert talk.error is None
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


# --- misfortunes


async def test_the_model_is_lost() -> None:
    async with stage() as talk:
        talk.text.fail(ProviderError("gone", code="rate_limit_exceeded", retryable=True))
        await talk.settle()
        assert talk.error is not None and talk.error.code == "rate_limit_exceeded"


async def test_a_turn_that_is_not_recognised_is_asked_for_again() -> None:
    async with stage(["Pardon?", "Yes."], [FAILED, "Hello?"]) as talk:
        events = await talk.hears(turn())
        assert only(events, Fault).code == "server_error" and only(events, CallerTranscript).text == ""
        assert talk.text.of("instruct") == [(REPEAT,)] and pieces(events) == ["Pardon?"]
        await talk.hears(silence(2000) + turn())
        assert talk.text.of("text") == [("Hello?",)] and talk.error is None


@pytest.mark.parametrize("second", [ValueError("odd"), asyncio.CancelledError()])
async def test_two_turns_in_a_row_end_the_session(second: BaseException) -> None:
    async with stage(["Pardon?"], [FAILED, second]) as talk:
        await talk.hears(turn() + silence(2000) + turn())
        assert talk.error is not None and (talk.error.code, talk.error.retryable) == ("internal", True)


async def test_ears_that_will_never_hear_end_the_session_at_once() -> None:
    async with stage([], [ProviderError("no", code="invalid_api_key", retryable=False)]) as talk:
        await talk.hears(turn())
        assert talk.error is not None and (talk.error.code, talk.error.retryable) == ("invalid_api_key", False)


async def test_ears_that_take_too_long() -> None:
    async with stage(["Pardon?"], ["Hello."], ears_timeout_s=0.05) as talk:
        talk.ears.may_finish.clear()
        events = await talk.hears(turn())
        async with asyncio.timeout(5):
            while not of(events, Fault):
                await asyncio.sleep(0.01)
                events += await talk.settle()
        assert only(events, Fault).code == "timeout" and talk.ears.utterances[0].state == "discarded"


async def test_too_many_turns_that_wait_are_given_up() -> None:
    async with stage([], [str(number) for number in range(12)], ears_timeout_s=60) as talk:
        talk.ears.may_finish.clear()
        events = await talk.hears(turn(200) * 10)
        assert [event.code for event in of(events, Fault)] == ["busy", "busy"]
        assert [event.text for event in of(events, CallerTranscript)] == ["", ""]
        assert [each.state for each in talk.ears.utterances[:2]] == ["discarded", "discarded"]


async def test_a_sentence_that_fails_is_tried_again() -> None:
    async with stage() as talk:
        talk.voice.faults.extend([FAILED, None])
        talk.text.begin("One. Two.")
        talk.text.end()
        events = await talk.settle()
        assert only(events, Fault).code == "server_error"
        assert pieces(events) == ["One.", " Two."] and sound_ms(events) == 8 * MS_PER_LETTER
        assert talk.voice.said == ["One.", "Two.", "One."]


async def test_a_sentence_that_breaks_off_is_not_repeated_and_the_answer_goes_on() -> None:
    async with stage() as talk:
        talk.voice.faults.append((FAILED,))
        talk.text.begin("One. Two.")
        talk.text.end()
        events = await talk.settle()
        assert talk.voice.said == ["One.", "Two."] and sound_ms(events) == 6 * MS_PER_LETTER
        assert only(events, ResponseDone).status == "completed" and len(of(events, Fault)) == 1


@pytest.mark.parametrize("fault", [FAILED, "nothing", ValueError("odd"), asyncio.CancelledError(), (FAILED,)])
async def test_two_failures_in_a_row_end_the_session(fault: Any) -> None:
    async with stage() as talk:
        talk.voice.faults.extend([fault] * 4)
        talk.text.begin("One. Two. Three")
        events = await talk.settle()
        assert talk.error is not None and talk.error.retryable
        assert len(of(events, Fault)) == 2


async def test_a_voice_that_will_never_speak_ends_the_session_at_once() -> None:
    async with stage() as talk:
        talk.voice.faults.append(ProviderError("no", code="invalid_api_key", retryable=False))
        talk.text.begin("One. Two.")
        await talk.settle()
        assert talk.error is not None and (talk.error.code, talk.error.retryable) == ("invalid_api_key", False)


async def test_a_voice_that_falls_silent() -> None:
    async with stage(voice_timeout_s=0.05) as talk:
        talk.voice.faults.append("hang")
        talk.text.begin("One. Two.")
        talk.text.end()
        events: list[Event] = []
        async with asyncio.timeout(5):
            while not of(events, ResponseDone):
                await asyncio.sleep(0.01)
                events += await talk.settle()
        assert only(events, Fault).code == "stalled" and talk.voice.closed_early == ["One."]
        assert pieces(events) == ["One.", " Two."]


async def test_a_success_between_two_failures_is_forgiven() -> None:
    async with stage() as talk:
        talk.voice.faults.extend([FAILED, None, None, FAILED, None])
        talk.text.begin("One. Two. Three. Four.")
        talk.text.end()
        events = await talk.settle()
        assert len(of(events, Fault)) == 2 and talk.error is None
        assert pieces(events) == ["One.", " Two.", " Three.", " Four."]


async def test_a_bug_in_a_service_ends_the_session_instead_of_leaving_it_deaf() -> None:
    class Broken(TableEars):
        def begin(self, form: Any) -> Any:
            raise RuntimeError("a bug")

    async with stage(ears=Broken()) as talk:
        await talk.hears(turn())
        assert talk.error is not None and talk.error.code == "internal" and "a bug" in str(talk.error)
