"""Each rule of Polly, in which the emulator rejects."""

import asyncio
import math
from contextlib import asynccontextmanager

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from openai import DefaultAsyncHttpxClient as HttpClient

from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.polly import PollyEmulator, PollySettings
from mediaproviders.emulators.speech_services.voice import spoken


@asynccontextmanager
async def emulator(**settings):
    settings = {"pace": Pace(first_audio_ms=1.0, rate=math.inf), **settings}
    async with PollyEmulator(PollySettings(**settings)) as running:
        yield running


async def ask(running, **wanted):
    """The service's answer through boto3, which is told not to check anything itself."""

    def call():
        session = boto3.Session("AKIATEST", "secret-AKIATEST", region_name="us-east-1")
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1}, proxies={})
        client = session.client("polly", endpoint_url=running.url, config=config)
        asked = {"Text": "Hello.", "OutputFormat": "pcm", "VoiceId": "Joanna", **wanted}
        answer = client.synthesize_speech(**{name: value for name, value in asked.items() if value is not None})
        return answer["ContentType"], answer["RequestCharacters"], answer["AudioStream"].read()

    return await asyncio.to_thread(call)


async def test_what_is_left_out_has_a_default():
    async with emulator() as running:
        assert await ask(running) == ("audio/pcm", 6, spoken("Hello.", "pcm16", 16000))
        assert (await ask(running, OutputFormat="mulaw"))[2] == spoken("Hello.", "pcmu", 8000)
        marked = await ask(running, Text="<speak>Hello.<break/></speak>", TextType="ssml")
        assert marked[1:] == (6, spoken("Hello.", "pcm16", 16000))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Text": None}, "ValidationException"),
        ({"VoiceId": None}, "ValidationException"),
        ({"OutputFormat": None}, "ValidationException"),
        ({"OutputFormat": "wav"}, "ValidationException"),
        ({"OutputFormat": "mp3"}, "ValidationException"),
        ({"VoiceId": "Nobody"}, "ValidationException"),
        ({"Engine": "steam"}, "ValidationException"),
        ({"TextType": "html"}, "ValidationException"),
        ({"LanguageCode": "tlh"}, "ValidationException"),
        ({"LanguageCode": "de-DE"}, "LanguageNotSupportedException"),
        ({"Engine": "long-form"}, "EngineNotSupportedException"),
        ({"VoiceId": "Ruth"}, "EngineNotSupportedException"),  # the engine left out is the standard one
        ({"SampleRate": "22050"}, "InvalidSampleRateException"),
        ({"SampleRate": "16000", "OutputFormat": "mulaw"}, "InvalidSampleRateException"),
        ({"Text": "a" * 3001}, "TextLengthExceededException"),
        ({"Text": f"<speak>a{'<break/>' * 800}</speak>", "TextType": "ssml"}, "TextLengthExceededException"),
        ({"Text": "<speak>a", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"Text": "<p>a</p>", "TextType": "ssml"}, "InvalidSsmlException"),
        ({"LexiconNames": ["names"]}, "LexiconNotFoundException"),
    ],
)
async def test_what_it_refuses(change, code):
    async with emulator(lexicons=frozenset({"others"})) as running:
        with pytest.raises(ClientError) as refused:
            await ask(running, **change)
        assert refused.value.response["Error"]["Code"] == code
        assert running.sessions[0].of("refused")[0]["code"] == code


async def post(running, body, content_type="application/json", tamper=None):
    request = AWSRequest("POST", f"{running.url}/v1/speech", {"Content-Type": content_type}, body)
    SigV4Auth(Credentials("AKIATEST", "secret-AKIATEST"), "polly", "us-east-1").add_auth(request)
    async with HttpClient(trust_env=False) as client:
        return await client.post(request.url, headers=dict(request.headers), content=tamper or body)


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "SerializationException"), (b"[]", "SerializationException"), (b'{"Voice":"x"}', "ValidationException")],
)
async def test_bodies_that_make_no_sense(body, code):
    async with emulator() as running:
        answer = await post(running, body)
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, code)


async def test_bodies_of_another_type_and_bodies_that_were_changed():
    async with emulator() as running:
        assert (await post(running, b"{}", "text/plain")).status_code == 415
        changed = await post(running, b"{}", tamper=b"[]")
        assert (changed.status_code, changed.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
        async with HttpClient(trust_env=False) as client:
            assert (await client.post(f"{running.url}/v1/speech", json={})).status_code == 403
            assert (await client.post(f"{running.url}/v1/other", json={})).status_code == 404
