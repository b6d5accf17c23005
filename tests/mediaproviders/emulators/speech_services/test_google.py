"""Each rule of Google's speech services, in which the emulator rejects."""

import asyncio
import io
import math
import wave
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("google.cloud.speech_v1")
pytest.importorskip("google.cloud.texttospeech_v1")

import grpc.aio
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import speech_v1 as speech
from google.cloud import texttospeech_v1 as tts
from google.cloud.speech_v1.services.speech.transports import SpeechGrpcAsyncIOTransport
from google.cloud.texttospeech_v1.services.text_to_speech.transports import TextToSpeechGrpcAsyncIOTransport

from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.google import GoogleSpeechEmulator, GoogleSpeechSettings
from mediaproviders.emulators.speech_services.voice import spoken

CONFIG = {"encoding": "LINEAR16", "sample_rate_hertz": 8000, "language_code": "en-US", "model": "telephony"}
AUDIO = babble(1, 500, 8000).astype("<i2").tobytes()
VOICE = {"name": "en-US-Chirp3-HD-Charon", "language_code": "en-US"}


@asynccontextmanager
async def emulator(**settings):
    quick = {"pace": Pace(first_audio_ms=1.0, rate=math.inf), "transcript_ms": 1.0, **settings}
    async with GoogleSpeechEmulator(GoogleSpeechSettings(**quick)) as running:
        yield running


def config(**change):
    return speech.StreamingRecognizeRequest(streaming_config={"config": {**CONFIG, **change}, "interim_results": True})


def audio(content=AUDIO):
    return speech.StreamingRecognizeRequest(audio_content=content)


async def hear(running, *requests, and_wait=False):
    async def sent():
        for request in requests:
            yield request
        if and_wait:
            await asyncio.Event().wait()

    async with grpc.aio.insecure_channel(running.url) as channel:
        client = speech.SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
        async with asyncio.timeout(5):
            responses = [each async for each in await client.streaming_recognize(requests=sent(), retry=None)]
    return [result for response in responses for result in response.results]


async def test_results_come_in_parts_and_interim_ones_before():
    async with emulator(hears=("one two three four five",), interim_ms=400) as running:
        results = await hear(running, config(), audio(), audio())
        assert [result.is_final for result in results] == [False, False, True, True]
        finals = [result.alternatives[0].transcript for result in results if result.is_final]
        assert " ".join(finals) == "one two three four five"


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ((), "Expected streaming_config"),
        ((audio(),), "Expected streaming_config"),
        ((config(), config()), "exactly one config"),
        ((config(), audio(b"")), "Expected audio_content"),
        ((config(encoding="FLAC"),), "hears LINEAR16 and MULAW"),
        ((config(encoding="ENCODING_UNSPECIFIED"),), "hears LINEAR16 and MULAW"),
        ((config(sample_rate_hertz=7999),), "sample_rate_hertz"),
        ((config(encoding="MULAW", sample_rate_hertz=16000),), "sample_rate_hertz"),
        ((config(language_code=""),), "bad language code"),
        ((config(language_code="english"),), "bad language code"),
        ((config(model="guesswork"),), "incorrect model"),
        ((config(audio_channel_count=2),), "one channel"),
    ],
)
async def test_recognitions_it_refuses(requests, said):
    async with emulator() as running:
        with pytest.raises(GoogleAPICallError, match=said) as refused:
            # What follows a refusal would hide it: gRPC forgets the status of a stream that is still written to.
            await hear(running, *requests, and_wait=bool(requests))
        assert refused.value.grpc_status_code.name == "INVALID_ARGUMENT"
        assert running.sessions[0].of("refused")


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"stream_s": 0.4}, "maximum allowed stream duration"), ({"idle_s": 0.1}, "without audio")],
)
async def test_streams_that_are_too_long_or_idle(settings, said):
    async with emulator(**settings) as running:
        with pytest.raises(GoogleAPICallError, match=said) as refused:
            await hear(running, config(), audio(), and_wait=True)
        assert refused.value.grpc_status_code.name == "OUT_OF_RANGE"


async def hear_whole(running, content=AUDIO, **change):
    async with grpc.aio.insecure_channel(running.url) as channel:
        client = speech.SpeechAsyncClient(transport=SpeechGrpcAsyncIOTransport(channel=channel))
        answer = await client.recognize(config={**CONFIG, **change}, audio={"content": content}, retry=None, timeout=5)
    return [result.alternatives[0].transcript for result in answer.results]


async def test_a_turn_in_one_request():
    async with emulator(hears=("one two three four five",)) as running:
        assert " ".join(await hear_whole(running)) == "one two three four five"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": b""}, "not set"),
        ({"content": bytes(16 * 60_001)}, "too long"),
        ({"model": "guesswork"}, "incorrect model"),
    ],
)
async def test_whole_turns_it_refuses(change, said):
    async with emulator() as running:
        with pytest.raises(GoogleAPICallError, match=said):
            await hear_whole(running, **change)


@asynccontextmanager
async def voices(running):
    async with grpc.aio.insecure_channel(running.url) as channel:
        yield tts.TextToSpeechAsyncClient(transport=TextToSpeechGrpcAsyncIOTransport(channel=channel))


async def speak(running, text="Hello.", voice=VOICE, **config):
    async with voices(running) as client:
        config = {"audio_encoding": "LINEAR16", **config}
        answer = await client.synthesize_speech(
            input={"text": text}, voice=voice, audio_config=config, retry=None, timeout=5
        )
        return answer.audio_content


async def test_all_but_raw_pcm_has_a_header():
    async with emulator() as running:
        with wave.open(io.BytesIO(await speak(running, sample_rate_hertz=8000))) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            assert file.readframes(file.getnframes()) == spoken("Hello.", "pcm16", 8000)
        assert await speak(running, audio_encoding="PCM") == spoken("Hello.", "pcm16", 24000)
        mu_law = await speak(running, audio_encoding="MULAW", sample_rate_hertz=8000)
        assert mu_law[:4] == b"RIFF" and mu_law.endswith(spoken("Hello.", "pcmu", 8000))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": ""}, "must be set"),
        ({"text": "a" * 5001}, "longer than the limit"),
        ({"text": "ü" * 2501}, "longer than the limit"),
        ({"voice": {"name": "en-US-Chirp3-HD-Charon"}}, "language_code must be set"),
        ({"voice": {"name": "Nobody", "language_code": "en-US"}}, "does not exist"),
        ({"voice": {"name": "de-DE-Neural2-F", "language_code": "en-US"}}, "doesn't match"),
        ({"audio_encoding": "MP3"}, "Unsupported audio encoding"),
        ({"audio_encoding": "AUDIO_ENCODING_UNSPECIFIED"}, "Unsupported audio encoding"),
        ({"sample_rate_hertz": 7999}, "Unsupported sample rate"),
        ({"speaking_rate": 2.5}, "Invalid speaking rate"),
    ],
)
async def test_speech_it_refuses(change, said):
    async with emulator() as running:
        with pytest.raises(GoogleAPICallError, match=said) as refused:
            await speak(running, **change)
        assert refused.value.grpc_status_code.name == "INVALID_ARGUMENT"


def stream_config(voice=VOICE, **change):
    config = {"audio_encoding": "PCM", "sample_rate_hertz": 8000, **change}
    return tts.StreamingSynthesizeRequest(streaming_config={"voice": voice, "streaming_audio_config": config})


def stream_text(text="Hello."):
    return tts.StreamingSynthesizeRequest(input={"text": text})


async def stream(running, *requests, and_wait=False):
    async def sent():
        for request in requests:
            yield request
        if and_wait:
            await asyncio.Event().wait()

    async with voices(running) as client:
        call = await client.streaming_synthesize(requests=sent(), retry=None, timeout=5)
        return b"".join([each.audio_content async for each in call])


async def test_a_stream_speaks_text_after_text():
    async with emulator() as running:
        both = await stream(running, stream_config(), stream_text("One."), stream_text("Two."))
        assert both == spoken("One.", "pcm16", 8000) + spoken("Two.", "pcm16", 8000)


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ((), "has to be its streaming_config"),
        ((stream_text(),), "has to be its streaming_config"),
        ((stream_config(), stream_config()), "have to have input.text"),
        ((stream_config(), stream_text("")), "have to have input.text"),
        ((stream_config({"name": "en-US-Neural2-F", "language_code": "en-US"}),), "only Chirp 3: HD"),
        ((stream_config(audio_encoding="LINEAR16"),), "Unsupported audio encoding"),
    ],
)
async def test_streams_it_refuses(requests, said):
    async with emulator() as running:
        with pytest.raises(GoogleAPICallError, match=said):
            await stream(running, *requests, and_wait=bool(requests))


def test_it_has_no_port_before_it_is_entered():
    with pytest.raises(RuntimeError, match="not running"):
        _ = GoogleSpeechEmulator().port
