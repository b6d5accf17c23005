"""OpenAI's services through the official SDK, against the strict emulator."""

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, ProviderError
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.openai import OpenAISpeechEmulator, OpenAISpeechSettings
from mediaproviders.emulators.speech_services.voice import spoken
from mediaproviders.speech.openai import OpenAISpeechToText, OpenAITextToSpeech
from support import speech_services
from support.speech_services import ALWAYS, TEXT, caller, fault_of, patience, recognise

BURST = Pace(first_audio_ms=5.0, rate=math.inf)


@asynccontextmanager
async def emulator(*faults, **settings):
    settings = {"pace": BURST, "transcript_ms": 5.0, "faults": faults, **settings}
    async with OpenAISpeechEmulator(OpenAISpeechSettings(**settings)) as running:
        yield running


@asynccontextmanager
async def recogniser(running, key="sk-test", **settings):
    service = OpenAISpeechToText(key, running.url, **settings)
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def voice(running, key="sk-test", **settings):
    service = OpenAITextToSpeech(key, running.url, **settings)
    try:
        yield service
    finally:
        await service.close()


async def say(service, text=TEXT):
    return await speech_services.say(service, text, PCM16_24K)


# --- recognition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PCMU, PCMA, PCM16_8K, PCM16_16K, PCM16_24K])
async def test_a_turn_in_every_format(form):
    async with emulator(hears=("Where is my parcel?",)) as running, recogniser(running, language="en") as service:
        assert await recognise(service, form) == "Where is my parcel?"
        (_, asked), *_ = running.sessions[0].client_events
        assert asked["ms"] == pytest.approx(600) and asked["speech_ms"] >= 500
        assert (asked["model"], asked["language"], asked["stream"]) == ("gpt-4o-mini-transcribe", "en", "true")


async def test_a_model_that_does_not_stream():
    async with emulator(hears=("Hello.",)) as running, recogniser(running, model="whisper-1") as service:
        assert await recognise(service) == "Hello."


async def test_silence_has_no_words_and_a_click_is_not_sent():
    async with emulator(hears=("never",)) as running, recogniser(running) as service:
        assert await recognise(service, PCM16_8K, bytes(16000)) == ""
        assert await recognise(service, PCM16_8K, bytes(1500)) == ""
        assert len(running.sessions) == 1


async def test_connections_serve_the_next_turn_as_well():
    async with emulator() as running, recogniser(running) as service:
        for _ in range(3):
            await recognise(service)
        assert len(running.sessions) == 3
        assert len({session.of("session")[0]["peer"] for session in running.sessions}) == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429, retry_after_s=0.01), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 429, "insufficient_quota", retry_after_s=0.01), ("insufficient_quota", False)),
        (Fault("refuse", ALWAYS, 503, retry_after_s=0.01), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
        (Fault("truncate", ALWAYS), ("connection_lost", True)),
    ],
)
async def test_misfortunes_of_a_recognition(fault, expected):
    async with emulator(fault) as running, recogniser(running, timeout_s=patience(fault)) as service:
        assert await fault_of(recognise(service)) == expected


async def test_garbage_instead_of_a_whole_answer():
    async with emulator(Fault("garbage")) as running, recogniser(running, model="whisper-1") as service:
        assert await fault_of(recognise(service)) == ("protocol", True)


@pytest.mark.parametrize("kind", ["unknown_events", "wrong_order"])
async def test_what_a_recognition_survives(kind):
    async with emulator(Fault(kind), hears=("One two three four.",)) as running, recogniser(running) as service:
        assert await recognise(service) == "One two three four."


async def test_an_empty_answer_is_no_words():
    async with emulator(Fault("empty")) as running, recogniser(running) as service:
        assert await recognise(service) == ""


async def test_bad_luck_is_tried_again():
    async with emulator(Fault("refuse", status=500, retry_after_s=0.01)) as running, recogniser(running) as service:
        assert await recognise(service) != ""
        assert len(running.sessions) == 2


async def test_discarding_stops_the_request(watch):
    async with emulator(Fault("stall"), record=watch.record) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        finishing = asyncio.create_task(utterance.finish())
        await watch.seen("fault")
        await utterance.discard()
        with pytest.raises(asyncio.CancelledError):
            await finishing
        await watch.seen("closed")


async def test_discarding_before_the_end_asks_for_nothing():
    async with emulator() as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await utterance.discard()
        assert await utterance.finish() == ""
        assert not running.sessions


# --- speech --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [(), (Fault("odd"),)])
async def test_a_text_is_spoken_in_whole_samples(fault):
    async with emulator(*fault) as running, voice(running, instructions="Cheerfully.", speed=1.1) as service:
        pieces = await say(service)
        assert all(pieces) and all(len(piece) % 2 == 0 for piece in pieces)
        assert b"".join(pieces) == spoken(TEXT, "pcm16", 24000)
        (_, asked), *_ = running.sessions[0].client_events
        assert asked == {
            "model": "gpt-4o-mini-tts",
            "voice": "alloy",
            "input": TEXT,
            "response_format": "pcm",
            "instructions": "Cheerfully.",
            "speed": 1.1,
        }


async def test_the_first_audio_does_not_wait_for_the_rest():
    pace = Pace(first_audio_ms=20.0, rate=1.0)
    async with emulator(pace=pace) as running, voice(running) as service:
        speaking = service.speak("word " * 40, PCM16_24K)
        async with asyncio.timeout(5):
            assert await anext(speaking)
        await speaking.aclose()
        assert not running.sessions[0].of("last_delta")


async def test_closing_the_iterator_stops_the_service(watch):
    async with (
        emulator(record=watch.record, pace=Pace(first_audio_ms=5.0, rate=1.0)) as running,
        voice(running) as service,
    ):
        speaking = service.speak("word " * 100, PCM16_24K)
        await anext(speaking)
        await speaking.aclose()
        assert (await watch.seen("closed"))["sent_ms"] < 3000


async def test_cancelling_stops_the_service(watch):
    async with emulator(Fault("stall"), record=watch.record) as running, voice(running) as service:
        speaking = asyncio.create_task(say(service))
        await watch.seen("fault")
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        await watch.seen("closed")


async def test_a_long_text_takes_several_requests():
    text = "This is a sentence of some length. " * 150
    async with emulator(ms_per_character=1) as running, voice(running) as service:
        audio = b"".join(await say(service, text))
        parts = [session.client_events[0][1]["input"] for session in running.sessions]
        assert [len(part) <= 4096 and part.endswith(".") for part in parts] == [True, True]
        assert " ".join(parts) == text.strip()
        assert len(audio) == sum(len(spoken(part, "pcm16", 24000, 1)) for part in parts)


async def test_nothing_to_say_asks_for_nothing():
    async with emulator() as running, voice(running) as service:
        assert await say(service, "  \n") == []
        assert not running.sessions


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429, retry_after_s=0.01), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 500, retry_after_s=0.01), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("stall", ALWAYS, after_ms=200), ("stalled", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("reset", ALWAYS, after_ms=200), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
        (Fault("empty", ALWAYS), ("protocol", True)),
        (Fault("flood", ALWAYS, seconds=120), ("protocol", True)),
    ],
)
async def test_misfortunes_of_speech(fault, expected):
    async with emulator(fault) as running, voice(running, first_audio_s=patience(fault), stall_s=0.5) as service:
        assert await fault_of(say(service)) == expected


async def test_a_port_where_nobody_listens():
    async with emulator() as running:
        url = running.url
    service = OpenAITextToSpeech("sk-test", url)
    assert await fault_of(say(service)) == ("unreachable", True)
    await service.close()


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"voice": "nobody"}, "invalid_value"),
        ({"model": "tts-9"}, "model_not_found"),
        ({"speed": 9.0}, "invalid_value"),
    ],
)
async def test_settings_the_service_does_not_take(settings, code):
    async with emulator() as running, voice(running, **settings) as service:
        assert await fault_of(say(service)) == (code, False)


async def test_formats_it_does_not_know():
    async with emulator() as running, voice(running) as speaking, recogniser(running) as hearing:
        with pytest.raises(ProviderError, match="does not speak"):
            await anext(speaking.speak("Hello.", PCMU))
        assert speaking.formats == (PCM16_24K,) and PCMU in hearing.formats


# --- Azure ---------------------------------------------------------------------------------------------------------


async def token():
    return "entra-token"


@pytest.mark.parametrize("key", ["sk-azure", token])
@pytest.mark.parametrize("shape", ["ga", "ga_path", "dated"])
async def test_azure(key, shape):
    async with emulator(hears=("Yes.",)) as running:
        base = running.azure_url + ("/openai/v1" if shape == "ga_path" else "")
        access = {"api_version": "2025-04-01-preview"} if shape == "dated" else {"azure": True}
        hearing = OpenAISpeechToText(key, base, model="transcribe", **access)
        speaking = OpenAITextToSpeech(key, base, model="voice", **access)
        assert await recognise(hearing) == "Yes."
        assert b"".join(await say(speaking)) == spoken(TEXT, "pcm16", 24000)
        await hearing.close()
        await speaking.close()


@pytest.mark.parametrize("access", [{"azure": True}, {"api_version": "2025-04-01-preview"}])
async def test_what_azure_refuses(access):
    async with emulator() as running:
        for key, model, code in [("wrong", "voice", "invalid_api_key"), ("sk-1", "other", "model_not_found")]:
            service = OpenAITextToSpeech(key, running.azure_url, model=model, **access)
            assert await fault_of(say(service)) == (code, False)
            await service.close()


def test_azure_needs_an_endpoint():
    with pytest.raises(ProviderError, match="endpoint"):
        OpenAITextToSpeech("sk-1", azure=True)
