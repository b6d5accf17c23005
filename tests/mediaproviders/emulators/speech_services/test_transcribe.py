"""Each rule of Transcribe, in which the emulator rejects: first at the head of a stream, then in it."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aws_sdk_transcribe_streaming import models
from aws_sdk_transcribe_streaming.client import AsyncTranscribeStreamingClient
from aws_sdk_transcribe_streaming.config import AsyncTranscribeStreamingConfig
from smithy_core.exceptions import CallError

from mediaproviders.aws.transport import Transport
from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.aws import Refusal, Request
from mediaproviders.emulators.speech_services.transcribe import TranscribeEmulator, TranscribeSettings
from mediaproviders.emulators.speech_services.transcribe.requests import admit

AUDIO = babble(1, 400, 8000).astype("<i2").tobytes()


@asynccontextmanager
async def emulator(**settings):
    async with TranscribeEmulator(TranscribeSettings(**{"transcript_ms": 1.0, **settings})) as running:
        yield running


async def hear(running, *chunks, and_wait=False, **wanted):
    """The results through the SDK alone."""
    transport = Transport(str(running.certificates.authority))
    config = await AsyncTranscribeStreamingConfig.resolve(
        region="us-east-1",
        endpoint_uri=running.url,
        transport=transport,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="secret-AKIATEST",
    )
    wanted = {"language_code": "en-US", "media_sample_rate_hertz": 8000, "media_encoding": "pcm", **wanted}
    try:
        async with asyncio.timeout(10):
            stream = await AsyncTranscribeStreamingClient(config=config).start_stream_transcription(
                models.StartStreamTranscriptionInput(**wanted)
            )
            for chunk in chunks:
                event = models.AudioStreamAudioEvent(value=models.AudioEvent(audio_chunk=chunk))
                await stream.input_stream.send(event)
            if not and_wait:
                await stream.input_stream.close()
            _, output = await stream.await_output()
            results = []
            while (event := await output.receive()) is not None:
                if not hasattr(event.value, "transcript"):
                    raise event.value
                results += event.value.transcript.results
            return results
    finally:
        await transport.leave()


async def test_partial_results_come_before_the_final_ones():
    async with emulator(hears=("one two three four five",), interim_ms=300) as running:
        results = await hear(running, AUDIO, AUDIO)
        assert [(result.result_id, result.is_partial) for result in results] == [
            ("r1", True),
            ("r1", True),
            ("r1", False),
            ("r2", False),
        ]
        finals = [result.alternatives[0].transcript for result in results if not result.is_partial]
        assert finals == ["one two three", "four five"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"language_code": "english"}, "languageCode"),
        ({"language_code": None}, "languageCode"),
        ({"media_encoding": "flac"}, "mediaEncoding"),
        ({"media_encoding": None}, "mediaEncoding"),
        ({"media_sample_rate_hertz": 7999}, "mediaSampleRateHertz"),
        ({"media_sample_rate_hertz": None}, "mediaSampleRateHertz"),
        ({"vocabulary_name": "shop"}, "vocabulary"),
        ({"vocabulary_filter_name": "rude"}, "vocabulary-filter-name is no parameter"),
    ],
)
async def test_heads_it_refuses(wanted, said):
    async with emulator() as running:
        with pytest.raises(CallError, match=said):
            await hear(running, **wanted)
        assert running.sessions[0].of("refused")[0]["code"] == "BadRequestException"


@pytest.mark.parametrize(
    ("chunks", "settings", "said"),
    [
        ((AUDIO + b"x",), {}, "whole samples"),
        ((bytes(32 * 1024 + 2),), {}, "at most 32 KB"),
        ((AUDIO,), {"idle_s": 0.1}, "no new audio"),
        ((AUDIO, AUDIO), {"stream_s": 0.5}, "maximum session duration"),
    ],
)
async def test_audio_it_refuses(chunks, settings, said):
    async with emulator(**settings) as running:
        with pytest.raises(CallError, match=said):
            await hear(running, *chunks, and_wait=True)


@pytest.mark.parametrize(
    ("method", "target", "kind"),
    [
        ("GET", "/stream-transcription", "UnknownOperationException"),
        ("POST", "/other", "UnknownOperationException"),
        ("POST", "/stream-transcription?", "MissingAuthenticationTokenException"),
    ],
)
def test_doors_it_keeps_shut(method, target, kind):
    with pytest.raises(Refusal) as refused:
        admit(Request(method, target, (("host", "x"),)), TranscribeSettings(), 0.0)
    assert refused.value.kind == kind


async def test_another_region():
    async with emulator(region="eu-west-1") as running:
        with pytest.raises(CallError, match="InvalidSignatureException"):
            await hear(running)


def test_it_has_no_port_before_it_is_entered():
    with pytest.raises(RuntimeError, match="not running"):
        _ = TranscribeEmulator().port
