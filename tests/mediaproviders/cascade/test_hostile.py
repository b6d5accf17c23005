"""A text model that misbehaves, as the caller of a cascade has it: never dead air for ever, never a word twice."""

import asyncio
from typing import Any

import pytest

from mediaproviders.cascade import Cascade
from mediaproviders.contract import AgentTranscript, Event, Fault, ProviderError, ResponseDone
from mediaproviders.emulators.chat import ChatEmulator, ChatPace, ChatSettings, Refuse
from mediaproviders.emulators.chat import Fault as Misfortune
from mediaproviders.openai_chat import OpenAIChat
from support.cascade import MS_PER_LETTER, TableEars, TableVoice, brief, sound_ms
from support.localmodel import LoudIsSpeech, turn

ANSWER = "One two three four. Five six seven eight."


async def call(until: type[Event] = ResponseDone, **settings: Any) -> tuple[list[Event], ProviderError | None]:
    """One question: all that happens until the response is over, or the session."""
    events: list[Event] = []
    async with ChatEmulator(ChatSettings(pace=ChatPace(5, 2000), answer_texts=(ANSWER,), **settings)) as emulator:
        model = OpenAIChat("sk-test", emulator.url, timeout_s=0.7)
        cascade = Cascade(model, TableEars(["Count."]), TableVoice(), detector=LoudIsSpeech)
        try:
            async with asyncio.timeout(10), cascade.connect(brief()) as conversation:
                conversation.send_audio(turn())
                async for event in conversation:
                    events.append(event)
                    if isinstance(event, until):
                        break
                if isinstance(event, ResponseDone) and event.status == "failed":
                    # Whether the session ends with it: what comes next, or nothing for a moment.
                    async with asyncio.timeout(0.2):
                        events += [event async for event in conversation]
        except ProviderError as error:
            return events, error
        except TimeoutError:
            return events, None
        finally:
            await cascade.close()
    return events, None


def spoken(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, AgentTranscript) and not event.final)


@pytest.mark.parametrize("fault", ["stall", "reset", "early_end", "not_json", "garbage", "error"])
async def test_once_before_the_first_word_the_caller_notices_nothing(fault: Any) -> None:
    events, error = await call(faults=(Misfortune(fault, seconds=60),))
    assert error is None and spoken(events) == ANSWER and isinstance(events[-1], ResponseDone)
    assert sound_ms(events) == (len(ANSWER) - 1) * MS_PER_LETTER


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("mute", "stalled"),
        ("reset", "unreachable"),
        ("early_end", "connection_lost"),
        ("not_json", "protocol"),
        ("error", "server_error"),
    ],
)
async def test_in_the_middle_what_came_is_spoken_and_the_session_goes_on(fault: Any, code: str) -> None:
    events, error = await call(faults=(Misfortune(fault, after_words=6),))
    assert error is None and spoken(events) == "One two three four. Five six "
    (done,) = [event for event in events if isinstance(event, ResponseDone)]
    assert (done.status, done.reason) == ("failed", code)
    assert [event.code for event in events if isinstance(event, Fault)] == [code]


@pytest.mark.parametrize(
    ("settings", "code", "retryable"),
    [
        ({"faults": (Misfortune("mute", 0),)}, "stalled", True),
        ({"faults": (Misfortune("reset", 0),)}, "unreachable", True),
        ({"refusals": (Refuse(401, range(9)),)}, "invalid_api_key", False),
        ({"refusals": (Refuse(429, range(9), retry_after_s=20),)}, "rate_limit_exceeded", True),
        ({"refusals": (Refuse(503, range(9)),)}, "server_error", True),
    ],
)
async def test_for_ever_the_session_ends_with_the_reason(settings: Any, code: str, retryable: bool) -> None:
    events, error = await call(**settings)
    assert error is not None and (error.code, error.retryable) == (code, retryable)
    assert spoken(events) == ""


async def test_a_flood_is_cut_off_and_the_caller_can_interrupt_what_is_left() -> None:
    events, error = await call(Fault, faults=(Misfortune("flood", after_words=2, size=300_000),))
    assert error is None and sound_ms(events) < 15_000
    assert [event.code for event in events if isinstance(event, Fault)] == ["protocol"]


@pytest.mark.parametrize("fault", ["unknown_chunk", "unknown_fields"])
async def test_what_is_unknown_is_passed_over(fault: Any) -> None:
    events, error = await call(faults=(Misfortune(fault),))
    assert error is None and spoken(events) == ANSWER


async def test_an_empty_answer_is_for_the_server_to_ask_again() -> None:
    events, error = await call(faults=(Misfortune("empty"),))
    assert error is None and spoken(events) == ""
    assert isinstance(events[-1], ResponseDone) and events[-1].status == "completed"


async def test_the_wrong_order_is_spoken_as_it_comes() -> None:
    events, error = await call(faults=(Misfortune("wrong_order"),))
    assert error is None and sorted(spoken(events)) == sorted(ANSWER)
