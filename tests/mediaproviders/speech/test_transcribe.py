"""Transcribe through the official SDK, against the strict emulator."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, ProviderError
from mediaproviders.emulators.aws import Secret
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.transcribe import TranscribeEmulator, TranscribeSettings
from mediaproviders.speech.amazon import TranscribeSpeechToText
from support.speech_services import ALWAYS, caller, fault_of, patience, recognise


@asynccontextmanager
async def emulator(*faults, **settings):
    settings = {"transcript_ms": 5.0, "faults": faults, **settings}
    async with TranscribeEmulator(TranscribeSettings(**settings)) as running:
        yield running


@asynccontextmanager
async def recogniser(running, **settings):
    keys = {"access_key_id": "AKIATEST", "secret_access_key": "secret-AKIATEST"}
    trust = {"endpoint_url": running.url, "ca_file": str(running.certificates.authority)}
    service = TranscribeSpeechToText("us-east-1", **{**keys, **trust, **settings})
    try:
        yield service
    finally:
        await service.close()


@pytest.mark.parametrize("form", [PCMU, PCMA, PCM16_8K, PCM16_16K])
async def test_a_turn_in_every_format(form):
    said = "Where is my parcel with the shoes?"
    async with (
        emulator(hears=(said,), vocabularies=frozenset({"shop"})) as running,
        recogniser(running, vocabulary="shop", language="en-GB") as service,
    ):
        await service.start()
        assert form in service.formats
        assert await recognise(service, form) == said
        (_, asked), *_ = running.sessions[0].client_events
        assert asked == {"language": "en-GB", "rate": form.rate, "ms": pytest.approx(600)}


async def test_several_turns_at_the_same_time():
    async with emulator() as running, recogniser(running) as service:
        lengths = (400, 800, 1200)
        texts = await asyncio.gather(*(recognise(service, PCMU, caller(PCMU, length)) for length in lengths))
        assert texts == ["(speech, 0.4 s)", "(speech, 0.8 s)", "(speech, 1.2 s)"]


async def test_audio_is_sent_while_it_is_spoken(watch):
    async with emulator(record=watch.record) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        assert await utterance.finish() == "(speech, 0.6 s)"


async def test_silence_half_a_sample_and_next_to_nothing():
    async with emulator() as running, recogniser(running) as service:
        assert await recognise(service, PCM16_8K, bytes(16000)) == ""
        assert await recognise(service, PCM16_8K, bytes(1500)) == ""
        assert await recognise(service, PCM16_8K, caller(PCM16_8K) + b"x") == "(speech, 0.6 s)"


async def test_discarding_ends_the_connection(watch):
    async with emulator(record=watch.record) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        await utterance.discard()
        await watch.seen("closed")
        assert not running.sessions[0].of("committed")


async def test_closing_the_service_stops_the_turns(watch):
    async with emulator(record=watch.record) as running:
        async with recogniser(running) as service:
            utterance = service.begin(PCMU)
            utterance.push(caller(PCMU))
            await watch.seen("session")
        await watch.seen("closed")
        with pytest.raises(asyncio.CancelledError):
            await utterance.finish()


async def test_a_broken_stream_is_made_up_for():
    async with emulator(Fault("reset"), hears=("One.", "Two.")) as running, recogniser(running) as service:
        assert await recognise(service) == "Two."
        assert len(running.sessions) == 2


async def test_unknown_events_and_an_empty_answer():
    async with emulator(Fault("unknown_events")) as running, recogniser(running) as service:
        assert await recognise(service) == "(speech, 0.6 s)"
    async with emulator(Fault("empty")) as running, recogniser(running) as service:
        assert await recognise(service) in ("", "…")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 500), ("server_error", True)),
        (Fault("refuse", ALWAYS, 503), ("server_error", True)),
        (Fault("refuse", ALWAYS, 429, after_ms=300), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 500, after_ms=300), ("server_error", True)),
        (Fault("refuse", ALWAYS, 403, after_ms=300), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 403, "ExpiredTokenException", after_ms=300), ("invalid_api_key", False)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("truncate", ALWAYS), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
    ],
)
async def test_misfortunes(fault, expected):
    async with emulator(fault) as running, recogniser(running, timeout_s=patience(fault)) as service:
        assert await fault_of(recognise(service)) == expected


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"secret_access_key": "wrong"}, "invalid_api_key"),
        ({"access_key_id": "nobody"}, "invalid_api_key"),
        ({"language": "english"}, "invalid_configuration"),
        ({"vocabulary": "shop"}, "invalid_configuration"),
    ],
)
async def test_settings_the_service_does_not_take(settings, code):
    async with emulator() as running, recogniser(running, **settings) as service:
        assert await fault_of(recognise(service)) == (code, False)


async def test_temporary_keys():
    keys = {"ASIATEMP": Secret("s", "token")}
    mine = {"access_key_id": "ASIATEMP", "secret_access_key": "s", "session_token": "token"}
    async with emulator(keys=keys.get) as running, recogniser(running, **mine) as service:
        assert await recognise(service) == "(speech, 0.6 s)"


async def test_formats_it_does_not_hear_and_a_missing_region(monkeypatch):
    async with emulator() as running, recogniser(running) as service:
        with pytest.raises(ProviderError, match="does not hear"):
            service.begin(PCM16_24K)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert await fault_of(TranscribeSpeechToText().start()) == ("invalid_configuration", False)
