"""The emulator on a real socket, driven by the official SDK alone."""

import asyncio
import json

import pytest
from google import genai
from google.genai import errors, types
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from mediaproviders.emulators.gemini import BURST, Fault, GeminiEmulator, Refuse
from support.geminiemulator import MODEL, settings, silence, speech

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def client(emulator, key="AIza-test", **socket):
    args = {"ssl": emulator.certificates.client_context(), "proxy": None, **socket}
    options = types.HttpOptions(base_url=emulator.url, async_client_args=args)
    return genai.Client(api_key=key, http_options=options)


def config(**fields):
    return types.LiveConnectConfig(response_modalities=["AUDIO"], output_audio_transcription={}, **fields)


async def speak(session, audio):
    for offset in range(0, len(audio), 640):
        blob = types.Blob(data=audio[offset : offset + 640], mime_type="audio/pcm;rate=16000")
        await session.send_realtime_input(audio=blob)


async def answer(session):
    """The audio, the words and the bill of one turn."""
    audio, words, bill = b"", "", None
    async for message in session.receive():
        audio += message.data or b""
        content = message.server_content
        words += content.output_transcription.text if content and content.output_transcription else ""
        bill = message.usage_metadata or bill
    return audio, words, bill


@pytest.mark.parametrize("binary", [True, False])
async def test_the_sdk_converses(binary):
    async with (
        GeminiEmulator(settings(binary_frames=binary)) as emulator,
        client(emulator).aio.live.connect(model=MODEL, config=config()) as session,
    ):
        assert session.session_id
        await session.send_client_content(turns=[types.Content(role="user", parts=[types.Part(text="Hi")])])
        audio, words, bill = await answer(session)
        assert audio == emulator.answers.audio(0, "audio/pcm")
        assert words == "This is answer number 1 of the emulated model."
        assert bill.total_token_count == bill.prompt_token_count + bill.response_token_count
        await speak(session, speech(500) + silence(700))
        audio, _, _ = await answer(session)
        assert audio == emulator.answers.audio(1, "audio/pcm")


async def test_the_sdk_answers_a_tool():
    tools = [types.Tool(function_declarations=[types.FunctionDeclaration(name="weather")])]
    async with (
        GeminiEmulator(settings(tool_on_turn={1: ("weather", "{}")})) as emulator,
        client(emulator).aio.live.connect(model=MODEL, config=config(tools=tools)) as session,
    ):
        await speak(session, speech(500) + silence(700))
        call = (await anext(session.receive())).tool_call.function_calls[0]
        response = types.FunctionResponse(id=call.id, name=call.name, response={"sky": "blue"})
        await session.send_tool_response(function_responses=[response])
        _, words, _ = await answer(session)
        assert words == 'The function returned {"sky":"blue"}.'


async def test_it_offers_to_compress():
    for compression, expected in ((True, "permessage-deflate"), (False, "")):
        async with (
            GeminiEmulator(settings(compression=compression)) as emulator,
            connect(
                f"wss://127.0.0.1:{emulator.port}{PATH}",
                ssl=emulator.certificates.client_context(),
                proxy=None,
                additional_headers={"x-goog-api-key": "AIza-test"},
            ) as socket,
        ):
            assert socket.response.headers.get("Sec-WebSocket-Extensions", "").startswith(expected)
            await socket.send(json.dumps({"setup": {"model": f"models/{MODEL}"}}))
            assert json.loads(await socket.recv()) == {"setupComplete": {"sessionId": emulator.sessions[0].session}}


async def test_a_long_answer_at_once_is_taken_in():
    script = settings(answer_ms=10_000, answer_variety=1, pace=BURST)
    async with (
        GeminiEmulator(script) as emulator,
        client(emulator).aio.live.connect(model=MODEL, config=config()) as session,
    ):
        await session.send_client_content(turns=[types.Content(role="user", parts=[types.Part(text="Hi")])])
        got = 0
        async with asyncio.timeout(10):
            async for message in session.receive():
                got += len(message.data or b"")
                if got == 10_000 * 48:
                    break


async def test_refusals_as_the_sdk_sees_them():
    script = settings(refusals=(Refuse(429, range(1)),))
    async with GeminiEmulator(script) as emulator:
        with pytest.raises(InvalidStatus) as refused:
            async with client(emulator).aio.live.connect(model=MODEL, config=config()):
                pass
        assert refused.value.response.status_code == 429
        assert json.loads(refused.value.response.body)["error"]["status"] == "RESOURCE_EXHAUSTED"
        for key, model, code in (("wrong", MODEL, 1007), ("AIza-test", "gemini-9", 1008)):
            with pytest.raises(errors.APIError) as closed:
                async with client(emulator, key).aio.live.connect(model=model, config=config()):
                    pass
            assert closed.value.code == code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("close", at_s=0.0, code=1011), 1011),
        (Fault("reset", at_s=0.0), None),
        (Fault("go_away", at_s=0.0, seconds=0.0), 1001),
    ],
)
async def test_a_connection_ends_as_scripted(fault, code):
    async with (
        GeminiEmulator(settings(faults=(fault,))) as emulator,
        connect(
            f"wss://127.0.0.1:{emulator.port}//{PATH}",
            ssl=emulator.certificates.client_context(),
            proxy=None,
            additional_headers={"x-goog-api-key": "AIza-test"},
        ) as socket,
    ):
        await socket.send(json.dumps({"setup": {"model": f"models/{MODEL}"}}))
        with pytest.raises(ConnectionClosed) as closed:
            async with asyncio.timeout(5):
                while True:
                    await socket.recv()
        assert (closed.value.rcvd.code if closed.value.rcvd else None) == code


async def test_the_record(tmp_path):
    path = tmp_path / "timeline.jsonl"
    async with GeminiEmulator(settings(timeline_path=path, certificates=tmp_path)) as emulator:
        options = types.HttpOptions(headers={"X-Call": "call-7"})
        async with client(emulator).aio.live.connect(model=MODEL, config=config(http_options=options)) as session:
            await speak(session, speech(500) + silence(700))
            await answer(session)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert {each["call"] for each in entries} == {"call-7"}
    assert [each["kind"] for each in entries] == [
        "session",
        "speech_started",
        "speech_stopped",
        "committed",
        "response_created",
        "first_delta",
        "last_delta",
        "response_done",
        "closed",
    ]
    assert (tmp_path / "authority.pem").exists()


async def test_it_runs_only_while_it_is_entered():
    emulator = GeminiEmulator()
    assert emulator.sessions == ()
    for face in ("port", "url", "certificates"):
        with pytest.raises(RuntimeError, match="not running"):
            getattr(emulator, face)
    with pytest.raises(RuntimeError, match="not running"):
        await emulator.serve_forever()
