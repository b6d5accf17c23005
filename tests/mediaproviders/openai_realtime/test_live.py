"""The adapter on a real socket, against a scripted server."""

import asyncio
import contextlib
import json
import time

import pytest

from mediaproviders.contract import (
    PCM16_8K,
    PCMU,
    Audio,
    Brief,
    Fault,
    ProviderError,
    ResponseDone,
    ResponseStarted,
    Said,
)  # fmt: skip
from mediaproviders.emulators import certificates
from mediaproviders.openai_realtime import TRAITS, AzureRealtime, OpenAIRealtime, XAIRealtime
from support.scripted_openai import ScriptedOpenAI

FRAME = bytes(range(160))


def provider(server, **options):
    return OpenAIRealtime("sk-test", server.url, **options)


def brief(**fields):
    return Brief("gpt-realtime", "Be brief.", PCMU, PCMU, **fields)


async def take(conversation, count):
    async with asyncio.timeout(20):
        return [await anext(conversation) for _ in range(count)]


async def test_open_speak_and_leave():
    async def script(scene):
        session = await scene.open()
        assert session["audio"]["input"]["format"] == {"type": "audio/pcmu"}
        said = await scene.expect("conversation.item.create")
        assert said["item"]["content"] == [{"type": "output_text", "text": "Hello."}]
        for _ in range(3):
            await scene.expect("input_audio_buffer.append")
        await scene.expect("response.create")
        await scene.created("r")
        await scene.audio("r", "a", FRAME)
        await scene.done("r")
        await scene.until_closed()
        assert scene.socket.close_code == 1000

    async with ScriptedOpenAI(script) as server:
        asked = provider(server, extra_headers={"OpenAI-Safety-Identifier": "x"})
        async with asked.connect(brief(history=(Said("agent", "Hello."),))) as conversation:
            for _ in range(3):
                conversation.send_audio(FRAME)
            conversation.create_response()
            events = await take(conversation, 3)
            assert events == [ResponseStarted("r"), Audio("a", "r", FRAME), ResponseDone("r", "completed")]
            assert conversation.dropped_ms == 0
        request = server.requests[0]
        assert request.path == "/v1/realtime?model=gpt-realtime"
        assert request.headers["Authorization"] == "Bearer sk-test"
        assert request.headers["OpenAI-Safety-Identifier"] == "x"
        assert "Sec-WebSocket-Extensions" not in request.headers
        with pytest.raises(StopAsyncIteration):
            await anext(conversation)


async def test_audio_can_be_sent_from_outside_any_task():
    async def script(scene):
        await scene.open()
        await scene.expect("input_audio_buffer.append")

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        asyncio.get_running_loop().call_soon(conversation.send_audio, FRAME)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (401, b"", "invalid_api_key", False),
        (403, b"no json", "forbidden", False),
        (404, b'{"error":{"code":"model_not_found","message":"No such model."}}', "model_not_found", False),
        (429, b"[]", "rate_limit_exceeded", True),
        (429, b'{"error":{"code":"insufficient_quota"}}', "insufficient_quota", False),
        (500, b"", "server_error", True),
        (503, b"", "server_error", True),
    ],
)
async def test_refused_handshake(status, body, code, retryable):
    async with ScriptedOpenAI(status, body=body) as server:
        with pytest.raises(ProviderError) as refused:
            async with provider(server).connect(brief()):
                pass
    assert (refused.value.code, refused.value.retryable) == (code, retryable)


async def test_nobody_there():
    async with ScriptedOpenAI() as server:
        gone = provider(server)
    with pytest.raises(ProviderError) as refused:
        async with gone.connect(brief()):
            pass
    assert (refused.value.code, refused.value.retryable) == ("unreachable", True)


async def silent(scene):
    await scene.until_closed()


async def half(scene):
    await scene.send("session.created", session={})
    await scene.until_closed()


@pytest.mark.parametrize("script", [silent, half])
async def test_deadline_on_opening(script):
    async with ScriptedOpenAI(script) as server:
        started = time.monotonic()
        with pytest.raises(ProviderError) as late:
            async with provider(server, open_timeout_s=0.2).connect(brief()):
                pass
        assert late.value.code == "timeout"
        assert time.monotonic() - started < 2


async def test_refused_configuration_names_it():
    async def script(scene):
        await scene.send("session.created", session={})
        await scene.expect("session.update")
        await scene.send("error", error={"code": "invalid_value", "message": "voice?"})
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server:
        with pytest.raises(ProviderError, match="voice") as refused:
            async with provider(server).connect(brief(voice="nobody")):
                pass
    assert not refused.value.retryable


@pytest.mark.parametrize(
    "faulty",
    [
        Brief("m", "", PCM16_8K, PCMU),
        Brief("m", "", PCMU, PCMU, advanced={"openai_realtime": {"vioce": "x"}}),
    ],
)
async def test_impossible_brief(faulty):
    with pytest.raises(ProviderError) as refused:
        async with OpenAIRealtime("k", "http://127.0.0.1:9/v1").connect(faulty):
            pass
    assert refused.value.code == "invalid_configuration"


async def drop(scene):
    scene.socket.transport.abort()


def leave(code):
    async def script(scene):
        await scene.socket.close(code)

    return script


async def expire(scene):
    await scene.send("error", error={"code": "session_expired", "message": "60 minutes"})
    await scene.until_closed()


async def babble_on(scene):
    await scene.socket.send("x" * 17_000_000)
    await scene.until_closed()


async def break_the_frames(scene):
    scene.socket.transport.write(b"\xff\xff\xff\xff nothing of RFC 6455")
    await scene.until_closed()


@pytest.mark.parametrize(
    ("end", "code"),
    [(drop, "closed_1006"), (leave(1001), "closed_1001"), (leave(1011), "closed_1011"), (leave(1000), "closed_1000"),
     (expire, "session_expired"), (babble_on, "closed_1009"), (break_the_frames, "closed_1002")],
)  # fmt: skip
async def test_a_session_ends_with_its_connection(end, code):
    async def script(scene):
        await scene.open()
        await scene.created("r")
        await scene.audio("r", "a", FRAME)
        await end(scene)

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        assert [type(event) for event in await take(conversation, 2)] == [ResponseStarted, Audio]
        if end is expire:
            assert await take(conversation, 1) == [Fault("session_expired", "60 minutes")]
        for _ in range(2):
            with pytest.raises(ProviderError) as ended:
                await take(conversation, 1)
            assert (ended.value.code, ended.value.retryable) == (code, True)
        # Nobody asks who has just been told; what is sent all the same goes nowhere.
        conversation.send_audio(FRAME)
        conversation.create_response()
        assert not conversation.renew("useless")
    assert len(server.requests) == 1


async def test_audio_and_commands_into_a_reset_connection():
    async def script(scene):
        await scene.open()
        await scene.expect("input_audio_buffer.append")
        scene.socket.transport.abort()

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        for _ in range(300):
            conversation.send_audio(FRAME)
            conversation.cancel()
            await asyncio.sleep(0)
        with pytest.raises(ProviderError) as ended:
            await take(conversation, 1)
        assert ended.value.code == "closed_1006"
        assert conversation.dropped_ms > 0


async def test_policy_close_is_final():
    async def script(scene):
        await scene.open()
        await scene.socket.close(1008, "model not for you")

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        with pytest.raises(ProviderError, match="model not for you") as ended:
            await take(conversation, 1)
        assert (ended.value.code, ended.value.retryable) == ("closed_1008", False)


async def test_nonsense_on_the_wire():
    async def script(scene):
        await scene.open()
        await scene.socket.send(b"\x00\xff\x00")
        await scene.socket.send("}{")
        await scene.socket.send(json.dumps({"type": "error", "error": "x" * 2_000_000}))
        await scene.created("r")
        for _ in range(21):
            await scene.socket.send("[]")
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        events = await take(conversation, 4)
        assert [type(event) for event in events] == [Fault, Fault, Fault, ResponseStarted]
        assert all(len(event.message) <= 200 for event in events[:3])
        with pytest.raises(ProviderError) as ended:
            await take(conversation, 22)
        assert ended.value.code == "protocol"


async def test_provider_that_does_not_read():
    released = asyncio.Event()

    async def script(scene):
        await scene.open()
        await released.wait()

    async with ScriptedOpenAI(script) as server, provider(server, queue_ms=200).connect(brief()) as conversation:
        wire = conversation._link.wire
        for n in range(60_000):
            conversation.send_audio(FRAME)
            if n % 500 == 0:
                assert wire.transport.get_write_buffer_size() < 64 * 1024
                await asyncio.sleep(0)
        assert conversation.dropped_ms > 1000
        assert conversation._uplink.queued_ms == 200
        assert not wire.ready
        released.set()


async def test_stalled_provider_is_left_in_time():
    released = asyncio.Event()

    async def script(scene):
        await scene.open()
        await released.wait()

    async with ScriptedOpenAI(script) as server:
        async with provider(server).connect(brief()) as conversation:
            for n in range(60_000):
                conversation.send_audio(FRAME)
                if n % 500 == 0:
                    await asyncio.sleep(0)
            assert not conversation._link.wire.ready
            started = time.monotonic()
        assert time.monotonic() - started < 2
        released.set()


async def test_stall_ends_the_session(monkeypatch):
    monkeypatch.setattr("mediaproviders.websocket.wire.STALL_S", 0.1)
    released = asyncio.Event()

    async def script(scene):
        await scene.open()
        # A peer that has begun to read has its system's buffer grown to more than is sent here.
        scene.socket.transport.pause_reading()
        await released.wait()

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        for n in range(60_000):
            conversation.send_audio(FRAME)
            if n % 500 == 0:
                await asyncio.sleep(0)
        with pytest.raises(ProviderError) as ended:
            await take(conversation, 1)
        assert (ended.value.code, ended.value.retryable) == ("stalled", True)
        released.set()


async def test_server_that_ignores_the_close():
    released = asyncio.Event()

    async def script(scene):
        await scene.open()
        scene.socket.transport.pause_reading()
        await released.wait()
        scene.socket.transport.abort()

    async with ScriptedOpenAI(script) as server:
        async with provider(server).connect(brief()):
            started = time.monotonic()
        assert time.monotonic() - started < 2.5
        released.set()


async def test_closing_ends_a_waiting_reader():
    async def script(scene):
        await scene.open()
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server:
        async with contextlib.AsyncExitStack() as stack:
            conversation = await stack.enter_async_context(provider(server).connect(brief()))
            reader = asyncio.create_task(take(conversation, 1))
            await asyncio.sleep(0.01)
        with pytest.raises(StopAsyncIteration):
            await reader


async def test_cancelled_reader_can_read_on():
    async def script(scene):
        await scene.open()
        await scene.expect("response.create")
        await scene.created("r")
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()) as conversation:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(conversation), 0.02)
        conversation.create_response()
        assert await take(conversation, 1) == [ResponseStarted("r")]


def test_traits_follow_the_chunk():
    made = OpenAIRealtime("k", uplink_ms=60)
    assert made.traits.uplink_ms == 60
    assert TRAITS.uplink_ms == 20


async def wait(scene):
    await scene.send("session.created", session={})
    await scene.expect("session.update")
    await scene.send("session.updated", session={})
    await scene.until_closed()


async def token():
    return "a token"


@pytest.mark.parametrize(
    ("make", "path", "headers"),
    [
        (lambda url: AzureRealtime(url, api_key="k"), "/openai/v1/realtime?model=gpt-realtime", {"api-key": "k"}),
        (
            lambda url: AzureRealtime(url, token=token),
            "/openai/v1/realtime?model=gpt-realtime",
            {"Authorization": "Bearer a token"},
        ),
        (
            lambda url: AzureRealtime(url, api_key="k", api_version="2025-04-01-preview"),
            "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
            {"api-key": "k"},
        ),
        (
            lambda url: AzureRealtime(url, token=token, api_version="2025-04-01-preview"),
            "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
            {"Authorization": "Bearer a token"},
        ),
        (lambda url: XAIRealtime("xai-k", url), "/realtime?model=gpt-realtime", {"Authorization": "Bearer xai-k"}),
    ],
)
async def test_the_way_in(monkeypatch, make, path, headers):
    # What the environment holds for OpenAI goes to nobody else.
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_OPENAI_API_KEY"):
        monkeypatch.setenv(name, "someone's")
    async with ScriptedOpenAI(wait) as server, make(server.url.removesuffix("/v1")).connect(brief()):
        request = server.requests[0]
    assert request.path == path
    names = ("api-key", "Authorization", "OpenAI-Organization", "OpenAI-Project", "OpenAI-Beta")
    assert {name: request.headers[name] for name in names if name in request.headers} == headers


async def test_the_session_is_configured_when_either_opening_event_came():
    async def script(scene):
        await scene.send("conversation.created", conversation={"id": "c"})
        await scene.expect("session.update")
        await scene.send("session.created", session={})
        await scene.send("ping", timestamp=1)
        await scene.send("session.updated", session={})
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server, XAIRealtime("k", server.url).connect(brief()):
        pass


async def test_openai_has_not_begun_with_the_conversation():
    async def script(scene):
        await scene.send("conversation.created", conversation={"id": "c"})
        await scene.nothing_more()
        await scene.open()
        await scene.until_closed()

    async with ScriptedOpenAI(script) as server, provider(server).connect(brief()):
        pass


OVER_TLS = [
    lambda url, **tls: OpenAIRealtime("k", url, **tls),
    lambda url, **tls: AzureRealtime(url, api_key="k", **tls),
    lambda url, **tls: AzureRealtime(url, api_key="k", api_version="2025-04-01-preview", **tls),
    lambda url, **tls: XAIRealtime("k", url, **tls),
]


@pytest.mark.parametrize("make", OVER_TLS)
async def test_over_tls(make, tmp_path):
    identity = certificates.make(tmp_path)
    async with ScriptedOpenAI(wait, tls=identity.server_context()) as server:
        async with make(server.url, tls=identity.client_context()).connect(brief()):
            assert len(server.requests) == 1
        # The system knows nothing of this authority.
        with pytest.raises(ProviderError) as refused:
            async with make(server.url).connect(brief()):
                pass
    assert (refused.value.code, refused.value.retryable) == ("tls", False)
