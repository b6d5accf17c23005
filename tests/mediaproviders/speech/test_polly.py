"""Polly through boto3, against the strict emulator."""

import asyncio
import math
import threading
from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU
from mediaproviders.emulators.aws import Secret
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.polly import PollyEmulator, PollySettings
from mediaproviders.emulators.speech_services.voice import spoken
from mediaproviders.speech.amazon import PollyTextToSpeech
from support.speech_services import ALWAYS, TEXT, fault_of, patience, say

SLOW = Pace(first_audio_ms=5.0, rate=1.0)


@asynccontextmanager
async def emulator(*faults, **settings):
    settings = {"pace": Pace(first_audio_ms=1.0, rate=math.inf), "faults": faults, **settings}
    async with PollyEmulator(PollySettings(**settings)) as running:
        yield running


@asynccontextmanager
async def voice(running, **settings):
    keys = {"access_key_id": "AKIATEST", "secret_access_key": "secret-AKIATEST"}
    service = PollyTextToSpeech("us-east-1", endpoint_url=running.url, **{**keys, **settings})
    try:
        yield service
    finally:
        await service.close()


@pytest.mark.parametrize(("form", "name"), [(PCMU, "mulaw"), (PCMA, "alaw"), (PCM16_8K, "pcm"), (PCM16_16K, "pcm")])
async def test_a_text_in_every_format(form, name):
    async with emulator() as running, voice(running, language="en-US") as service:
        await service.start()
        assert form in service.formats
        assert b"".join(await say(service, form=form)) == spoken(TEXT, form.encoding, form.rate)
        (_, asked), *_ = running.sessions[0].client_events
        assert asked == {
            "Text": TEXT,
            "TextType": "text",
            "OutputFormat": name,
            "SampleRate": str(form.rate),
            "VoiceId": "Joanna",
            "Engine": "neural",
            "LanguageCode": "en-US",
        }


async def test_split_samples_are_put_together():
    async with emulator(Fault("odd")) as running, voice(running) as service:
        pieces = await say(service, form=PCM16_8K)
        assert all(len(piece) % 2 == 0 for piece in pieces)
        assert b"".join(pieces) == spoken(TEXT, "pcm16", 8000)


async def test_connections_serve_the_next_text_as_well():
    async with emulator() as running, voice(running) as service:
        for _ in range(3):
            await say(service)
        assert len({session.of("session")[0]["peer"] for session in running.sessions}) == 1


async def test_a_long_text_takes_several_requests():
    text = "This is a sentence of some length. " * 100
    async with emulator(ms_per_character=1) as running, voice(running) as service:
        await say(service, text)
        parts = [session.client_events[0][1]["Text"] for session in running.sessions]
        assert len(parts) == 2 and " ".join(parts) == text.strip()


async def test_texts_are_spoken_at_the_same_time_and_the_loop_goes_on():
    async with emulator(pace=Pace(first_audio_ms=200.0, rate=math.inf)) as running, voice(running) as service:
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.01)

        ticking = asyncio.create_task(tick())
        spoken_at_once = await asyncio.gather(*(say(service, f"Text number {n}.") for n in range(4)))
        ticking.cancel()
        assert len({b"".join(each) for each in spoken_at_once}) >= 2
        sessions = running.sessions
        begun = [session.of("response_created")[0]["t"] for session in sessions]
        done = [session.of("response_done")[0]["t"] for session in sessions]
        assert max(begun) < min(done) and ticks >= 5


async def test_closing_the_iterator_stops_the_service(watch):
    async with emulator(pace=SLOW, record=watch.record) as running, voice(running) as service:
        speaking = service.speak("word " * 100, PCMU)
        await anext(speaking)
        await speaking.aclose()
        assert (await watch.seen("closed"))["sent_ms"] < 3000
        # The thread that read is free again.
        assert b"".join(await say(service, "Hi.")) == spoken("Hi.", "pcmu", 8000)


async def test_cancelling_while_audio_is_waited_for_stops_the_service(watch):
    async with (
        emulator(Fault("stall", after_ms=200), record=watch.record) as running,
        voice(running, threads=1) as service,
    ):
        speaking = asyncio.create_task(say(service))
        await watch.seen("fault")
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        await watch.seen("closed")
        assert b"".join(await say(service, "Hi.")) == spoken("Hi.", "pcmu", 8000)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 403, "ExpiredTokenException"), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 429), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 402, "ServiceQuotaExceededException"), ("insufficient_quota", False)),
        (Fault("refuse", ALWAYS, 500), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("stall", ALWAYS, after_ms=200), ("stalled", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("reset", ALWAYS, after_ms=200), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
        (Fault("empty", ALWAYS), ("protocol", True)),
        (Fault("flood", ALWAYS, seconds=120), ("protocol", True)),
    ],
)
async def test_misfortunes(fault, expected):
    async with emulator(fault) as running, voice(running, first_audio_s=patience(fault), stall_s=0.5) as service:
        assert await fault_of(say(service)) == expected


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"secret_access_key": "wrong"}, "invalid_api_key"),
        ({"access_key_id": "nobody"}, "invalid_api_key"),
        ({"voice": "Ruth", "engine": "standard"}, "invalid_configuration"),
        ({"voice": "Joanna", "language": "de-DE"}, "invalid_configuration"),
        ({"voice": "Nobody"}, "invalid_configuration"),
        ({"lexicons": ["names"]}, "invalid_configuration"),
        ({"profile": "nobody", "access_key_id": None, "secret_access_key": None}, "invalid_configuration"),
    ],
)
async def test_settings_the_service_does_not_take(settings, code):
    async with emulator() as running, voice(running, **settings) as service:
        assert await fault_of(say(service)) == (code, False)


async def test_temporary_keys():
    keys = {"ASIATEMP": Secret("s", "token")}
    mine = {"access_key_id": "ASIATEMP", "secret_access_key": "s"}
    async with emulator(keys=keys.get) as running:
        async with voice(running, session_token="token", **mine) as service:
            assert await say(service)
        async with voice(running, session_token="old", **mine) as service:
            assert await fault_of(say(service)) == ("invalid_api_key", False)


async def test_another_region():
    async with emulator(region="eu-west-1") as running, voice(running) as service:
        assert await fault_of(say(service)) == ("invalid_api_key", False)


async def test_a_port_where_nobody_listens():
    async with emulator() as running, voice(running) as service:
        await service.start()
        await running.__aexit__()
        assert await fault_of(say(service)) == ("unreachable", True)


async def test_closing_leaves_no_thread():
    before = set(threading.enumerate())
    async with emulator() as running, voice(running) as service:
        await say(service)
        mine = [thread for thread in threading.enumerate() if thread not in before]
        assert mine
    for thread in mine:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


async def test_formats_it_does_not_speak():
    async with emulator() as running, voice(running) as service:
        assert await fault_of(say(service, form=PCM16_24K)) == ("invalid_configuration", False)
        assert not running.sessions
