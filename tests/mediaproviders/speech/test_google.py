"""Google's services through their own clients, against the strict emulator."""

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("google.cloud.speech_v1")
pytest.importorskip("google.cloud.texttospeech_v1")

from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat, ProviderError
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.google import GoogleSpeechEmulator, GoogleSpeechSettings
from mediaproviders.emulators.speech_services.voice import spoken
from mediaproviders.speech.google import GoogleSpeechToText, GoogleTextToSpeech
from mediaproviders.speech.google.access import Access, Lazily
from support.speech_services import ALWAYS, TEXT, caller, fault_of, patience, recognise, say

STREAMED = "en-US-Chirp3-HD-Charon"
WHOLE = "de-DE-Neural2-F"


@asynccontextmanager
async def emulator(*faults, **settings):
    quick = {"pace": Pace(first_audio_ms=1.0, rate=math.inf), "transcript_ms": 5.0, "faults": faults, **settings}
    async with GoogleSpeechEmulator(GoogleSpeechSettings(**quick)) as running:
        yield running


@asynccontextmanager
async def recogniser(running, **settings):
    service = GoogleSpeechToText(endpoint=running.url, **settings)
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def voice(running, **settings):
    service = GoogleTextToSpeech(endpoint=running.url, **settings)
    try:
        yield service
    finally:
        await service.close()


# --- recognition ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PCMU, PCMA, PCM16_8K, PCM16_16K])
async def test_a_turn_in_every_format(form):
    said = "Where is my parcel with the shoes?"
    async with emulator(hears=(said,)) as running, recogniser(running, phrases=["parcel"]) as service:
        await service.start()
        assert form in service.formats
        assert await recognise(service, form) == said
        (_, asked), *_ = running.sessions[0].client_events
        encoding = "MULAW" if form == PCMU else "LINEAR16"
        assert (asked["encoding"], asked["rate"], asked["phrases"]) == (encoding, form.rate, ["parcel"])
        assert asked["ms"] == pytest.approx(600) and asked["speech_ms"] >= 500


async def test_audio_is_sent_while_it_is_spoken(watch):
    async with emulator(record=watch.record) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        assert await utterance.finish() == "(speech, 0.6 s)"


async def test_a_broken_stream_is_made_up_for():
    async with emulator(Fault("reset"), hears=("One.", "Two.")) as running, recogniser(running) as service:
        assert await recognise(service) in ("One.", "Two.")
        assert len(running.sessions) == 2


async def test_silence_and_next_to_nothing_have_no_words():
    async with emulator() as running, recogniser(running) as service:
        assert await recognise(service, PCM16_8K, bytes(16000)) == ""
        assert await recognise(service, PCM16_8K, bytes(1500)) == ""


@pytest.mark.parametrize("turns", range(6))
async def test_discarding_stops_the_stream(watch, turns):
    async with emulator(record=watch.record, transcript_ms=60_000) as running, recogniser(running) as service:
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        # At every stage of its opening: a stream not yet answered is the one that is hard to stop.
        for _ in range(turns):
            await asyncio.sleep(0)
        await utterance.discard()
        await watch.seen("closed")
        assert not running.sessions[0].of("response_done")


async def test_closing_the_service_stops_the_turns(watch):
    async with emulator(record=watch.record) as running:
        service = GoogleSpeechToText(endpoint=running.url)
        utterance = service.begin(PCMU)
        utterance.push(caller(PCMU))
        await watch.seen("session")
        await service.close()
        await watch.seen("closed")
        with pytest.raises(asyncio.CancelledError):
            await utterance.finish()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 500), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("truncate", ALWAYS), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
    ],
)
async def test_misfortunes_of_a_recognition(fault, expected):
    async with emulator(fault) as running, recogniser(running, timeout_s=patience(fault)) as service:
        assert await fault_of(recognise(service)) == expected


@pytest.mark.parametrize("settings", [{"language": "english"}, {"model": "guesswork"}], ids=["language", "model"])
async def test_settings_the_recogniser_does_not_take(settings):
    async with emulator() as running, recogniser(running, **settings) as service:
        assert await fault_of(recognise(service)) == ("invalid_configuration", False)


# --- speech --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PCMU, PCMA, PCM16_24K, PCM16_16K, PCM16_8K])
@pytest.mark.parametrize("name", [STREAMED, WHOLE])
async def test_a_text_in_every_format(name, form):
    async with emulator() as running, voice(running, voice=name, speed=1.5) as service:
        assert form in service.formats
        pieces = await say(service, form=form)
        assert b"".join(pieces) == spoken(TEXT, form.encoding, form.rate)
        assert (len(pieces) > 1) == (name == STREAMED)
        (_, asked), *_ = running.sessions[0].client_events
        assert asked == {"text": TEXT, "voice": name, "encoding": form.encoding, "rate": form.rate}


async def test_a_long_text_takes_several_requests():
    text = "Größe und Übermaß sind überall. " * 200
    async with emulator(ms_per_character=1) as running, voice(running, voice=WHOLE) as service:
        await say(service, text)
        parts = [session.client_events[0][1]["text"] for session in running.sessions]
        assert len(parts) == 2 and " ".join(parts) == text.strip()


async def test_split_samples_are_put_together():
    async with emulator(Fault("odd")) as running, voice(running) as service:
        pieces = await say(service, form=PCM16_8K)
        assert all(len(piece) % 2 == 0 for piece in pieces)
        assert b"".join(pieces) == spoken(TEXT, "pcm16", 8000)


async def test_closing_the_iterator_stops_the_service(watch):
    pace = Pace(first_audio_ms=5.0, rate=1.0)
    async with emulator(pace=pace, record=watch.record) as running, voice(running) as service:
        speaking = service.speak("word " * 100, PCMU)
        await anext(speaking)
        await speaking.aclose()
        assert (await watch.seen("closed"))["sent_ms"] < 3000


@pytest.mark.parametrize("name", [STREAMED, WHOLE])
async def test_cancelling_stops_the_service(name, watch):
    async with emulator(Fault("stall"), record=watch.record) as running, voice(running, voice=name) as service:
        speaking = asyncio.create_task(say(service))
        await watch.seen("fault")
        speaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speaking
        await watch.seen("closed")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("refuse", ALWAYS, 401), ("invalid_api_key", False)),
        (Fault("refuse", ALWAYS, 403), ("forbidden", False)),
        (Fault("refuse", ALWAYS, 429), ("rate_limit_exceeded", True)),
        (Fault("refuse", ALWAYS, 500), ("server_error", True)),
        (Fault("stall", ALWAYS), ("timeout", True)),
        (Fault("reset", ALWAYS), ("connection_lost", True)),
        (Fault("garbage", ALWAYS), ("protocol", True)),
        (Fault("empty", ALWAYS), ("protocol", True)),
        (Fault("flood", ALWAYS, seconds=120), ("protocol", True)),
    ],
)
@pytest.mark.parametrize("name", [STREAMED, WHOLE])
async def test_misfortunes_of_speech(name, fault, expected):
    async with emulator(fault) as running, voice(running, voice=name, first_audio_s=patience(fault)) as service:
        assert await fault_of(say(service)) == expected


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("stall", ALWAYS, after_ms=200), ("stalled", True)),
        (Fault("reset", ALWAYS, after_ms=200), ("connection_lost", True)),
    ],
)
async def test_misfortunes_in_the_middle_of_speech(fault, expected):
    async with emulator(fault) as running, voice(running, stall_s=0.3) as service:
        assert await fault_of(say(service)) == expected


@pytest.mark.parametrize("settings", [{"voice": "Nobody"}, {"language": "fr-FR"}, {"speed": 3.0}], ids=str)
async def test_settings_the_voice_does_not_take(settings):
    async with emulator() as running, voice(running, **settings) as service:
        assert await fault_of(say(service)) == ("invalid_configuration", False)


# --- getting in ----------------------------------------------------------------------------------------------------


async def test_keys():
    async with emulator(accepted_key="right") as running:
        for key, expected in (("wrong", "forbidden"), (None, "invalid_api_key")):
            async with voice(running, api_key=key) as service:
                assert await fault_of(say(service)) == (expected, False)
        async with voice(running, api_key="right") as service, recogniser(running, api_key="right") as hearing:
            assert await say(service)
            assert await recognise(hearing)


async def test_a_port_where_nobody_listens():
    async with emulator() as running:
        url = running.url
    service = GoogleTextToSpeech(endpoint=url)
    assert await fault_of(say(service)) == ("unreachable", True)
    await service.close()


async def test_without_the_extra():
    lazily = Lazily("google.cloud.nowhere_v1", lambda package: None)
    assert await fault_of(lazily.get()) == ("not-installed", False)
    await lazily.close()


async def test_without_credentials(tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    for file in (tmp_path / "nothing.json", wrong):
        service = GoogleTextToSpeech(credentials_file=str(file), endpoint="203.0.113.1:443")
        assert await fault_of(service.start()) == ("invalid_api_key", False)
    assert "hush" not in repr(Access(api_key="hush"))


async def test_formats_they_do_not_know():
    other = AudioFormat("pcm16", 44100)
    async with emulator() as running, voice(running) as speaking, recogniser(running) as hearing:
        assert await fault_of(say(speaking, form=other)) == ("invalid_configuration", False)
        with pytest.raises(ProviderError, match="does not hear"):
            hearing.begin(PCM16_24K)
