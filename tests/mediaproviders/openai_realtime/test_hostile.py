"""Ten ways in which a service can be a bad host, and how each of them ends."""

import asyncio

import pytest

from mediaproviders.contract import (
    Audio,
    ProviderError,
    ResponseDone,
    ResponseStarted,
)
from mediaproviders.contract import Fault as Survived
from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator, Pace, Refuse
from support.realtime_services import SERVICES, brief, of, provider, say, talk, until

ALL = pytest.mark.parametrize("dialect", SERVICES)


async def answered(agent):
    """The next answer comes as if nothing had been."""
    agent.create_response()
    events = await until(agent, ResponseDone)
    assert (events[-1].status, sum(len(audio.data) for audio in of(events, Audio))) == ("completed", 8000)


async def end_of(agent):
    with pytest.raises(ProviderError) as ended:
        await until(agent, ResponseDone)
    return ended.value.code, ended.value.retryable


@ALL
async def test_stall(dialect):
    """It falls silent for a while: the answer goes on where it stopped, and nothing is lost."""
    async with talk(dialect, brief(dialect), faults=(Fault("stall", on_turn=1, after_ms=300, seconds=0.3),)) as (
        agent,
        _,
    ):
        await answered(agent)
        await answered(agent)


@ALL
async def test_mute(dialect):
    """It says nothing ever again: the caller of `anext` decides how long to wait, and leaving is prompt."""
    async with talk(dialect, brief(dialect), faults=(Fault("mute", on_turn=1),)) as (agent, _):
        agent.create_response()
        await until(agent, ResponseStarted)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(agent)), 0.1)


@ALL
async def test_flood(dialect):
    """A minute of audio at once: every byte of it is passed on, and speech still interrupts it."""
    fault = Fault("flood", on_turn=1, after_ms=100, seconds=60)
    async with talk(dialect, brief(dialect), faults=(fault,)) as (agent, _):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) >= 61_000 * 8
        await answered(agent)


@ALL
@pytest.mark.parametrize("kind", ["binary_garbage", "not_json", "truncated_json"])
async def test_garbage(dialect, kind):
    """A few senseless messages are counted and survived."""
    faults = tuple(Fault(kind, on_turn=1, after_ms=100.0 * n) for n in range(1, 4))
    async with talk(dialect, brief(dialect), faults=faults) as (agent, _):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert [fault.code for fault in of(events, Survived)] == ["malformed"] * 3
        assert events[-1].status == "completed"


@ALL
async def test_nothing_but_garbage(dialect):
    """Twenty-one in a row end the session."""
    faults = (Fault("not_json", at_s=0.1),) * 21
    async with talk(dialect, brief(dialect), faults=faults) as (agent, _):
        assert await end_of(agent) == ("protocol", True)


@ALL
async def test_wrong_order(dialect):
    """What belongs to no answer under way is dropped with one fault for each; the session goes on."""
    refusals = ("conversation_already_has_active_response",)
    faults = (Fault("wrong_order", on_turn=1),)
    async with talk(dialect, brief(dialect), may_be_refused=refusals, faults=faults) as (agent, _):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert (events[-1].status, of(events, Audio)) == ("completed", [])
        # It says it is over, and is not: our next request is refused, and repeated when it really is.
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) == 8000
        codes = {fault.code for fault in of(events, Survived)}
        assert codes == {"wrong_order", "conversation_already_has_active_response"}


@ALL
@pytest.mark.parametrize("settings", [{"accepted_key": "another"}, {"refusals": (Refuse(401),)}])
async def test_invalid_key(dialect, settings):
    """It cannot help to try again."""
    async with OpenAIEmulator(EmulatorSettings(dialect=dialect, **settings)) as emulator:
        with pytest.raises(ProviderError) as refused:
            async with provider(dialect, emulator.url).connect(brief(dialect)):
                pass
    assert (refused.value.code, refused.value.retryable) == ("invalid_api_key", False)


@ALL
async def test_key_that_expires(dialect):
    """The service says so in the middle of a session."""
    async with talk(dialect, brief(dialect), faults=(Fault("error", at_s=0.05, error_code="invalid_api_key"),)) as (
        agent,
        _,
    ):
        assert await end_of(agent) == ("invalid_api_key", False)


@ALL
@pytest.mark.parametrize(("status", "code"), [(429, "rate_limit_exceeded"), (503, "server_error")])
async def test_throttled_at_the_door(dialect, status, code):
    """Trying again may help."""
    settings = EmulatorSettings(dialect=dialect, refusals=(Refuse(status, retry_after_s=1),))
    async with OpenAIEmulator(settings) as emulator:
        with pytest.raises(ProviderError) as refused:
            async with provider(dialect, emulator.url).connect(brief(dialect)):
                pass
    assert (refused.value.code, refused.value.retryable) == (code, True)


@ALL
async def test_throttled_in_a_session(dialect):
    """One answer fails, and says why; the session goes on."""
    fault = Fault("fail_response", on_turn=1, after_ms=200, error_code="rate_limit_exceeded")
    async with talk(dialect, brief(dialect), faults=(fault,)) as (agent, _):
        agent.create_response()
        done = (await until(agent, ResponseDone))[-1]
        assert (done.status, done.reason) == ("failed", "rate_limit_exceeded")
        await answered(agent)


@ALL
async def test_reset_in_the_middle_of_a_word(dialect):
    """What came is passed on, then the session ends."""
    async with talk(dialect, brief(dialect), faults=(Fault("reset", on_turn=1, after_ms=300),)) as (agent, _):
        agent.create_response()
        await until(agent, Audio)
        assert await end_of(agent) == ("closed_1006", True)


@ALL
@pytest.mark.parametrize(
    ("code", "retryable"), [(1000, True), (1001, True), (1011, True), (1008, False), (4000, False)]
)
async def test_close_codes(dialect, code, retryable):
    """They are told apart by whether another session may work."""
    async with talk(dialect, brief(dialect), faults=(Fault("close", on_turn=1, after_ms=300, code=code),)) as (
        agent,
        _,
    ):
        agent.create_response()
        assert await end_of(agent) == (f"closed_{code}", retryable)


@ALL
async def test_age(dialect):
    """A session that reaches the service's limit can be followed by another."""
    async with talk(dialect, brief(dialect), may_be_refused=("session_expired",), session_s=0.2) as (agent, _):
        assert await end_of(agent) == ("session_expired", True)


@ALL
async def test_unknown_events(dialect):
    """They are counted and left alone."""
    faults = tuple(Fault("unknown_event", on_turn=1, after_ms=100.0 * n) for n in range(1, 6))
    async with talk(dialect, brief(dialect), faults=faults, ping_s=0.02) as (agent, _):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert of(events, Survived) == []
        assert agent.session.ignored > 5


@ALL
async def test_empty_answer(dialect):
    """It is an answer like any other, but without audio; the server decides what to make of it."""
    async with talk(dialect, brief(dialect), faults=(Fault("empty_answer", on_turn=1),)) as (agent, _):
        say(agent)
        events = await until(agent, ResponseDone)
        assert (events[-1].status, of(events, Audio)) == ("completed", [])
        await answered(agent)


@ALL
async def test_whole_answer_in_one_burst(dialect):
    """Nothing is too fast; a barge-in is then about what is already here."""
    burst = Pace(first_audio_ms=10.0, rate=float("inf"))
    async with talk(dialect, brief(dialect), pace=burst, answer_ms=8000) as (agent, emulator):
        agent.create_response()
        events = await until(agent, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) == 64_000
        agent.truncate(of(events, Audio)[0].item, 1234)
        await answered_with(agent, 64_000)
        assert [entry["audio_end_ms"] for entry in emulator.sessions[0].of("truncate")] == [1234]


async def answered_with(agent, size):
    agent.create_response()
    events = await until(agent, ResponseDone)
    assert sum(len(audio.data) for audio in of(events, Audio)) == size
