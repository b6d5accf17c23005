"""Real speech in, real speech out: offline ears and voice around models behind strict emulators."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from mediacodecs.g711 import PCMU as MU_LAW
from mediaproviders.cascade import Cascade
from mediaproviders.contract import (
    PCMU,
    Audio,
    Brief,
    CallerTranscript,
    Conversation,
    Event,
    Fault,
    Interrupted,
    Provider,
    ResponseDone,
    SpeechStarted,
    ToolCall,
    ToolSpec,
    TurnCommitted,
)
from mediaproviders.emulators.chat import ChatEmulator, ChatPace, ChatSettings
from mediaproviders.emulators.openai import EmulatorSettings, OpenAIEmulator, Pace
from mediaproviders.local import speak
from mediaproviders.local.match import words
from mediaproviders.openai_chat import OpenAIChat
from mediaproviders.openai_realtime import OpenAIRealtime
from mediaproviders.speech.local import LocalSpeechToText, LocalTextToSpeech
from support.real_speech import recordings

on_one_loop = pytest.mark.asyncio(loop_scope="session")
"""The processes belong to the loop they were started on."""

QUESTION = "What are your opening hours?"
ANSWER = "We are open from nine in the morning. We are closed on Sunday, and in August we are away for the whole month."
TIME = ToolSpec("get_time", "The time.", {"type": "object", "properties": {}})
QUICK = ChatPace(50, 100)


class Services:
    """The offline ears and voice, shared by the tests: loading takes seconds."""

    def __init__(self) -> None:
        self.ears, self.voice = LocalSpeechToText(), LocalTextToSpeech()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def services() -> AsyncIterator[Services]:
    made = Services()
    await asyncio.gather(made.ears.start(), made.voice.start())
    yield made
    await made.ears.close()
    await made.voice.close()


@asynccontextmanager
async def talk(text: Provider, services: Services, **changes: Any) -> AsyncIterator[Conversation]:
    cascade = Cascade(text, services.ears, services.voice, ears_timeout_s=30, voice_timeout_s=30)
    of = Brief(**{"model": "gpt-5", "instructions": "Be brief.", "input_format": PCMU, "output_format": PCMU} | changes)
    async with cascade.connect(of) as conversation:
        yield conversation
    await text.close()


@asynccontextmanager
async def chat(
    services: Services, settings: ChatSettings, **changes: Any
) -> AsyncIterator[tuple[Conversation, ChatEmulator]]:
    """A call with a text model behind an emulated chat endpoint."""
    async with ChatEmulator(settings) as emulator:
        async with talk(OpenAIChat("sk-test", emulator.url), services, **changes) as conversation:
            yield conversation, emulator
        assert not [entry for session in emulator.sessions for entry in session.of("refused")]


async def until(conversation: Conversation, wanted: Callable[[Event], bool]) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(60):
        async for event in conversation:
            events.append(event)
            if wanted(event):
                return events
    raise AssertionError(f"the session ended: {events}")


async def answered(conversation: Conversation) -> list[Event]:
    return await until(conversation, lambda event: isinstance(event, ResponseDone))


async def said(text: str) -> bytes:
    """`text` in the caller's voice, and a second of silence, as mu-law."""
    pcm = await asyncio.to_thread(speak.synthesise, text, 8000)
    return MU_LAW.encode(pcm) + b"\xff" * 8000


async def heard(services: Services, events: list[Event]) -> set[str]:
    """The words in the audio among the events."""
    sound = b"".join(event.data for event in events if isinstance(event, Audio))
    return set(words(await services.ears.workers.hear(MU_LAW.decode(sound), 8000)))


def of[Kind](events: list[Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


@on_one_loop
async def test_a_question_to_a_text_model_over_the_telephone(services: Services) -> None:
    async with chat(
        services, ChatSettings(pace=QUICK, answer_texts=(ANSWER,)), greeting="Welcome to Riverside Clinic."
    ) as (conversation, emulator):
        conversation.greet()
        events = await answered(conversation)
        assert {"welcome", "riverside"} <= await heard(services, events)
        conversation.send_audio(b"\xff" * 8000 * 3)
        conversation.send_audio(await said(QUESTION))
        events = await answered(conversation)
        assert len(of(events, SpeechStarted)) == len(of(events, TurnCommitted)) == 1
        assert {"opening", "hours"} <= set(words(of(events, CallerTranscript)[0].text))
        assert {"open", "morning", "closed", "sunday", "august"} <= await heard(services, events)
        assert not of(events, Fault)
        ((_, request),) = emulator.sessions[0].client_events
        assert [message["role"] for message in request["messages"]] == ["system", "assistant", "user"]


@on_one_loop
async def test_the_caller_interrupts_and_the_model_is_told_what_was_heard(services: Services) -> None:
    async with chat(services, ChatSettings(pace=QUICK, answer_texts=(ANSWER,))) as (conversation, emulator):
        conversation.send_audio(await said(QUESTION))
        events = await answered(conversation)
        item = of(events, Audio)[0].item
        conversation.send_audio(await said("Wait, please stop."))
        events = await until(conversation, lambda event: isinstance(event, Interrupted))
        conversation.truncate(item, 1000)
        await answered(conversation)
        (_, request) = emulator.sessions[0].client_events[-1]
        kept = request["messages"][2]
        assert kept["role"] == "assistant" and ANSWER.startswith(kept["content"])
        assert 0 < len(kept["content"]) < 30
        assert "stop" in words(request["messages"][3]["content"])


@on_one_loop
async def test_a_tool_is_called_and_its_result_is_spoken(services: Services) -> None:
    async with chat(services, ChatSettings(pace=QUICK, tool_on_turn={1: ("get_time", "{}")}), tools=(TIME,)) as (
        conversation,
        _,
    ):
        conversation.send_audio(await said("What time is it?"))
        (call,) = of(await answered(conversation), ToolCall)
        conversation.send_tool_result(call.call, "twelve o'clock")
        assert {"function", "the"} <= await heard(services, await answered(conversation))


@on_one_loop
async def test_noise_is_not_a_turn(services: Services) -> None:
    noise = np.random.default_rng(1).normal(0, 300, 8000 * 3).astype(np.int16)
    async with chat(services, ChatSettings(pace=QUICK)) as (conversation, _):
        conversation.send_audio(MU_LAW.encode(noise))
        conversation.send_audio(await said(QUESTION))
        events = await answered(conversation)
        assert len(of(events, TurnCommitted)) == 1


@pytest.mark.tool("pocketsphinx-testdata")
@on_one_loop
async def test_a_recording_of_somebody_reading_is_understood(services: Services) -> None:
    async with chat(services, ChatSettings(pace=QUICK, answer_texts=("Thank you.",))) as (conversation, _):
        conversation.send_audio(MU_LAW.encode(recordings(8000)[0]) + b"\xff" * 8000)
        events = await until(conversation, lambda event: isinstance(event, ResponseDone) and event.reason is None)
        text = " ".join(event.text for event in of(events, CallerTranscript))
        assert len(words(text)) >= 4 and "thank" in await heard(services, events)


@on_one_loop
async def test_a_realtime_model_in_the_text_modality(services: Services) -> None:
    settings = EmulatorSettings(pace=Pace(first_audio_ms=50.0), answer_texts=(ANSWER,))
    async with OpenAIEmulator(settings) as emulator:
        model = OpenAIRealtime("sk-test", emulator.url)
        async with talk(model, services, model="gpt-realtime") as conversation:
            conversation.send_audio(await said(QUESTION))
            events = await answered(conversation)
            assert {"open", "morning", "closed", "sunday"} <= await heard(services, events)
            item = of(events, Audio)[0].item
            conversation.send_audio(await said("Wait, please stop."))
            await until(conversation, lambda event: isinstance(event, Interrupted))
            conversation.truncate(item, 1000)
            conversation.truncate(item, 500)
            events = await answered(conversation)
            assert events[-1].status == "completed" and not of(events, Fault)
        assert not emulator.sessions[0].of("refused")
