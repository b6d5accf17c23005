"""Sessions near their limit are exchanged between turns; nobody notices."""

import asyncio

import pytest

from mediaproviders.contract import (
    PCMU,
    AgentTranscript,
    Audio,
    AudioDone,
    Brief,
    CallerTranscript,
    Fault,
    Interrupted,
    Reconnected,
    ResponseDone,
    ResponseStarted,
    RolledOver,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    TurnCommitted,
    Usage,
)
from support.virtual_time import settle, tell

FRAME = b"\x7f" * 160
LOUD = bytes([0x00, 0x80] * 80)
SILENCE = b"\xff" * 160


def remembers(session):
    return [session.knows] if session.knows else []


def asked(session):
    return [each for each in session.told if each[0] != "remember"]


def test_five_roll_overs_leave_no_trace(world):
    async def story():
        async with world(world.Model(max_connection_s=100.0)) as w:
            for n in range(6):
                w.session.turn(f"Question {n}?")
                w.session.say(f"Answer {n}.", ms=500)
                await settle()
                w.conversation.send_audio(FRAME)
                await asyncio.sleep(100)
            assert w.conversation.rollovers >= 5
            assert w.conversation.reconnects == 0
            assert w.reasons == []
            assert len(w.of(RolledOver)) == w.conversation.rollovers
            told = remembers(w.session)[0]
            expected = [pair for n in range(6) for pair in (f"Question {n}?", f"Answer {n}.")]
            assert [each.text for each in told] == expected
            assert [event.text for event in w.of(CallerTranscript)] == expected[::2]
            assert all(session.left for session in w.models[0].sessions[:-1] if session is not w.session)
            items = [event.item for event in w.of(Audio)]
            assert len(set(items)) == 6
            responses = [event.response for event in w.of(ResponseStarted)]
            assert len(set(responses)) == 6
            done = [(event.item, event.response) for event in w.of(AudioDone)]
            assert done == [(event.item, event.response) for event in w.of(Audio)]

    tell(story())


def test_opened_ahead_and_idle_until_there_is_a_moment(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(60)
            first = w.session
            n = first.begin("A long answer", ms=200)
            await asyncio.sleep(15)
            assert round(model.asked_at[1] - began) == 70
            ahead = model.sessions[1]
            assert ahead.told == []
            assert ahead.brief.history == ()
            w.conversation.send_audio(FRAME)
            assert (first.heard, ahead.heard) == ([FRAME], [])
            first.does(AgentTranscript(f"a{n}", "A long answer to it.", True))
            first.finish(n)
            await asyncio.sleep(0.5)
            assert remembers(w.session) == [(Said("agent", "A long answer to it."),)]
            w.conversation.send_audio(b"now")
            assert w.session.heard == [FRAME, b"now"]
            assert w.session is ahead
            assert first.left
            assert w.conversation.rollovers == 1

    tell(story())


def test_next_session_is_told_at_its_opening_what_is_settled_and_the_rest_later(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model, brief=Brief("m", "", PCMU, PCMU, history=(Said("system", "Key 1."),))) as w:
            first = w.session
            first.say("Hello.", ms=500)
            await asyncio.sleep(69)
            first.turn("Why?")
            n = first.begin("Because", ms=100)
            await asyncio.sleep(5)
            early = (Said("system", "Key 1."), Said("agent", "Hello."), Said("caller", "Why?"))
            assert model.sessions[1].brief.history == early
            first.finish(n)
            await asyncio.sleep(1)
            assert w.session is model.sessions[1]
            assert w.session.told == [("remember", Said("agent", "Because"))]

    tell(story())


@pytest.mark.parametrize("interrupted", [False, True])
def test_session_that_heeds_only_what_its_opening_tells_is_opened_with_all_of_it(world, interrupted):
    async def story():
        model = world.Model(max_connection_s=100.0, late_history=False)
        async with world(model) as w:
            await asyncio.sleep(69)
            first = model.sessions[0]
            first.turn("Why?")
            n = first.begin("Because it is so.", ms=2000)
            await asyncio.sleep(2)
            assert [session.brief.history for session in model.sessions] == [(), (Said("caller", "Why?"),)]
            first.finish(n)
            await asyncio.sleep(0.1)  # while the caller hears the rest of it
            whole = (Said("caller", "Why?"), Said("agent", "Because it is so."))
            assert (len(model.sessions), model.sessions[-1].brief.history) == (3, whole)
            assert model.sessions[1].left
            if interrupted:
                first.does(Interrupted())
                w.conversation.truncate(f"a{n}", 1000)
                whole = (Said("caller", "Why?"), Said("agent", "Because"))
            await asyncio.sleep(3)
            assert w.conversation.rollovers == 1
            assert (w.session.brief.history, asked(w.session), w.session.told) == (whole, [], [])

    tell(story())


def test_what_may_be_interrupted_is_not_told_early(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            first = w.session
            await asyncio.sleep(69)
            first.say("Ten seconds.", ms=10_000)
            await asyncio.sleep(2)
            first.does(ToolCall("1", "a", "{}"))
            await asyncio.sleep(1)
            assert model.sessions[1].brief.history == ()

    tell(story())


def test_session_that_was_told_what_is_no_longer_true_is_opened_anew(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            first = w.session
            first.say("one two three four", ms=1000)
            await asyncio.sleep(69)
            first.does(SpeechStarted("u", None))
            await asyncio.sleep(2)
            assert model.sessions[1].brief.history == (Said("agent", "one two three four"),)
            w.conversation.truncate("a1", 500)
            first.does(SpeechStopped("u", None), TurnCommitted("u"), CallerTranscript("u", "Hi.", True))
            first.say("Hello.")
            await asyncio.sleep(1)
            assert model.sessions[1].left
            assert w.session is model.sessions[2]
            assert [said.text for said in w.session.knows] == ["one two", "Hi.", "Hello."]
            assert w.conversation.rollovers == 1

    tell(story())


def test_limit_reached_with_a_session_ahead_that_was_told_wrong(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            first = w.session
            first.say("one two three four", ms=1000)
            await asyncio.sleep(69)
            first.does(SpeechStarted("u", None))
            await asyncio.sleep(2)
            w.conversation.truncate("a1", 500)
            first.lose("session_expired")
            await settle()
            assert model.sessions[1].left
            assert w.session.knows == (Said("agent", "one two"),)
            assert w.reasons == ["session_expired"]

    tell(story())


@pytest.mark.parametrize(
    "busy",
    [
        (SpeechStarted("u", None),),
        (ToolCall("1", "a", "{}"),),
        (ResponseStarted("r"),),
        (TurnCommitted("u"),),
    ],
)
def test_waits_while_something_goes_on(world, busy):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model, answer_s=60.0) as w:
            await asyncio.sleep(65)
            await w.does(*busy)
            await asyncio.sleep(25)
            assert len(model.sessions) == 2
            assert w.conversation.rollovers == 0

    tell(story())


def test_waits_until_the_agent_was_heard_and_what_the_caller_said_is_known(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(70)
            first = model.sessions[0]
            item = first.turn()
            first.say("Nine seconds.", ms=9000)
            await asyncio.sleep(2)
            first.does(CallerTranscript(item, "Late words.", True))
            await asyncio.sleep(5)
            assert w.conversation.rollovers == 0
            w.conversation.truncate("a2", 4500)
            await asyncio.sleep(0.5)
            assert w.conversation.rollovers == 1
            assert remembers(w.session) == [(Said("caller", "Late words."), Said("agent", "Nine"))]

    tell(story())


def test_does_not_wait_for_a_long_playout_or_for_words_that_never_come(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(70)
            first = model.sessions[0]
            first.turn()
            first.say("A minute.", ms=60_000)
            await asyncio.sleep(10)
            assert w.conversation.rollovers == 0
            await asyncio.sleep(2)
            assert w.conversation.rollovers == 1
            # What was received is still playing: it can be interrupted and is known by its old name.
            await w.does(SpeechStarted("u1", None))
            assert [type(event) for event in w.events[-2:]] == [SpeechStarted, Interrupted]
            w.conversation.truncate("a2", 30_000)
            assert asked(w.session) == []
            await w.does(SpeechStopped("u1", None), TurnCommitted("u1"))
            assert w.events[-1] == TurnCommitted("u1~1")
            w.session.say("Yes.", ms=100)
            await settle()
            assert w.of(AgentTranscript)[-1].item == "a1"
            assert [each.text for each in w.conversation.record.history.told()] == ["A", "Yes."]

    tell(story())


def test_forced_while_the_caller_speaks_the_turn_is_heard_whole(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(69)
            n = w.session.begin("On and on")
            await asyncio.sleep(22.5)
            for _ in range(100):
                w.conversation.send_audio(b"\x01" * 160)
            model.sessions[0].finish(n)
            model.sessions[0].does(SpeechStarted("u", None))
            await settle()
            for _ in range(50):
                w.conversation.send_audio(b"\x02" * 160)
                await asyncio.sleep(0.02)
            assert w.conversation.rollovers == 1
            assert b"".join(w.session.heard) == b"\x01" * 4000 + b"\x02" * 8000
            assert asked(w.session) == []
            assert w.reasons == []

    tell(story())


def test_forced_with_an_open_call(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await w.does(ToolCall("1", "a", "{}"))
            await asyncio.sleep(93)
            assert w.conversation.rollovers == 1
            w.conversation.send_tool_result("1", "one")
            ((kind, text),) = asked(w.session)
            assert kind == "instruct"
            assert "one" in text

    tell(story())


def test_an_answer_being_generated_is_never_cut(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(69)
            first = model.sessions[0]
            n = first.begin("On and on", ms=200)
            await asyncio.sleep(29)
            assert w.conversation.rollovers == 0
            first.finish(n)
            await asyncio.sleep(0.1)
            assert w.conversation.rollovers == 1
            assert w.of(ResponseDone)[-1].status == "completed"

    tell(story())


def test_limit_reached_in_the_middle_of_an_answer_the_next_session_is_there_at_once(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(69)
            first = model.sessions[0]
            first.turn("Why?")
            first.begin("On and on", ms=200)
            await asyncio.sleep(20)
            first.lose("session_expired")
            await settle()
            assert w.reasons == ["session_expired"]
            assert len(model.sessions) == 2
            assert remembers(w.session) == [(Said("caller", "Why?"),)]
            assert asked(w.session) == [("create",)]

    tell(story())


def test_idle_session_that_dies_is_opened_again(world, refused):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            await asyncio.sleep(69)
            model.sessions[0].does(SpeechStarted("u", None))
            await asyncio.sleep(3)
            assert len(model.sessions) == 2
            model.refuses = [refused(), refused()]
            model.sessions[1].lose()
            await asyncio.sleep(10)
            assert len(model.sessions) == 3
            model.sessions[0].does(SpeechStopped("u", None), TurnCommitted("u"), CallerTranscript("u", "Hi.", True))
            model.sessions[0].say("Hello.")
            await asyncio.sleep(0.5)
            assert w.conversation.rollovers == 1
            assert w.conversation.reconnects == 0
            assert remembers(model.sessions[2]) == [(Said("caller", "Hi."), Said("agent", "Hello."))]

    tell(story())


def test_next_session_that_cannot_be_opened_is_tried_until_the_end(world, refused):
    async def story():
        model = world.Model(max_connection_s=100.0, refuses=[None] + [refused()] * 200)
        async with world(model) as w:
            await asyncio.sleep(99)
            assert 8 < len(model.asked_at) < 40
            assert w.error is None
            model.refuses.clear()
            await asyncio.sleep(4)
            assert w.conversation.rollovers == 1

    tell(story())


def test_announced_end(world):
    async def story():
        model = world.Model()
        async with world(model) as w:
            await asyncio.sleep(500)
            assert len(model.sessions) == 1
            w.session.ending_at = asyncio.get_running_loop().time() + 10
            await asyncio.sleep(6.5)
            assert w.conversation.rollovers == 1
            await asyncio.sleep(500)
            assert w.conversation.rollovers == 1

    tell(story())


def test_connection_limit_of_the_settings(world):
    async def story():
        model = world.Model(max_connection_s=3600.0)
        async with world(model, connection_s=2.0) as w:
            await asyncio.sleep(10)
            assert 5 <= w.conversation.rollovers <= 11
            assert w.reasons == []

    tell(story())


def test_without_a_limit_nobody_watches(world):
    async def story():
        async with world(world.Model(announces_end=False)):
            await asyncio.sleep(10)
            assert len(asyncio.all_tasks()) == 3  # the test, its reader, the session
        async with world(world.Model(announces_end=True)) as w:
            await asyncio.sleep(100_000)
            assert len(asyncio.all_tasks()) == 4
            assert len(w.models[0].sessions) == 1

    tell(story())


def test_session_that_does_not_tell_of_speech_is_not_exchanged_while_it_is_loud(world):
    async def story():
        model = world.Model(max_connection_s=100.0, hears_speech_start=False)
        async with world(model) as w:
            for _ in range(45):
                w.conversation.send_audio(LOUD)
                await asyncio.sleep(2)
            assert w.conversation.rollovers == 0
            assert len(model.sessions) == 2
            for _ in range(190):
                w.conversation.send_audio(b"\xff" * 160)
            await asyncio.sleep(0.5)
            assert w.conversation.rollovers == 0  # it may have been a question, and the answer takes its time
            for _ in range(20):
                w.conversation.send_audio(b"\xff" * 160)
            await asyncio.sleep(0.5)
            assert w.conversation.rollovers == 1

    tell(story())


async def speaks(w, chunk, count):
    for _ in range(count):
        w.conversation.send_audio(chunk)
        await asyncio.sleep(0.02)


def test_question_that_a_session_did_not_tell_of_is_waited_for_until_the_end(world):
    async def story():
        model = world.Model(max_connection_s=100.0, hears_speech_start=False)
        async with world(model) as w:
            await asyncio.sleep(69)
            await speaks(w, SILENCE, 20)
            await speaks(w, LOUD, 40)
            await speaks(w, SILENCE, 60)
            assert w.conversation.rollovers == 0
            model.sessions[0].turn("Why?")  # told of when it is answered
            model.sessions[0].say("Because.", ms=100)
            await speaks(w, SILENCE, 20)
            assert w.conversation.rollovers == 1
            assert LOUD not in w.session.heard
            assert asked(w.session) == []

    tell(story())


@pytest.mark.parametrize("when", ["forced", "insisted", "lost"])
def test_question_that_was_not_answered_in_time_is_heard_by_the_next_session(world, when):
    async def story():
        model = world.Model(max_connection_s=100.0, hears_speech_start=False)
        async with world(model, lead_s=2.0) as w:
            await asyncio.sleep({"forced": 97.4, "insisted": 96.5, "lost": 50.0}[when])
            await speaks(w, SILENCE, 20)
            await speaks(w, LOUD, 80)
            await speaks(w, SILENCE, 35 if when == "insisted" else 15)
            if when == "insisted":
                # It is forced from 99.0 on; but what was said may be answered any moment.
                assert w.conversation.rollovers == 0
            elif when == "lost":
                model.sessions[0].lose()
            await speaks(w, SILENCE, 120)
            assert (w.conversation.rollovers, w.conversation.reconnects) == ((0, 1) if when == "lost" else (1, 0))
            # All of it, from a little before its beginning, and once.
            heard = w.session.heard
            assert [chunk for chunk in heard if chunk == LOUD] == [LOUD] * 80
            assert 10 <= heard.index(LOUD) <= 25
            assert asked(w.session) == []
            assert w.conversation.dropped_ms == 0

    tell(story())


def test_turn_of_a_session_that_does_not_tell_of_speech_stops_what_the_last_one_said(world):
    async def story():
        model = world.Model(max_connection_s=100.0, hears_speech_start=False)
        async with world(model) as w:
            await asyncio.sleep(70)
            model.sessions[0].say("A minute.", ms=60_000)
            await asyncio.sleep(15)
            assert w.conversation.rollovers == 1
            model.sessions[-1].turn("Stop!")
            await settle()
            assert [type(each) for each in w.events if isinstance(each, Interrupted | TurnCommitted)] == [
                Interrupted,
                TurnCommitted,
            ]

    tell(story())


def test_late_words_and_costs_of_the_old_session_still_count(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model, transcript_s=20.0) as w:
            await asyncio.sleep(69)
            first = model.sessions[0]
            item = first.turn()
            first.say("Yes.", ms=100)
            await asyncio.sleep(15)
            assert w.conversation.rollovers == 1
            assert not first.left
            first.does(Usage(1, 2), Fault("x", "y"), AgentTranscript("a9", "void", True))
            first.does(CallerTranscript(item, "Late.", True), CallerTranscript("u77", "Nobody's.", True))
            await settle()
            assert w.of(Usage) == [Usage(1, 2)]
            assert [event.text for event in w.of(CallerTranscript)] == ["Late."]
            assert w.of(Fault) == []
            assert [each.text for each in w.conversation.record.history.told()] == ["Late.", "Yes."]
            await asyncio.sleep(20)
            assert first.left

    tell(story())


def test_dropped_audio_is_summed(world):
    async def story():
        model = world.Model(max_connection_s=100.0)
        async with world(model) as w:
            w.session.dropped_ms = 40.0
            await asyncio.sleep(75)
            w.session.dropped_ms = 2.0
            assert w.conversation.dropped_ms == 42.0
        assert w.conversation.dropped_ms == 42.0

    tell(story())


def test_chat(world):
    async def story():
        brief = Brief("m", "", PCMU, PCMU, modality="text")
        async with world(world.Model(max_connection_s=100.0), brief=brief) as w:
            w.conversation.send_text("Hello?")
            n = w.session.begin("Hi, how are you today")
            await settle()
            w.conversation.amend(f"a{n}", "Hi, how")
            w.session.finish(n)
            await settle()
            assert asked(w.session) == [("text", "Hello?"), ("amend", "a1", "Hi, how")]
            await asyncio.sleep(80)
            assert remembers(w.session) == [(Said("caller", "Hello?"), Said("agent", "Hi, how"))]
            w.conversation.amend(f"a{n}", "Hi")
            assert asked(w.session) == []
            w.conversation.send_text("Still there?")
            w.session.lose()
            await settle()
            assert [each.text for each in remembers(w.session)[0]] == ["Hello?", "Hi", "Still there?"]
            assert asked(w.session) == [("create",)]
            assert w.of(Reconnected) == [Reconnected("closed_1006")]

    tell(story())
