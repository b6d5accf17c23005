"""The emulator over a real socket, driven by the official SDK."""

import asyncio
import base64
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from mediaproviders.emulators.openai import EmulatorSettings, Fault, OpenAIEmulator, Pace, Refuse
from support.openaiemulator import Rehearsal

FAST = Pace(first_audio_ms=5, rate=math.inf)
PCMU = {"format": {"type": "audio/pcmu"}}


@asynccontextmanager
async def talking(
    emulator: OpenAIEmulator, key: str = "sk-test", **query: object
) -> AsyncIterator[AsyncRealtimeConnection]:
    client = AsyncOpenAI(api_key=key, base_url=emulator.url)
    async with client.realtime.connect(model="gpt-realtime", extra_query=query) as connection:
        yield connection


async def until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    events = []
    async with asyncio.timeout(5):
        while not events or events[-1].type != kind:
            events.append(await connection.recv())
    return events


def quick(**settings: Any) -> OpenAIEmulator:
    return OpenAIEmulator(EmulatorSettings(**{"pace": FAST, "answer_ms": 400, "answer_variety": 2, **settings}))


async def test_a_spoken_turn_through_the_sdk(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    path = tmp_path / "timeline.jsonl"
    async with quick(record=seen.append, timeline_path=path) as emulator:
        async with talking(emulator, call="c7") as connection:
            assert (await connection.recv()).type == "session.created"
            await connection.session.update(
                session={"type": "realtime", "audio": {"input": PCMU, "output": PCMU}}  # type: ignore[typeddict-item]
            )
            assert (await connection.recv()).type == "session.updated"
            caller = Rehearsal()
            audio = caller.speech(400) + caller.silence(500)
            for offset in range(0, len(audio), 160):
                piece = base64.b64encode(audio[offset : offset + 160]).decode()
                await connection.input_audio_buffer.append(audio=piece)
            events = await until(connection, "response.done")
            deltas = [each.delta for each in events if each.type == "response.output_audio.delta"]
            assert b"".join(map(base64.b64decode, deltas)) == emulator.answers.audio(0, "audio/pcmu")
            item = next(each.item_id for each in events if each.type == "response.output_audio.delta")
            await connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=120)
            await until(connection, "conversation.item.truncated")
        await asyncio.sleep(0)
        (timeline,) = emulator.sessions
        assert timeline.call == "c7" and timeline.appends == 45
        assert timeline.of("truncate")[0]["audio_end_ms"] == 120
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == seen == list(timeline.entries)
    assert lines[-1]["kind"] == "closed"


async def test_errors_echo_the_event_and_leave_the_session_open() -> None:
    async with quick() as emulator, talking(emulator) as connection:
        await connection.send(
            {"type": "session.update", "event_id": "e1", "session": {"type": "realtime", "temperature": 1}}
        )  # type: ignore[typeddict-unknown-key]
        error = (await until(connection, "error"))[-1].error
        assert (error.code, error.param, error.event_id) == ("unknown_parameter", "session.temperature", "e1")
        await connection.response.create()
        await connection.response.create()
        error = (await until(connection, "error"))[-1].error
        assert error.code == "conversation_already_has_active_response"
        await until(connection, "response.done")


@pytest.mark.parametrize(
    ("settings", "key", "status"),
    [
        ({}, "wrong", 401),
        ({"accepted_key": "sk-other"}, "sk-test", 401),
        ({"models": frozenset({"other"})}, "sk-test", 404),
        ({"refusals": (Refuse(429, retry_after_s=3),)}, "sk-test", 429),
        ({"refusals": (Refuse(500),)}, "sk-test", 500),
        ({"refusals": (Refuse(503),)}, "sk-test", 503),
    ],
)
async def test_refused_handshakes(settings: dict[str, Any], key: str, status: int) -> None:
    async with quick(**settings) as emulator:
        with pytest.raises(InvalidStatus) as refused:
            async with talking(emulator, key):
                pass
        response = refused.value.response
        assert response.status_code == status
        assert "error" in json.loads(response.body or b"")
        assert response.headers.get("Retry-After") == ("3" if status == 429 else None)
        if "refusals" in settings:
            async with talking(emulator) as connection:
                assert (await connection.recv()).type == "session.created"


async def get(emulator: OpenAIEmulator, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_plain_http() -> None:
    async with quick() as emulator:
        assert (await get(emulator, "/health")).startswith(b"HTTP/1.1 200 ")
        assert (await get(emulator, "/elsewhere")).startswith(b"HTTP/1.1 404 ")
        assert (await get(emulator, "/v1/realtime?model=gpt-realtime")).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("close", on_turn=1, after_ms=100, code=1011), 1011),
        (Fault("reset", on_turn=1, after_ms=100), 1006),
        (Fault("expire", on_turn=1, after_ms=100), 1001),
    ],
)
async def test_endings(fault: Fault, code: int) -> None:
    async with quick(faults=(fault,)) as emulator, talking(emulator) as connection:
        await connection.response.create()
        with pytest.raises(ConnectionClosed) as closed:
            await until(connection, "response.done")
        assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code


@asynccontextmanager
async def raw(emulator: OpenAIEmulator) -> AsyncIterator[Any]:
    url = emulator.url.replace("http", "ws") + "/realtime?model=gpt-realtime"
    async with connect(url, additional_headers={"Authorization": "Bearer sk-x"}, proxy=None) as connection:
        await connection.recv()
        yield connection


async def test_frames_of_every_kind() -> None:
    async with quick() as emulator, raw(emulator) as connection:
        assert connection.protocol.extensions == []
        for frame in (b"\x00\x01", "{", ["{", '"type": "input_audio_buffer.commit"}'], '{"type": "response.cancel"}'):
            await connection.send(frame)
        codes = [json.loads(await connection.recv())["error"]["code"] for _ in range(4)]
        assert codes == [
            "invalid_frame",
            "invalid_json",
            "input_audio_buffer_commit_empty",
            "response_cancel_not_active",
        ]


async def test_stop_reading_pushes_back() -> None:
    async with quick(faults=(Fault("stop_reading", at_s=0, seconds=0.4),)) as emulator, raw(emulator) as connection:
        frame = '{"type":"input_audio_buffer.append","audio":"' + "/" * 40000 + '"}'
        await asyncio.sleep(0.05)

        async def push() -> int:
            sent = 0
            while True:
                await connection.send(frame)
                sent += 1

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await push()
        assert emulator.sessions[0].appends == 0
        await connection.send('{"type":"response.cancel"}')
        async with asyncio.timeout(5):
            while json.loads(await connection.recv())["type"] != "error":
                pass
        assert emulator.sessions[0].appends > 10


async def test_garbage_on_the_wire() -> None:
    kinds = ("binary_garbage", "not_json", "truncated_json")
    faults = tuple(Fault(kind, at_s=0) for kind in kinds)  # type: ignore[arg-type]
    async with quick(faults=faults) as emulator, raw(emulator) as connection:
        assert isinstance(await connection.recv(), bytes)
        for _ in range(2):
            with pytest.raises(json.JSONDecodeError):
                json.loads(await connection.recv())


async def test_many_sessions_share_a_wheel() -> None:
    async with quick() as emulator:

        async def one() -> str:
            async with talking(emulator) as connection:
                await connection.response.create()
                return str((await until(connection, "response.done"))[-1].response.status)

        assert await asyncio.gather(*(one() for _ in range(10))) == ["completed"] * 10
        assert len({each.session for each in emulator.sessions}) == 10


async def test_leaving_closes_every_session() -> None:
    emulator = quick()
    async with emulator:
        connection = await connect(
            emulator.url.replace("http", "ws") + "/realtime?model=gpt-realtime",
            additional_headers={"Authorization": "Bearer sk-x"},
            proxy=None,
        )
        await connection.recv()
    with pytest.raises((ConnectionClosed, ConnectionClosedError)):
        await connection.recv()
    with pytest.raises(RuntimeError):
        _ = emulator.port
