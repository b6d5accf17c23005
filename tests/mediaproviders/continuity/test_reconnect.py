"""A session is lost: another one of the same model goes on."""

import asyncio

import pytest

from mediaproviders.contract import (
    PCMU,
    AgentTranscript,
    Audio,
    Brief,
    CallerTranscript,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
    Used,
)
from mediaproviders.history import INAUDIBLE
from support.virtual_time import settle, tell

FRAME = b"\x01" * 160


def asked(session):
    """What a session was asked for, apart from the history."""
    return [each for each in session.told if each[0] != "remember"]


def remembers(session):
    return [session.knows] if session.knows else []


async def lose(w):
    """The session is lost; its successor comes at once, or half a second later if that was lost too."""
    w.session.lose()
    await settle()
    if w.models[0].slow_s == 0:
        await asyncio.sleep(0.6)


def test_goes_on_with_history_and_asks_again(world):
    async def story():
        async with world() as w:
            w.session.turn("Where is my parcel?")
            n = w.session.begin("It is in", ms=400)
            await settle()
            await lose(w)
            assert len(w.models[0].sessions) == 2
            assert remembers(w.session) == [(Said("caller", "Where is my parcel?"),)]
            assert asked(w.session) == [("create",)]
            assert w.reasons == ["closed_1006"]
            assert w.models[0].sessions[0].left
            w.session.say("It is in Berlin.", ms=400)
            await settle()
            await lose(w)
            assert remembers(w.session) == [(Said("caller", "Where is my parcel?"), Said("agent", "It is in Berlin."))]
            assert asked(w.session) == []
            assert (w.conversation.reconnects, w.conversation.failovers, w.conversation.rollovers) == (2, 0, 0)
            assert n == 2

    tell(story())


def test_session_that_just_ends_is_replaced_too(world):
    async def story():
        async with world() as w:
            await w.does(None)
            assert w.reasons == ["connection_lost"]

    tell(story())


def test_lost_greeting_is_spoken_anew_and_a_heard_one_is_not(world):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, greeting="Hello.")) as w:
            w.conversation.greet()
            w.session.begin("Hel", ms=100)
            await settle()
            await lose(w)
            assert asked(w.session) == [("greet",)]
            assert remembers(w.session) == []
            w.session.say("Hello.", ms=500)
            await settle()
            await lose(w)
            assert remembers(w.session) == [(Said("agent", "Hello."),)]
            assert asked(w.session) == []

    tell(story())


def test_no_greeting_nothing_asked(world):
    async def story():
        async with world() as w:
            w.conversation.greet()
            assert asked(w.session) == []

    tell(story())


@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_nothing_due_nothing_asked(world, interruption):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption=interruption)) as w:
            w.session.say("Hello.")
            await settle()
            await lose(w)
            assert asked(w.session) == []

    tell(story())


def test_unanswered_turn_is_answered_although_its_words_are_lost(world):
    async def story():
        async with world() as w:
            w.session.turn()
            await settle()
            await lose(w)
            assert remembers(w.session) == [(Said("caller", INAUDIBLE),)]
            assert asked(w.session) == [("create",)]

    tell(story())


def test_local_turn_is_answered_when_the_server_has_asked(world):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption="local")) as w:
            w.session.turn("Hi.")
            await settle()
            await lose(w)
            assert asked(w.session) == []
            w.conversation.create_response()
            await lose(w)
            assert asked(w.session) == [("create",)]

    tell(story())


def test_caller_who_is_speaking_is_not_talked_over_and_heard_from_the_start(world):
    async def story():
        async with world() as w:
            w.session.begin("Well")
            for _ in range(100):
                w.conversation.send_audio(FRAME)
            await w.does(SpeechStarted("u", None), Interrupted())
            for _ in range(20):
                w.conversation.send_audio(b"\x02" * 160)
            await lose(w)
            assert asked(w.session) == []
            heard = b"".join(w.session.heard)
            assert heard == b"\x01" * 4000 + b"\x02" * 3200
            assert w.conversation.dropped_ms == 0

    tell(story())


def test_lost_answer_to_a_caller_who_speaks_again_is_left_to_the_next(world):
    async def story():
        async with world() as w:
            w.session.turn("One")
            w.session.does(SpeechStarted("v", None))
            await settle()
            await lose(w)
            assert asked(w.session) == []

    tell(story())


def test_closed_turn_is_not_heard_twice_and_stale_audio_is_dropped(world, refused):
    async def story():
        model = world.Model(slow_s=1.0)
        async with world(model) as w:
            for _ in range(50):
                w.conversation.send_audio(FRAME)
            w.session.turn("Hi.")
            await settle()
            await lose(w)
            for n in range(50):
                w.conversation.send_audio(bytes([n]) * 160)
                await asyncio.sleep(0.02)
            await settle()
            assert len(model.sessions) == 2
            # The newest 600 ms are no more than the present; what is older is stale.
            assert w.session.heard == [bytes([n]) * 160 for n in range(20, 50)]
            assert w.conversation.dropped_ms == pytest.approx(400)

    tell(story())


@pytest.mark.parametrize("answer", ["due", "begun", "given"])
@pytest.mark.parametrize("transcribed", [False, True])
def test_closed_turn_is_told_or_else_heard_again(world, transcribed, answer):
    async def story():
        async with world() as w:
            await w.does(SpeechStarted("u", None))
            for _ in range(25):
                w.conversation.send_audio(FRAME)
            await w.does(SpeechStopped("u", None), TurnCommitted("u"))
            if answer != "due":
                await w.does(ResponseStarted("r"), Audio("a", "r", b"\x7f" * 800), AgentTranscript("a", "Be", False))
            if answer == "given":
                await w.does(ResponseDone("r", "completed"))
            if transcribed:
                await w.does(CallerTranscript("u", "Why?", final=True))
            w.conversation.send_audio(b"next")
            await lose(w)
            again = not transcribed and answer != "given"
            assert w.session.heard == ([FRAME] * 25 if again else []) + [b"next"]
            assert asked(w.session) == ([("create",)] if transcribed and answer != "given" else [])
            # Answered already, it is not asked again; that it was there is told and written down.
            lost = Said("caller", INAUDIBLE)
            said = [Said("caller", "Why?")] if transcribed else [lost] if answer == "given" else []
            assert [each.text for each in w.of(CallerTranscript)] == [each.text for each in said]
            assert w.session.knows == (*said, *([Said("agent", "Be")] if answer == "given" else []))

    tell(story())


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_a_turn_heard_again_is_heard_as_often_as_its_session_is_lost(world, interruption, closed):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption=interruption)) as w:
            for _ in range(25):
                w.conversation.send_audio(FRAME)
            await w.does(SpeechStarted("u", None), SpeechStopped("u", None), TurnCommitted("u"))
            w.conversation.create_response()
            await lose(w)
            if closed:
                await w.does(SpeechStarted("v", None), SpeechStopped("v", None), TurnCommitted("v"))
                w.conversation.create_response()
            w.conversation.send_audio(b"next")
            await lose(w)
            assert w.session.heard == [FRAME] * 25 + [b"next"]
            await w.does(SpeechStarted("w", None), TurnCommitted("w"), CallerTranscript("w", "Why?", final=True))
            w.session.say("Because.")
            await settle()
            await lose(w)
            assert FRAME not in w.session.heard
            assert w.session.knows == (Said("caller", "Why?"), Said("agent", "Because."))

    tell(story())


@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_a_turn_heard_again_interrupts_nobody(world, interruption):
    """The agent is still heard with what it had of its answer; the caller says nothing now."""

    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption=interruption)) as w:
            for _ in range(25):
                w.conversation.send_audio(FRAME)
            await w.does(SpeechStarted("u", None), SpeechStopped("u", None), TurnCommitted("u"))
            w.conversation.create_response()
            w.session.begin("Because", 2000)
            await lose(w)
            before = len(w.events)
            await w.does(SpeechStarted("v", None), SpeechStopped("v", None), TurnCommitted("v"))
            assert [type(event) for event in w.events[before:]] == [SpeechStopped, TurnCommitted]
            await w.does(SpeechStarted("w", None))  # but this is the caller
            assert w.of(SpeechStarted)[-1].item.startswith("w")
            assert len(w.of(Interrupted)) == (interruption == "provider")

    tell(story())


def test_words_that_never_came_while_they_could_are_not_written_down_as_lost(world):
    async def story():
        async with world() as w:
            w.session.turn()
            w.session.say("Yes.")
            await asyncio.sleep(20)
            await lose(w)
            assert w.of(CallerTranscript) == []
            assert w.session.knows == (Said("agent", "Yes."),)

    tell(story())


def test_session_that_answers_and_breaks_time_and_again_is_not_given_up(world):
    async def story():
        async with world() as w:
            for n in range(20):
                w.session.turn(f"{n}?")
                w.session.say(f"{n}!")
                await lose(w)
                await asyncio.sleep(0.1)
            assert w.conversation.reconnects == 20
            assert w.error is None
            tries = 0
            while w.error is None:  # it does not come to the end of an answer any more
                w.session.begin("So")
                await lose(w)
                await asyncio.sleep(2)
                tries += 1
            assert tries == 3

    tell(story())


def test_turns_whose_words_were_lost_are_heard_again_where_we_decide_too(world):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption="local")) as w:
            for item in ("u", "v"):
                for _ in range(25):
                    w.conversation.send_audio(item.encode() * 160)
                await w.does(SpeechStarted(item, None), SpeechStopped(item, None), TurnCommitted(item))
                w.conversation.create_response()
            await lose(w)
            assert w.session.heard == [b"u" * 160] * 25 + [b"v" * 160] * 25
            assert (asked(w.session), w.session.knows) == ([], ())  # their end will be told, and answered then

    tell(story())


def test_answer_cancelled_before_it_began_is_not_asked_for(world):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption="local")) as w:
            w.conversation.create_response()
            w.conversation.cancel()
            await w.does(ResponseStarted("r"))
            await lose(w)
            assert asked(w.session) == []
            w.conversation.create_response()
            w.conversation.cancel()
            w.conversation.create_response()
            await w.does(ResponseStarted("r"))
            await lose(w)
            assert asked(w.session) == [("create",)]

    tell(story())


def test_what_was_kept_of_a_lost_answer_is_kept_for_good(world):
    async def story():
        async with world() as w:
            w.session.begin("Let me")
            await w.does(ToolCall("1", "a", "{}"))
            await lose(w)
            w.conversation.send_tool_result("1", "one")
            w.session.begin("It is")
            await settle()
            await lose(w)
            (told,) = remembers(w.session)
            assert told == (Said("agent", "Let me"), Used("told_2", "a", "{}", "one"))
            assert asked(w.session) == [("create",)]

    tell(story())


def test_what_a_session_was_told_too_early_is_told_anew(world):
    async def story():
        model = world.Model(slow_s=0.5)
        async with world(model) as w:
            w.session.say("one two three four", ms=1000)
            await settle()
            await asyncio.sleep(2)
            w.session.lose()
            await asyncio.sleep(0.2)
            w.conversation.truncate("a1", 500)
            await asyncio.sleep(0.4)
            assert model.sessions[1].left
            await asyncio.sleep(0.5)
            assert remembers(w.session) == [(Said("agent", "one two"),)]
            assert len(model.sessions) == 3
            assert w.reasons == ["closed_1006"]

    tell(story())


def test_history_that_never_settles_is_told_in_the_end(world):
    async def story():
        model = world.Model(slow_s=0.5)
        async with world(model) as w:
            w.session.say("word " * 60, ms=1000)
            await asyncio.sleep(2)
            w.session.lose()
            for heard_ms in range(950, 300, -25):
                await asyncio.sleep(0.1)
                w.conversation.truncate("a1", heard_ms)
            await settle()
            assert w.session.brief.history == ()
            assert len(remembers(w.session)) == 1

    tell(story())


def test_commands_given_while_away_are_made_good(world):
    async def story():
        model = world.Model(slow_s=0.5)
        async with world(model) as w:
            w.session.say("one two three four", ms=1000)
            await settle()
            await lose(w)
            item = w.events[1].item
            w.conversation.truncate(item, 500)
            w.conversation.send_text("12#")
            w.conversation.instruct("Be kind.")
            w.conversation.cancel()
            w.conversation.instruct("Say goodbye.")
            w.conversation.send_audio(FRAME)
            await asyncio.sleep(1)
            assert remembers(w.session) == [(Said("agent", "one two"), Said("caller", "12#"))]
            assert asked(w.session) == [("instruct", "Say goodbye.")]

    tell(story())


def test_instruction_not_carried_out_is_given_again(world):
    async def story():
        async with world() as w:
            w.conversation.instruct("Say goodbye.")
            w.session.begin("Good")
            w.session.does(SpeechStarted("u", None))
            await settle()
            await lose(w)
            assert asked(w.session) == [("instruct", "Say goodbye.")]
            w.session.say("Goodbye.")
            await settle()
            await lose(w)
            assert asked(w.session) == []

    tell(story())


def test_tool_that_runs_across_the_loss(world):
    async def story():
        async with world() as w:
            n = w.session.begin("Let me see.")
            w.session.does(ToolCall("1", "weather", '{"in":"Rome"}'), ToolCall("2", "time", "{}"))
            w.session.finish(n)
            await settle()
            w.conversation.send_tool_result("2", "noon")
            await lose(w)
            assert remembers(w.session) == [
                (
                    Said("agent", "Let me see."),
                    Said("system", 'The tool weather was called with {"in":"Rome"}. Its result will follow.'),
                    Used("told_3", "time", "{}", "noon"),
                )
            ]
            assert asked(w.session) == []
            w.conversation.send_tool_result("1", "sunny")
            ((_, instruction),) = asked(w.session)
            assert "weather" in instruction
            assert '{"in":"Rome"}' in instruction
            assert "sunny" in instruction
            await lose(w)
            assert remembers(w.session)[0][1] == Used("told_2", "weather", '{"in":"Rome"}', "sunny")
            assert asked(w.session) == [("create",)]

    tell(story())


def test_results_of_several_old_calls_are_told_together(world):
    async def story():
        async with world() as w:
            w.session.does(ToolCall("1", "a", "{}"), ToolCall("2", "b", "{}"))
            await settle()
            await lose(w)
            w.conversation.send_tool_result("1", "one")
            assert asked(w.session) == []
            w.conversation.send_tool_result("2", "two")
            ((kind, instruction),) = asked(w.session)
            assert kind == "instruct"
            assert "one" in instruction
            assert "two" in instruction

    tell(story())


def test_result_while_away(world):
    async def story():
        async with world(world.Model(slow_s=0.5)) as w:
            w.session.does(ToolCall("1", "a", "{}"))
            await settle()
            await lose(w)
            w.conversation.send_tool_result("1", "one")
            await asyncio.sleep(1)
            assert remembers(w.session) == [(Used("told_1", "a", "{}", "one"),)]
            assert asked(w.session) == [("create",)]

    tell(story())


def test_unknown_result_is_left_to_the_session(world):
    async def story():
        async with world() as w:
            w.conversation.send_tool_result("nobody's", "x")
            assert asked(w.session) == [("result", "nobody's", "x")]

    tell(story())


def test_answer_that_never_began_is_not_asked_for_for_ever(world):
    async def story():
        async with world(answer_s=5.0) as w:
            w.session.turn("Hm.")
            await settle()
            await asyncio.sleep(6)
            await lose(w)
            assert asked(w.session) == []

    tell(story())


# --- attempts ---


def test_attempts_are_bounded_and_the_last_error_is_told(world, refused):
    async def story():
        model = world.Model(refuses=[None, refused("a"), refused("b"), refused("rate_limit_exceeded")])
        async with world(model) as w:
            began = asyncio.get_running_loop().time()
            w.session.lose()
            await asyncio.sleep(5)
            assert [round(at - began, 3) for at in model.asked_at[1:]] == [0.0, 0.5, 2.0]
            assert w.error.code == "rate_limit_exceeded"
            assert [event.code for event in w.of(Fault)] == ["a", "b", "rate_limit_exceeded"]
            assert w.reasons == []
            with pytest.raises(ProviderError):
                await anext(w.conversation)

    tell(story())


def test_attempts_are_bounded_in_time(world):
    async def story():
        model = world.Model()
        async with world(model, total_s=2.0) as w:
            model.slow_s = 60.0
            w.session.lose("closed_1011")
            await asyncio.sleep(2.5)
            assert w.error.code == "timeout"

    tell(story())


def test_refusal_that_cannot_heal_ends_the_attempts(world, refused):
    async def story():
        model = world.Model(refuses=[None, refused("invalid_api_key", retryable=False)])
        async with world(model) as w:
            w.session.lose()
            await asyncio.sleep(5)
            assert w.error.code == "invalid_api_key"
            assert len(model.asked_at) == 2

    tell(story())


def test_final_end_of_a_session_is_final(world):
    async def story():
        async with world() as w:
            w.session.lose("closed_1008", retryable=False)
            await asyncio.sleep(5)
            assert w.error.code == "closed_1008"
            assert len(w.models[0].sessions) == 1

    tell(story())


def test_model_that_always_leaves_is_given_up_unless_it_held(world):
    async def story():
        async with world() as w:
            for _ in range(4):
                w.session.lose()
                await asyncio.sleep(2)
            assert w.error is not None
            assert len(w.models[0].sessions) == 4
        async with world() as w:
            for _ in range(9):
                await asyncio.sleep(10)
                w.session.lose()
                await asyncio.sleep(1)
            assert w.error is None
            assert len(w.models[0].sessions) == 10

    tell(story())


def test_session_that_dies_as_soon_as_it_is_open_is_not_taken(world):
    async def story():
        model = world.Model()
        async with world(model) as w:
            connect = model.connect

            def stillborn(brief):
                model.connect = connect

                class Context:
                    async def __aenter__(self):
                        self.inner = connect(brief)
                        session = await self.inner.__aenter__()
                        session.lose("stillborn")
                        return session

                    async def __aexit__(self, *exc):
                        await self.inner.__aexit__(None, None, None)

                return Context()

            model.connect = stillborn
            w.session.lose("first")
            await asyncio.sleep(3)
            assert len(model.sessions) == 3
            assert w.reasons[0] == "first"
            assert w.error is None

    tell(story())


def test_leaving_while_away(world):
    async def story():
        model = world.Model()
        async with world(model) as w:
            model.slow_s = 3.0
            w.session.lose()
            await settle()
        assert w.error is None
        assert len(asyncio.all_tasks()) == 1

    tell(story())


def test_programming_error_of_an_adapter_is_not_hidden(world):
    async def story():
        async with world() as w:
            await w.does(RuntimeError("a bug"))
            assert isinstance(w.error, RuntimeError)

    tell(story())


def test_late_reader_gets_events_before_the_error(world):
    async def story():
        async with world() as w:
            w.session.turn("x")
            w.session.lose("closed_1008", retryable=False)
            await settle()
            kinds = [type(event) for event in w.events[:3]]
            assert kinds == [SpeechStarted, SpeechStopped, TurnCommitted]
            assert w.error.code == "closed_1008"

    tell(story())


# --- the server waits in vain ---


def test_stalled_answer_is_asked_for_elsewhere(world):
    async def story():
        async with world() as w:
            w.session.say("Hello.")
            w.session.turn("Why?")
            await settle()
            await asyncio.sleep(13)
            first = w.session
            assert w.conversation.renew("stalled")
            assert w.conversation.renew("stalled")  # it is on its way
            await settle()
            assert first.left
            assert w.reasons == ["stalled"]
            assert remembers(w.session) == [(Said("agent", "Hello."), Said("caller", "Why?"))]
            assert asked(w.session) == [("create",)]
            await asyncio.sleep(13)
            assert not w.conversation.renew("stalled")  # it has not said a word, and there is no other

    tell(story())


def test_model_that_stays_mute_is_replaced_by_the_next(world):
    async def story():
        first, second = world.Model(), world.Model()
        async with world(first, second, brief=Brief("m", "", PCMU, PCMU, greeting="Hello.")) as w:
            w.conversation.greet()
            await asyncio.sleep(13)
            assert w.conversation.renew("stalled")
            await settle()
            assert w.reasons == ["model-0 was lost (stalled), model-1 took over"]
            assert asked(second.sessions[0]) == [("greet",)]

    tell(story())


def test_voice_that_was_not_heeded_is_heard_by_the_next_session(world):
    async def story():
        async with world() as w:
            w.session.say("Hello.")
            await settle()
            for _ in range(500):
                w.conversation.send_audio(FRAME)
            assert w.conversation.renew("stalled")
            await settle()
            # All that is kept, but not at once: it is more than an adapter keeps for a service that is busy.
            assert w.session.heard == [FRAME] * 50
            w.conversation.send_audio(b"next")
            await asyncio.sleep(0.1)
            assert w.session.heard == [FRAME] * 100
            await asyncio.sleep(1)
            assert w.session.heard == [*[FRAME] * 400, b"next"]
            w.conversation.send_audio(b"live")
            assert w.session.heard[-1] == b"live"
            assert asked(w.session) == []

    tell(story())


def test_what_a_session_had_not_caught_up_with_goes_to_the_one_after_it(world):
    async def story():
        async with world(delays_s=(0.0, 1.0, 1.0)) as w:
            await w.does(SpeechStarted("u", None))
            for n in range(150):
                w.conversation.send_audio(bytes([n]) * 160)
            w.session.lose()
            await settle()
            assert len(w.session.heard) == 50  # of 3 s, the first at once
            w.session.lose()
            await settle()
            w.conversation.send_audio(b"meanwhile")
            assert w.conversation.dropped_ms == pytest.approx(2000, abs=5)  # nobody has heard it, for now
            await asyncio.sleep(2)
            assert w.session.heard == [*(bytes([n]) * 160 for n in range(150)), b"meanwhile"]
            assert w.conversation.dropped_ms == 0

    tell(story())


def test_empty_answers_are_asked_for_again(world):
    async def story():
        async with world() as w:
            w.session.say("Hello.")
            w.session.turn("Why?")
            w.session.does(ResponseStarted("x"), ResponseDone("x", "completed"))
            await settle()
            assert w.conversation.renew("empty-answers")
            await settle()
            assert asked(w.session) == [("create",)]

    tell(story())


@pytest.mark.parametrize("interruption", ["provider", "local"])
def test_answers_that_fail_in_the_middle_are_asked_for_again(world, interruption):
    async def story():
        async with world(brief=Brief("m", "", PCMU, PCMU, interruption=interruption)) as w:
            w.session.say("Hello.")
            w.session.turn("Why?")
            for _ in range(2):
                w.conversation.create_response()
                w.session.finish(w.session.begin("Because", 100), "failed")
                await settle()
            assert w.conversation.renew("rate_limit_exceeded")
            await settle()
            assert asked(w.session) == [("create",)]

    tell(story())


def test_an_answer_that_failed_is_not_asked_for_after_the_next(world):
    async def story():
        async with world() as w:
            w.session.turn("Why?")
            w.session.finish(w.session.begin("Because", 100), "failed")
            w.session.turn("Never mind.")
            w.session.say("All right.")
            await settle()
            assert w.conversation.renew("stalled")
            await settle()
            assert asked(w.session) == []

    tell(story())


def test_failed_renewal_ends_the_conversation(world, refused):
    async def story():
        model = world.Model(refuses=[None] + [refused()] * 3)
        async with world(model) as w:
            w.session.say("Hello.")
            await settle()
            assert w.conversation.renew("stalled")
            await asyncio.sleep(5)
            assert w.error.code == "server_error"
            assert not w.conversation.renew("stalled")

    tell(story())
