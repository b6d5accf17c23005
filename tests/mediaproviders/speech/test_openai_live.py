"""OpenAI's live transcription through the official SDK, against the strict emulator."""

from contextlib import asynccontextmanager

import pytest

from mediaproviders.contract import PCM16_8K, PCM16_24K, PCMA, PCMU, ProviderError
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.openai import OpenAILiveEmulator, OpenAISpeechSettings
from mediaproviders.speech.openai import OpenAILiveSpeechToText
from support.speech_services import ALWAYS, caller, fault_of, patience, recognise


@asynccontextmanager
async def emulator(*faults, **settings):
    settings = {"transcript_ms": 5.0, "faults": faults, **settings}
    async with OpenAILiveEmulator(OpenAISpeechSettings(**settings)) as running:
        yield running
    assert all(session.of("closed") for session in running.sessions)


@asynccontextmanager
async def recogniser(running, key="sk-test", **settings):
    service = OpenAILiveSpeechToText(key, running.url, **settings)
    try:
        yield service
    finally:
        await service.close()


@pytest.mark.parametrize("form", [PCMU, PCMA, PCM16_24K])
async def test_a_turn_in_every_format(form):
    said = "Where is my parcel?"
    async with emulator(hears=(said,)) as running, recogniser(running, language="en", prompt="Parcels.") as service:
        await service.start()
        assert form in service.formats and await recognise(service, form) == said
        (_, asked), *_ = running.sessions[0].client_events
        heard = asked["audio"]["input"]
        assert heard["format"]["type"] == ("audio/pcm" if form == PCM16_24K else f"audio/{form.encoding}")
        assert heard["transcription"] == {"model": "gpt-4o-mini-transcribe", "language": "en", "prompt": "Parcels."}
        assert heard["turn_detection"] is None and not running.sessions[0].of("refused")


async def test_silence_and_next_to_nothing_have_no_words():
    async with emulator() as running, recogniser(running) as service:
        assert await recognise(service, PCMU, b"\xff" * 8000) == ""
        assert await recognise(service, PCMU, b"\xff" * 700) == ""


async def test_discarding_ends_the_connection(watch):
    async with emulator(record=watch.record) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        await utterance.discard()
        await watch.seen("closed")
        assert not running.sessions[0].of("committed")


async def test_a_broken_connection_is_made_up_for():
    async with emulator(Fault("reset"), hears=("One.", "Two.")) as running, recogniser(running) as service:
        assert await recognise(service) == "Two."


@pytest.mark.parametrize("kind", ["unknown_events", "wrong_order"])
async def test_what_it_survives(kind):
    async with emulator(Fault(kind)) as running, recogniser(running) as service:
        assert await recognise(service) == "(speech, 0.6 s)"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 503), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("truncate", ALWAYS), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
    ],
)
async def test_misfortunes(fault, expected):
    async with emulator(fault) as running, recogniser(running, timeout_s=patience(fault)) as service:
        assert await fault_of(recognise(service)) == expected


async def test_wrong_settings():
    async with emulator() as running:
        async with recogniser(running, "wrong") as service:
            assert await fault_of(recognise(service)) == ("invalid_api_key", False)
        async with recogniser(running, model="guesswork") as service:
            assert await fault_of(recognise(service)) == ("invalid_value", False)
            with pytest.raises(ProviderError, match="does not hear"):
                service.begin(PCM16_8K)


async def test_a_port_where_nobody_listens():
    async with emulator() as running:
        url = running.url
    service = OpenAILiveSpeechToText("sk-test", url)
    assert await fault_of(recognise(service)) == ("unreachable", True)
    await service.close()


async def test_azure():
    async def token():
        return "entra-token"

    async with emulator(hears=("Yes.",)) as running:
        service = OpenAILiveSpeechToText(token, running.azure_url, model="transcribe", azure=True)
        assert await recognise(service) == "Yes."
        await service.close()
