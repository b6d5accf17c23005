"""Each rule of OpenAI's audio endpoints, in which the emulator rejects."""

import base64
import io
import json
import math
import struct
import wave
from contextlib import asynccontextmanager

import pytest
from openai import APIStatusError, AsyncOpenAI, AuthenticationError
from openai import DefaultAsyncHttpxClient as HttpClient

from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.pace import Pace
from mediaproviders.emulators.speech_services.faults import Fault
from mediaproviders.emulators.speech_services.openai import OpenAISpeechEmulator, OpenAISpeechSettings
from mediaproviders.emulators.speech_services.voice import length_ms, spoken

KEY = {"Authorization": "Bearer sk-test"}


@asynccontextmanager
async def emulator(**settings):
    quick = {"pace": Pace(first_audio_ms=1.0, rate=math.inf), "transcript_ms": 1.0, **settings}
    async with OpenAISpeechEmulator(OpenAISpeechSettings(**quick)) as running:
        yield running


async def post(running, path, headers=KEY, **content):
    async with HttpClient(trust_env=False) as client:
        return await client.post(running.azure_url + path, headers=headers, **content)


def wav(length_ms=500, rate=8000, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(babble(1, length_ms, 8000).astype("<i2").tobytes())
    return file.getvalue()


SPEECH = {"model": "gpt-4o-mini-tts", "input": "Hello.", "voice": "alloy", "response_format": "pcm"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, "missing_required_parameter", "model"),
        ({"input": ""}, "missing_required_parameter", "input"),
        ({"voice": None}, "missing_required_parameter", "voice"),
        ({"input": ["a"]}, "invalid_value", "input"),
        ({"input": "a" * 4097}, "string_above_max_length", "input"),
        ({"voice": "nobody"}, "invalid_value", "voice"),
        ({"model": "tts-1", "voice": "marin"}, "invalid_value", "voice"),
        ({"model": "tts-1", "voice": {"id": "voice_1"}}, "invalid_value", "voice"),
        ({"model": "whisper-1"}, "invalid_value", "model"),
        ({"model": "tts-9"}, "model_not_found", None),
        ({"response_format": "pcm16"}, "invalid_value", "response_format"),
        ({"response_format": "mp3"}, "invalid_value", "response_format"),
        ({"speed": 5}, "invalid_value", "speed"),
        ({"speed": "fast"}, "invalid_value", "speed"),
        ({"stream_format": "ws"}, "invalid_value", "stream_format"),
        ({"model": "tts-1", "stream_format": "sse"}, "invalid_value", "stream_format"),
        ({"temperature": 1}, "unknown_parameter", "temperature"),
    ],
)
async def test_speech_it_refuses(change, code, param):
    async with emulator() as running:
        answer = await post(running, "/v1/audio/speech", json={**SPEECH, **change})
        assert answer.status_code == (404 if code == "model_not_found" else 400)
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == (code, param) and error["type"] == "invalid_request_error"
        assert running.sessions[0].of("refused")[0]["code"] == code


@pytest.mark.parametrize("body", [b"{", b"[]", b""])
async def test_speech_that_is_no_json_object(body):
    async with emulator() as running:
        assert (await post(running, "/v1/audio/speech", content=body)).status_code == 400


@pytest.mark.parametrize(
    ("fields", "file", "code", "param"),
    [
        ({}, wav(), "missing_required_parameter", "model"),
        ({"model": "whisper-1"}, None, "missing_required_parameter", "file"),
        ({"model": "whisper-9"}, wav(), "model_not_found", None),
        ({"model": "tts-1"}, wav(), "invalid_value", "model"),
        ({"model": "whisper-1", "language": "english"}, wav(), "invalid_value", "language"),
        ({"model": "whisper-1", "response_format": "srt"}, wav(), "invalid_value", "response_format"),
        ({"model": "whisper-1", "stream": "maybe"}, wav(), "invalid_value", "stream"),
        ({"model": "whisper-1", "colour": "red"}, wav(), "unknown_parameter", "colour"),
        ({"model": "whisper-1"}, b"", "invalid_value", "file"),
        ({"model": "whisper-1"}, b"ID3" + bytes(100), "invalid_value", "file"),
        ({"model": "whisper-1"}, wav()[:-2], "invalid_value", "file"),
        ({"model": "whisper-1"}, wav(channels=2), "invalid_value", "file"),
        ({"model": "whisper-1"}, wav(width=1), "invalid_value", "file"),
        ({"model": "whisper-1"}, wav(rate=7999), "invalid_value", "file"),
        ({"model": "whisper-1"}, wav(length_ms=90), "audio_too_short", "file"),
    ],
)
async def test_transcriptions_it_refuses(fields, file, code, param):
    async with emulator() as running:
        files = {"file": ("a.wav", file, "audio/wav")} if file is not None else {"file": (None, b"x")}
        answer = await post(running, "/v1/audio/transcriptions", data=fields, files=files)
        assert answer.status_code == (404 if code == "model_not_found" else 400)
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == (code, param)


async def test_wav_files_that_contradict_themselves():
    whole = wav()
    async with emulator() as running:
        for broken in (
            whole[:32] + struct.pack("<H", 4) + whole[34:],  # a block of four bytes
            whole[:12] + b"junk" + whole[16:],  # no format
            whole[:40] + struct.pack("<I", 10**6) + whole[44:],  # audio that goes on beyond the file
        ):
            files = {"file": ("a.wav", broken, "audio/wav")}
            answer = await post(running, "/v1/audio/transcriptions", data={"model": "whisper-1"}, files=files)
            assert answer.status_code == 400 and "corrupted" in answer.json()["error"]["message"]


async def test_a_file_of_another_kind_a_body_of_another_kind_and_a_huge_one():
    async with emulator() as running:
        path, data = "/v1/audio/transcriptions", {"model": "whisper-1"}
        other = await post(running, path, data=data, files={"file": ("a.txt", wav(), "text/plain")})
        assert "Invalid file format" in other.json()["error"]["message"]
        assert (await post(running, path, json={"model": "whisper-1"})).status_code == 400
        huge = {"file": ("a.wav", bytes(25 * 1024 * 1024 + 1), "audio/wav")}
        assert (await post(running, path, data=data, files=huge)).status_code == 413


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/audio/speech", {}, 401),
        ("/v1/audio/speech", {"Authorization": "Bearer wrong"}, 401),
        ("/v1/audio/speech", {"api-key": "sk-test"}, 401),
        ("/openai/v1/audio/speech", {"api-key": "wrong"}, 401),
        ("/openai/v1/audio/speech", {"Authorization": "Bearer wrong"}, 401),
        ("/openai/v1/audio/speech?api-version=2025-04-01-preview", {"api-key": "sk-test"}, 400),
        ("/openai/v1/audio/speech", {"api-key": "sk-test"}, 404),  # the model is no deployment
        ("/openai/deployments/voice/audio/speech", {"api-key": "sk-test"}, 404),  # no version
        ("/openai/deployments/other/audio/speech?api-version=2025-04-01-preview", {"api-key": "sk-test"}, 404),
        ("/v2/audio/speech", {"Authorization": "Bearer sk-test"}, 404),
    ],
)
async def test_doors_it_keeps_shut(path, headers, status):
    async with emulator() as running:
        assert (await post(running, path, headers, json=SPEECH)).status_code == status


async def test_the_one_right_key():
    async with emulator(accepted_key="sk-right") as running:
        assert (await post(running, "/v1/audio/speech", json=SPEECH)).status_code == 401
        right = {"Authorization": "Bearer sk-right"}
        assert (await post(running, "/v1/audio/speech", right, json=SPEECH)).status_code == 200


async def test_speech_as_events():
    async with emulator() as running:
        answer = await post(running, "/v1/audio/speech", json={**SPEECH, "stream_format": "sse"})
        lines = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
        audio = b"".join(base64.b64decode(each["audio"]) for each in lines if each["type"] == "speech.audio.delta")
        assert audio == spoken("Hello.", "pcm16", 24000) and len(audio) == 48 * length_ms("Hello.")
        assert lines[-1]["type"] == "speech.audio.done" and lines[-1]["usage"]["total_tokens"] > 0


async def test_the_record_tells_the_moments(tmp_path):
    path, seen = tmp_path / "timeline.jsonl", []
    async with emulator(timeline_path=path, record=seen.append) as running:
        await post(running, "/v1/audio/speech", {**KEY, "X-Call": "c7"}, json=SPEECH)
        (timeline,) = running.sessions
        kinds = [entry["kind"] for entry in timeline.entries]
        assert kinds == ["session", "response_created", "first_delta", "last_delta", "response_done", "closed"]
        assert timeline.call == "c7"
    assert [json.loads(line) for line in path.read_text().splitlines()] == seen


async def test_the_script_refuses_only_what_it_says():
    async with emulator(faults=(Fault("refuse", range(1, 2), 429, retry_after_s=3),)) as running:
        client = AsyncOpenAI(api_key="sk-test", base_url=running.url, max_retries=0)
        await client.audio.speech.create(**SPEECH)
        with pytest.raises(APIStatusError) as refused:
            await client.audio.speech.create(**SPEECH)
        assert refused.value.response.headers["retry-after"] == "3" and refused.value.code == "rate_limit_exceeded"
        await client.audio.speech.create(**SPEECH)
        await client.close()


async def test_the_sdk_tells_a_wrong_key():
    async with emulator() as running:
        client = AsyncOpenAI(api_key="wrong", base_url=running.url)
        with pytest.raises(AuthenticationError, match="Incorrect API key"):
            await client.audio.speech.create(**SPEECH)
        await client.close()


def test_it_has_no_port_before_it_is_entered():
    with pytest.raises(RuntimeError, match="not running"):
        _ = OpenAISpeechEmulator().port
