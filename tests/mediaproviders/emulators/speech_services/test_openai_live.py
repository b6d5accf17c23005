"""Each rule of live transcription, in which the emulator rejects."""

import base64
import json

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from mediaproviders.emulators.answers import babble
from mediaproviders.emulators.speech_services.openai import OpenAILiveEmulator, OpenAISpeechSettings
from mediaproviders.emulators.speech_services.openai.session import Session
from mediaproviders.emulators.speech_services.recogniser import Recogniser

AUDIO = base64.b64encode(babble(1, 400, 24000).astype("<i2").tobytes()).decode()
INPUT = {"transcription": {"model": "whisper-1"}, "turn_detection": None}


def session():
    return Session(Recogniser(("Hello there.",)), lambda name: name)


def send(talking, **event):
    return [json.loads(answer) for answer in talking.receive(json.dumps(event))]


def update(**change):
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {**INPUT, **change}}}}


def test_a_turn():
    talking = session()
    assert json.loads(talking.opened())["type"] == "session.created"
    assert send(talking, **update())[0]["type"] == "session.updated"
    assert send(talking, type="input_audio_buffer.append", audio=AUDIO) == []
    assert send(talking, type="input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
    events = [json.loads(event) for event in talking.transcribed()]
    assert "".join(event["delta"] for event in events[:-1]).strip() == events[-1]["transcript"] == "Hello there."


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({}, "missing_required_parameter", "type"),
        ({"type": "response.create"}, "invalid_value", "type"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "invalid_value", "session.type"),
        ({"type": "session.update", "session": {"type": "transcription", "voice": "x"}}, "unknown_parameter", None),
        (update(colour="red"), "unknown_parameter", "session.audio.input.colour"),
        (update(format={"type": "audio/pcm", "rate": 8000}), "invalid_value", "session.audio.input.format"),
        (update(format={"type": "audio/opus"}), "invalid_value", "session.audio.input.format"),
        (update(transcription={"model": "guesswork"}), "invalid_value", "session.audio.input.transcription.model"),
        (update(transcription=None), "invalid_value", "session.audio.input.transcription.model"),
        (update(transcription={"voice": "x"}), "unknown_parameter", "session.audio.input.transcription.voice"),
        (update(turn_detection={"type": "server_vad"}), "invalid_value", "session.audio.input.turn_detection"),
        ({"type": "input_audio_buffer.append", "audio": AUDIO}, "session_not_configured", "session"),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
    ],
)
def test_events_it_refuses(event, code, param):
    (answer,) = send(session(), **event, event_id="e1")
    assert (answer["type"], answer["error"]["code"], answer["error"]["event_id"]) == ("error", code, "e1")
    assert param is None or answer["error"]["param"] == param


def test_audio_that_is_none_and_a_buffer_that_was_cleared():
    talking = session()
    send(talking, **update())
    assert send(talking, type="input_audio_buffer.append", audio="?")[0]["error"]["param"] == "audio"
    assert send(talking, type="input_audio_buffer.append", audio=7)[0]["error"]["param"] == "audio"
    send(talking, type="input_audio_buffer.append", audio=AUDIO)
    assert send(talking, type="input_audio_buffer.clear")[0]["type"] == "input_audio_buffer.cleared"
    assert send(talking, type="input_audio_buffer.commit")[0]["error"]["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("message", ["{", "[]", b"{}"])
def test_messages_that_are_no_events(message):
    (answer,) = session().receive(message)
    assert json.loads(answer)["error"]["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/realtime?intent=transcription", "wrong", 401),
        ("/openai/v1/realtime?intent=transcription", "wrong", 401),
        ("/v1/realtime?model=gpt-realtime", "sk-test", 400),
        ("/v2/realtime?intent=transcription", "sk-test", 404),
    ],
)
async def test_doors_it_keeps_shut(path, key, status):
    async with OpenAILiveEmulator() as running:
        url = running.azure_url.replace("http", "ws") + path
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, proxy=None):
                pass
        assert refused.value.response.status_code == status
        assert running.sessions[0].of("refused")


async def test_errors_leave_the_session_open():
    async with OpenAILiveEmulator(OpenAISpeechSettings(transcript_ms=1.0)) as running:
        client = AsyncOpenAI(api_key="sk-test", base_url=running.url)
        async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.input_audio_buffer.commit()
            assert (await connection.recv()).type == "error"
            await connection.send_raw(json.dumps(update()))
            assert (await connection.recv()).type == "session.updated"
        await client.close()
