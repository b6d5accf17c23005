"""What the adapter makes of a service that misbehaves, on a real socket."""

import pytest

from mediaproviders.contract import (
    AgentTranscript,
    Audio,
    CallerTranscript,
    Fault,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    TurnCommitted,
    Usage,
)
from mediaproviders.emulators.gemini import Fault as Mishap
from mediaproviders.emulators.gemini import GeminiEmulator
from support.geminiemulator import brief, calling, provider, settings


def scripted(*faults, **fields):
    return GeminiEmulator(settings(faults=faults, **fields))


async def ends_with(emulator):
    async with calling(provider(emulator), brief()) as call:
        call.turn()
        error = await call.until_over()
        assert isinstance(error, ProviderError)
        return error.code, error.retryable


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, "", ("closed_1000", True)),
        (1001, "", ("closed_1001", True)),
        (1007, "Request contains an invalid argument.", ("closed_1007", True)),
        (1008, "Operation is not implemented, or supported, or enabled.", ("closed_1008", True)),
        (1011, "Internal error encountered.", ("closed_1011", True)),
        (1011, "You exceeded your current quota, please check your plan.", ("rate_limit_exceeded", True)),
        (1007, "The input token count exceeds the maximum number.", ("invalid_configuration", False)),
    ],
)
async def test_close_codes(code, reason, expected):
    async with scripted(Mishap("close", on_turn=1, after_ms=80, code=code, reason=reason)) as emulator:
        assert await ends_with(emulator) == expected


async def test_a_reset_in_the_middle_of_a_word():
    async with scripted(Mishap("reset", on_turn=1, after_ms=80)) as emulator:
        assert await ends_with(emulator) == ("connection_lost", True)


@pytest.mark.parametrize("kind", ["binary_garbage", "not_json", "truncated_json"])
async def test_a_little_garbage_is_survived_and_a_lot_is_not(kind):
    async with (
        scripted(Mishap(kind, on_turn=1, after_ms=80, times=3)) as emulator,
        calling(provider(emulator), brief()) as call,
    ):
        call.turn()
        await call.until_events(Usage)
        assert [each.code for each in call.of(Fault)] == ["malformed"] * 3
        assert b"".join(each.data for each in call.of(Audio)) == emulator.answers.audio(0, "audio/pcm")
    async with scripted(Mishap(kind, on_turn=1, after_ms=80, times=25)) as emulator:
        assert await ends_with(emulator) == ("protocol", True)


@pytest.mark.parametrize("kind", ["unknown_event", "unknown_field"])
async def test_what_is_unknown_is_passed_over(kind):
    async with (
        scripted(Mishap(kind, on_turn=1, after_ms=80, times=30)) as emulator,
        calling(provider(emulator), brief()) as call,
    ):
        call.turn()
        await call.until_events(Usage)
        assert not call.of(Fault)
        assert call.conversation.session.ignored >= 30


async def test_events_in_an_impossible_order():
    async with scripted(Mishap("wrong_order", on_turn=1)) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until(lambda: call.of(Usage) and call.of(ResponseDone))
        started, done = call.of(ResponseStarted), call.of(ResponseDone)
        assert [each.response for each in started] == [each.response for each in done]
        assert b"".join(each.data for each in call.of(Audio)) == emulator.answers.audio(0, "audio/pcm")
        assert call.of(TurnCommitted)


async def test_an_empty_answer_is_told_and_can_be_asked_for_again():
    async with (
        scripted(Mishap("empty", on_turn=1), hears=("hello",)) as emulator,
        calling(provider(emulator), brief()) as call,
    ):
        call.turn()
        await call.until_events(ResponseDone)
        assert [type(each) for each in call.events[:3]] == [TurnCommitted, ResponseStarted, ResponseDone]
        call.conversation.create_response()
        await call.until_events(ResponseDone, 2)
        assert len(call.of(TurnCommitted)) == 1
        # The words came late, and belong to the turn all the same.
        (heard,) = (each for each in call.of(CallerTranscript) if each.final)
        assert (heard.item, heard.text) == (call.of(TurnCommitted)[0].item, "hello")


async def test_an_empty_answer_to_a_request_of_ours():
    async with (
        scripted(Mishap("empty", on_turn=1)) as emulator,
        calling(provider(emulator), brief(greeting="Hello.")) as call,
    ):
        call.conversation.greet()
        await call.until_events(ResponseDone)
        assert not call.of(Audio)
        call.conversation.create_response()
        await call.until_events(Audio)
        assert not call.of(TurnCommitted)


async def test_interrupted_although_nobody_speaks():
    async with scripted(Mishap("interrupted", at_s=0.0)) as emulator, calling(provider(emulator), brief()) as call:
        await call.until_events(Interrupted)
        assert len(call.events) == 1
        call.turn()
        await call.until_events(Usage)
        assert [each.status for each in call.of(ResponseDone)] == ["completed"]


async def test_a_flood_and_a_stall():
    flood, stall = Mishap("flood", on_turn=1, after_ms=80, seconds=10), Mishap("stall", on_turn=2, seconds=0.2)
    async with scripted(flood, stall) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(ResponseDone)
        assert sum(len(each.data) for each in call.of(Audio)) >= 10 * 48_000
        call.turn()
        await call.until_events(ResponseDone, 2)
        assert call.of(AgentTranscript)[-1].text.startswith("This is answer number 2")


async def test_a_service_that_falls_silent():
    """The wait is the server's business; leaving must not hang."""
    async with (
        scripted(Mishap("mute", on_turn=1, after_ms=80)) as emulator,
        calling(provider(emulator), brief()) as call,
    ):
        call.turn()
        await call.until(lambda: len(call.of(Audio)) == 2)
        assert call.error is None


async def test_a_turn_that_is_never_answered_is_reported_all_the_same():
    script = settings(faults=(Mishap("stall", on_turn=1, seconds=60),), hears=("hello there",))
    async with GeminiEmulator(script) as emulator, calling(provider(emulator), brief()) as call:
        call.turn()
        await call.until_events(TurnCommitted)
        assert not call.of(ResponseStarted)
