"""The adapter against the strict emulator: nothing it sends may be refused."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import (
    PCM16_24K,
    PCMA,
    PCMU,
    AgentTranscript,
    Audio,
    Brief,
    CallerTranscript,
    Interrupted,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolSpec,
    TurnCommitted,
    Usage,
)
from mediaproviders.contract import Fault as Survived
from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator, Pace, Refuse
from mediaproviders.openai_realtime import OpenAIRealtime

NOISE = random.Random(1).randbytes(160)
SILENCE = b"\xff" * 160
QUICK = Pace(first_audio_ms=30.0, rate=10.0)


@asynccontextmanager
async def talk(brief, **settings):
    settings.setdefault("pace", QUICK)
    settings.setdefault("answer_ms", 1000)
    settings.setdefault("transcription_ms", 5.0)
    async with OpenAIEmulator(EmulatorSettings(**settings)) as emulator:
        provider = OpenAIRealtime("sk-test", emulator.url)
        async with provider.connect(brief) as conversation:
            yield conversation, emulator
    for session in emulator.sessions:
        refused = [entry for entry in session.of("refused") if entry.get("code") != "session_expired"]
        assert refused == []


def brief(input_format=PCMU, output_format=PCMU, **fields):
    return Brief("gpt-realtime", "Be brief.", input_format, output_format, **fields)


async def until(conversation, kind, *more):
    """The events up to the last of the awaited kinds, in whatever order these come."""
    events, missing = [], [kind, *more]
    async with asyncio.timeout(20):
        while missing:
            events.append(await anext(conversation))
            if type(events[-1]) in missing:
                missing.remove(type(events[-1]))
    return events


def say(conversation, speech_ms=300, silence_ms=600):
    for _ in range(speech_ms // 20):
        conversation.send_audio(NOISE)
    for _ in range(silence_ms // 20):
        conversation.send_audio(SILENCE)


def of(events, kind):
    return [event for event in events if type(event) is kind]


def client_events(session):
    return [event["type"] for _, event in session.client_events]


@pytest.mark.parametrize(("output", "bytes_per_ms"), [(PCMU, 8), (PCMA, 8), (PCM16_24K, 48)])
async def test_greeting(output, bytes_per_ms):
    async with talk(brief(output_format=output, greeting="Hello!", voice="marin")) as (conversation, emulator):
        conversation.greet()
        events = await until(conversation, ResponseDone)
        assert sum(len(audio.data) for audio in of(events, Audio)) == 1000 * bytes_per_ms
        assert of(events, AgentTranscript)[-1] == AgentTranscript(
            of(events, Audio)[0].item, "This is answer number 1 of the emulated model.", True
        )
        assert of(events, Usage)[0].output_audio_tokens > 0
        assert events[-1].status == "completed"
        created = [event for _, event in emulator.sessions[0].client_events if event["type"] == "response.create"]
        assert created[0]["response"]["instructions"].endswith("Hello!")


async def test_spoken_turn_and_history():
    said = (Said("caller", "Hi."), Said("agent", "Hello."), Said("system", "The caller is known."))
    async with talk(brief(history=said), hears=("How late is it?",)) as (conversation, emulator):
        say(conversation)
        events = await until(conversation, ResponseDone, CallerTranscript)
        kinds = [SpeechStarted, SpeechStopped, TurnCommitted, ResponseStarted, Audio, ResponseDone]
        assert [type(event) for event in events if type(event) in kinds and type(event) is not Audio] == [
            kind for kind in kinds if kind is not Audio
        ]
        assert of(events, CallerTranscript)[-1].text == "How late is it?"
        assert client_events(emulator.sessions[0]) == ["session.update"] + ["conversation.item.create"] * 3
        assert conversation.dropped_ms == 0


@pytest.mark.parametrize("late_after_done", [False, True])
async def test_barge_in_decided_by_the_provider(late_after_done):
    async with talk(brief(), answer_ms=8000, late_after_done=late_after_done) as (conversation, emulator):
        say(conversation)
        first = of(await until(conversation, Audio), Audio)[0]
        say(conversation, silence_ms=0)
        await until(conversation, Interrupted)
        conversation.truncate(first.item, 60)
        after = await until(conversation, ResponseDone)
        say(conversation, speech_ms=0)
        assert of(after, Audio) == []
        assert (after[-1].status, after[-1].reason) == ("cancelled", "turn_detected")
        second = await until(conversation, Audio)
        assert first.response not in [audio.response for audio in of(second, Audio)]
        truncated = emulator.sessions[0].of("truncate")
        assert len(truncated) == 1
        assert client_events(emulator.sessions[0]) == ["session.update", "conversation.item.truncate"]


@pytest.mark.parametrize("late_after_done", [False, True])
async def test_barge_in_decided_here(late_after_done):
    settings = {"answer_ms": 8000, "late_after_done": late_after_done}
    async with talk(brief(interruption="local"), **settings) as (conversation, emulator):
        say(conversation)
        events = await until(conversation, TurnCommitted)
        assert of(events, ResponseStarted) == []
        conversation.create_response()
        first = of(await until(conversation, Audio), Audio)[0]
        say(conversation, silence_ms=0)
        await until(conversation, SpeechStarted)
        assert of(await until(conversation, Audio), Audio)[0].response == first.response
        conversation.cancel()
        conversation.truncate(first.item, 10_000_000)
        conversation.create_response()
        after = await until(conversation, ResponseStarted)
        assert of(after, Audio) == []
        assert of(after, ResponseDone)[0].reason == "client_cancelled"
        second = await until(conversation, ResponseDone)
        assert {audio.response for audio in of(second, Audio)} == {second[-1].response}
        assert emulator.sessions[0].of("truncate")


async def test_interrupted_before_a_word_was_heard():
    async with talk(brief(interruption="local"), answer_ms=4000) as (conversation, emulator):
        conversation.create_response()
        item = of(await until(conversation, Audio), Audio)[0].item
        conversation.cancel()
        conversation.truncate(item, 0)
        await until(conversation, ResponseDone)
        assert emulator.sessions[0].of("truncate")


async def test_tool():
    tool = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
    settings = {"tool_on_turn": {1: ("weather", '{"city":"Oslo"}')}}
    async with talk(brief(tools=(tool,)), **settings) as (conversation, emulator):
        say(conversation)
        call = of(await until(conversation, ToolCall), ToolCall)[0]
        assert (call.name, call.arguments) == ("weather", '{"city":"Oslo"}')
        conversation.send_tool_result(call.call, '{"sky":"grey"}')
        await until(conversation, ResponseDone)
        answer = await until(conversation, ResponseDone)
        assert of(answer, Audio)
        assert of(answer, ToolCall) == []
        sent = client_events(emulator.sessions[0])
        assert sent == ["session.update", "conversation.item.create", "response.create"]


async def test_typed_text():
    async with talk(brief()) as (conversation, _):
        conversation.send_text("1234#")
        assert of(await until(conversation, ResponseDone), Audio)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("close", on_turn=1, after_ms=300), "closed_1011"),
        (Fault("close", on_turn=1, after_ms=300, code=1001), "closed_1001"),
        (Fault("reset", on_turn=1, after_ms=300), "closed_1006"),
        (Fault("expire", on_turn=1, after_ms=300), "session_expired"),
    ],
)
async def test_lost_in_an_answer(fault, code):
    async with talk(brief(), faults=(fault,)) as (conversation, _):
        say(conversation)
        with pytest.raises(ProviderError) as ended:
            await until(conversation, ResponseDone)
        assert (ended.value.code, ended.value.retryable) == (code, True)


async def test_refused_first():
    refusing = EmulatorSettings(refusals=(Refuse(429, retry_after_s=1),))
    async with OpenAIEmulator(refusing) as emulator:
        provider = OpenAIRealtime("sk-test", emulator.url)
        with pytest.raises(ProviderError) as refused:
            async with provider.connect(brief()):
                pass
        assert refused.value.retryable
        async with provider.connect(brief()):
            pass


async def test_wrong_key():
    async with OpenAIEmulator(EmulatorSettings(accepted_key="sk-right")) as emulator:
        with pytest.raises(ProviderError) as refused:
            async with OpenAIRealtime("sk-wrong", emulator.url).connect(brief()):
                pass
        assert (refused.value.code, refused.value.retryable) == ("invalid_api_key", False)


async def test_every_setting_is_accepted():
    own = {
        "voice": "coral",
        "speed": 1.2,
        "noise_reduction": "near_field",
        "input_audio_transcription_language": "en",
        "input_audio_transcription_prompt": "Parcels.",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.6,
            "prefix_padding_ms": 200,
            "silence_duration_ms": 300,
        },
    }
    whole = brief(advanced={"openai_realtime": own}, max_output_tokens=2000)
    async with talk(whole) as (conversation, _):
        say(conversation, silence_ms=400)
        assert of(await until(conversation, ResponseDone), Audio)


@pytest.mark.parametrize("kind", ["binary_garbage", "not_json", "truncated_json", "error", "unknown_event"])
async def test_nonsense_in_an_answer(kind):
    async with talk(brief(), faults=(Fault(kind, on_turn=1, after_ms=200),)) as (conversation, _):
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert events[-1].status == "completed"
        assert len(of(events, Survived)) == (kind != "unknown_event")


async def test_failed_response():
    async with talk(brief(), faults=(Fault("fail_response", on_turn=1, after_ms=200),)) as (conversation, _):
        say(conversation)
        events = await until(conversation, ResponseDone)
        assert (events[-1].status, events[-1].reason) == ("failed", "server_error")
        conversation.create_response()
        assert (await until(conversation, ResponseDone))[-1].status == "completed"
