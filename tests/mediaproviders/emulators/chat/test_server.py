"""The emulated chat endpoint on a real socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from mediaproviders.emulators.chat import ChatEmulator, ChatPace, ChatSettings, Fault, Refuse

QUICK = ChatPace(10, 1000)
KEY = {"Authorization": "Bearer sk-test"}
REQUEST: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "Hello."}], "stream": True}


def emulator(**settings: Any) -> ChatEmulator:
    return ChatEmulator(ChatSettings(**{"pace": QUICK, **settings}))


async def post(
    server: ChatEmulator, body: Any = None, *, headers: dict[str, str] | None = None, path: str = "/chat/completions"
) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        content = body if isinstance(body, bytes) else json.dumps(REQUEST | (body or {})).encode()
        wanted = {"Content-Type": "application/json", **KEY, **(headers or {})}
        return await client.post(server.url + path, content=content, headers=wanted, timeout=5)


class Notes:
    """The timeline as it is written."""

    def __init__(self) -> None:
        self._entries: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.take = self._entries.put_nowait

    async def until(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while (entry := await self._entries.get())["kind"] != kind:
                pass
        return entry


async def test_the_sdk_is_answered_twice_on_one_connection() -> None:
    async with emulator() as server, AsyncOpenAI(api_key="sk-test", base_url=server.url) as client:
        for _ in range(2):
            stream = await client.chat.completions.create(**REQUEST)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            assert "".join(pieces) == "This is answer number 1 of the emulated model. It is a text."
        whole = await client.chat.completions.create(**(REQUEST | {"stream": False}))
        assert whole.choices[0].message.content == "".join(pieces)
        (session,) = server.sessions
        assert [entry["kind"] for entry in session.entries] == ["session"] + 2 * [
            "committed", "response_created", "first_delta", "last_delta", "response_done",
        ]  # fmt: skip
        assert len(session.client_events) == 2


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, None),
        ({"Authorization": "Basic sk-test"}, 401, None),
        ({"Authorization": "Bearer wrong"}, 401, "invalid_api_key"),
        ({"Content-Type": "text/plain"}, 400, None),
    ],
)
async def test_headers_that_are_refused(headers: dict[str, str], status: int, code: str | None) -> None:
    async with emulator() as server:
        answer = await post(server, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert [entry["status"] for entry in server.sessions[0].of("refused")] == [status]


async def test_only_the_accepted_key_is_right() -> None:
    async with emulator(accepted_key="secret") as server:
        assert (await post(server)).status_code == 401
        assert (await post(server, headers={"Authorization": "Bearer secret"})).status_code == 200


@pytest.mark.parametrize("model", ["gpt-realtime", "whisper-1", "gpt-audio", "text-embedding-3-small"])
async def test_models_it_does_not_have(model: str) -> None:
    async with emulator() as server:
        answer = await post(server, {"model": model})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    async with emulator(models=frozenset({"mine"})) as server:
        assert (await post(server)).status_code == 404
        assert (await post(server, {"model": "mine"})).status_code == 200


async def test_paths_and_methods_it_does_not_have() -> None:
    async with emulator() as server, httpx2.AsyncClient(trust_env=False) as client:
        assert (await post(server, path="/responses")).status_code == 404
        assert (await client.get(server.url + "/chat/completions", headers=KEY)).status_code == 405
        assert (await client.get(server.url.removesuffix("/v1") + "/health")).json() == {"status": "ok"}


async def test_a_request_that_is_wrong_is_refused_with_the_reason() -> None:
    async with emulator() as server:
        answer = await post(server, {"dream": 1})
        error = answer.json()["error"]
        assert answer.status_code == 400 and error["param"] == "dream" and error["type"] == "invalid_request_error"
        assert (await post(server, b"{")).status_code == 400


async def test_requests_that_the_script_refuses() -> None:
    refusals = (Refuse(429, retry_after_s=0.5), Refuse(503, range(1, 2)), Refuse(429, range(2, 3), code="quota"))
    async with emulator(refusals=refusals) as server:
        first = await post(server)
        assert first.status_code == 429 and first.headers["retry-after"] == "0.5"
        assert first.json()["error"]["code"] == "rate_limit_exceeded"
        second = await post(server)
        assert second.status_code == 503 and second.json()["error"]["type"] == "server_error"
        assert (await post(server)).json()["error"]["code"] == "quota"
        assert (await post(server)).status_code == 200


async def test_a_reset_in_the_middle() -> None:
    notes = Notes()
    async with emulator(faults=(Fault("reset", after_words=2),), record=notes.take) as server:
        with pytest.raises(httpx2.TransportError):
            await post(server)
        assert (await notes.until("fault"))["fault"] == "reset"
        assert (await post(server)).status_code == 200


async def test_an_answer_that_never_ends_is_left_by_its_client() -> None:
    notes = Notes()
    async with emulator(faults=(Fault("mute", after_words=1),), record=notes.take) as server:
        async with httpx2.AsyncClient(trust_env=False) as client:
            wanted = {"Content-Type": "application/json", **KEY, "X-Call": "call-7"}
            body = json.dumps(REQUEST).encode()
            async with client.stream("POST", server.url + "/chat/completions", content=body, headers=wanted) as answer:
                async for _ in answer.aiter_bytes():
                    break
        assert (await notes.until("cancel"))["call"] == "call-7"
        await notes.until("response_done")
        assert [entry["status"] for entry in server.sessions[0].of("response_done")] == ["cancelled"]


async def test_what_is_no_http_is_cut_off() -> None:
    async with emulator() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01\x02\x00 hello\r\n\r\n")
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                if not await reader.read():
                    raise ConnectionResetError
        writer.close()


async def test_the_timeline_is_written_and_clients_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "timeline.jsonl"
    async with emulator(timeline_path=path) as server:
        await post(server, headers={"X-Call": "a"})
        await post(server, headers={"X-Call": "b"})
        assert [session.call for session in server.sessions] == ["a", "b"]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {line["call"] for line in lines} == {"a", "b"} and lines[0]["kind"] == "session"


async def test_it_has_to_be_entered() -> None:
    server = emulator()
    with pytest.raises(RuntimeError):
        _ = server.port
    with pytest.raises(RuntimeError):
        await server.serve_forever()
    async with server:
        serving = asyncio.create_task(server.serve_forever())
        assert (await post(server)).status_code == 200
        serving.cancel()
