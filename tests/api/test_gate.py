"""What every request passes: pages of other origins, rates, bodies, and what is said of what is not there."""

import asyncio
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message
from structlog.testing import capture_logs

from mediaserver.api.gate import Gate
from mediaserver.api.origin import Origins
from mediaserver.api.rates import Rates
from support.web_front import HERE, PAGE, Front, problem

ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


async def test_a_page_that_is_listed() -> None:
    front = Front()
    async with front.client() as client:
        preflight = await client.options("/whip/a", headers={"Origin": PAGE, **ASKS})
        assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == PAGE
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(each in allowed for each in ("authorization", "content-type", "if-match"))
        assert {"POST", "PATCH", "DELETE"} <= set(preflight.headers["access-control-allow-methods"].split(", "))
        assert "Origin" in preflight.headers["vary"]
        refused = await client.post("/whip/a", content=b"v=0", headers={"Origin": PAGE})
        assert problem(refused)[0] == 401 and refused.headers["access-control-allow-origin"] == PAGE
        exposed = refused.headers["access-control-expose-headers"]
        assert all(each in exposed for each in ("Location", "ETag", "Link", "Retry-After"))


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://shop.example", "https://shop.example:8443", "null", "https://shop.exampl\xe9"],
)
async def test_a_page_that_is_not(origin: str) -> None:
    """It may read why, and gets nothing else."""
    front = Front()
    bearer = {"Authorization": f"Bearer {front.tokens.issue('a').text}"}
    async with front.client() as client:
        assert (
            await client.options("/whip/a", headers={"Origin": origin.encode("latin-1"), **ASKS})
        ).status_code == 204
        for request in (
            client.post("/whip/a", content=b"v=0", headers={"Origin": origin.encode("latin-1"), **bearer}),
            client.get("/api/agents", headers={"Origin": origin.encode("latin-1")}),
            client.delete("/whip/a/x", headers={"Origin": origin.encode("latin-1"), **bearer}),
        ):
            response = await request
            assert problem(response)[0] == 403 and "add it to http.origins" in response.json()["detail"]
            assert response.headers["access-control-allow-origin"] == origin
    assert front.at.nothing_left()


async def test_our_own_page_needs_no_listing() -> None:
    async with Front().client() as client:
        assert problem(await client.post("/whip/a", content=b"", headers={"Origin": HERE}))[0] == 401
    async with Front().client("192.0.2.7", "https://talk.example") as client:
        own = {"Origin": "https://talk.example"}
        assert problem(await client.post("/whip/a", content=b"", headers=own))[0] == 401


async def test_what_pages_elsewhere_have_no_business_with() -> None:
    async with Front().client() as client:
        for path in ("/health", "/metrics", "/openapi.json"):
            response = await client.get(path, headers={"Origin": PAGE})
            assert response.status_code == 200 and "access-control-allow-origin" not in response.headers


async def test_one_address_cannot_ask_for_call_after_call() -> None:
    front = Front(per_source=3)
    async with front.client("192.0.2.7") as client, front.client("192.0.2.8") as other:
        told = [await client.post("/whip/a", content=b"") for _ in range(4)]
        assert [each.status_code for each in told] == [401, 401, 401, 429]
        assert told[-1].headers["retry-after"] == "20" and "http.per_source" in problem(told[-1])[1]
        assert (await other.post("/whip/a", content=b"")).status_code == 401
    async with front.client("2001:db8::1") as client, front.client("2001:db8::ffff:1") as neighbour:
        for _ in range(3):
            await client.post("/whip/a", content=b"")
        assert (await neighbour.post("/whip/a", content=b"")).status_code == 429


def test_rates_recover_and_forget() -> None:
    now = 0.0
    rates = Rates(60, lambda: now)
    for number in range(20_000):
        rates.take(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(rates._buckets) <= 10_000
    for _ in range(60):
        rates.take("192.0.2.1")
    with pytest.raises(Exception, match="too many"):
        rates.take("192.0.2.1")
    now += 1.0
    rates.take("192.0.2.1")
    assert rates.refused == 1


class Wire:
    """ASGI by hand: what a client sends in pieces, and what it gets."""

    def __init__(self, *pieces: Message) -> None:
        self.pieces = list(pieces)
        self.sent: list[Message] = []
        self.seen: bytes | None = None

    async def receive(self) -> Message:
        if not self.pieces:
            await asyncio.Event().wait()
        return self.pieces.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def ask(self, method: str = "POST", body_s: float = 5.0, **headers: str) -> int:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.seen = (await receive())["body"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        gate = Gate(app, origins=Origins.of(()), rates=Rates(600), most=1000, body_s=body_s)
        scope = {
            "type": "http", "method": method, "path": "/whip/a", "query_string": b"", "scheme": "http",
            "headers": [(b"host", b"server")]
            + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        await gate(scope, self.receive, self.send)
        return int(self.sent[0]["status"])


def piece(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_is_announced_as_too_long_is_not_read() -> None:
    wire = Wire(piece(b"x"))
    assert await wire.ask(content_length="1048576") == 413
    assert len(wire.pieces) == 1 and wire.seen is None
    assert b"longer than 1000 octets (http.max_body)" in wire.sent[1]["body"]


async def test_a_body_that_turns_out_too_long() -> None:
    wire = Wire(*[piece(b"x" * 400) for _ in range(10)])
    assert await wire.ask() == 413
    assert len(wire.pieces) == 7 and wire.seen is None


async def test_a_body_in_pieces_arrives_in_one() -> None:
    wire = Wire(piece(b"a" * 500), piece(b"b" * 499), piece(b"c", more=False))
    assert await wire.ask(content_length="1000") == 200
    assert wire.seen == b"a" * 500 + b"b" * 499 + b"c"


@pytest.mark.parametrize("length", ["-1", "9" * 5000, "ten", "\u0661"])
async def test_a_length_that_is_none_is_left_to_the_count(length: str) -> None:
    wire = Wire(piece(b"x" * 2000, more=False))
    assert await wire.ask(content_length=length) == 413


async def test_a_body_that_does_not_come() -> None:
    wire = Wire(piece(b"x"))
    assert await wire.ask(body_s=0.01) == 408
    assert b"http.request_s" in wire.sent[1]["body"] and (b"connection", b"close") in wire.sent[0]["headers"]


async def test_a_client_that_leaves_in_the_middle() -> None:
    wire = Wire(piece(b"x"), {"type": "http.disconnect"})
    assert await wire.ask() == 400 and wire.seen is None


async def test_what_is_not_there() -> None:
    async with Front().client() as client:
        assert problem(await client.get("/nothing")) == (
            404,
            "there is nothing at /nothing: /openapi.json says what there is",
        )
        response = await client.put("/health")
        status, detail = problem(response)
        assert status == 405 and detail == "PUT is not for this address: it takes GET"
        assert problem(await client.get("/softphone/../../etc/passwd"))[0] == 404
        assert problem(await client.get("/softphone/%2e%2e%2fapp.py"))[0] == 404


async def test_a_bug_of_ours_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front()
    monkeypatch.setattr(front.tokens, "issue", lambda *_: 1 / 0)
    with capture_logs() as told:
        async with front.client() as client:
            response = await client.post("/api/page-token", json={}, headers={"Origin": HERE})
    assert problem(response) == (500, "something is wrong in the server; its log says what")
    (line,) = [each for each in told if each["event"] == "http.failed"]
    assert line["path"] == "/api/page-token" and isinstance(line["exc_info"], ZeroDivisionError)


_ODD = st.one_of(
    st.sampled_from(
        [
            "",
            "[",
            "[::1",
            "[:.]",
            "[::1]:80",
            "a:b:c",
            "::",
            "localhost:99999",
            "http://[",
            "127.0.0.1:x",
            "a@b",
            "\xff",
            "null",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
)


@given(host=_ODD, origin=_ODD, bearer=_ODD, path=st.sampled_from(["/whip/a", "/api/tokens", "/api/page-token", "/"]))
def test_no_header_brings_it_down(host: str, origin: str, bearer: str, path: str) -> None:
    async def ask() -> int:
        headers = [("host", host), ("origin", origin), ("authorization", f"Bearer {bearer}")]
        wire = Wire(piece(b"{}", more=False))
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
            "scheme": "http", "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 80), "root_path": "", "http_version": "1.1",
        }  # fmt: skip
        await _front().app(scope, wire.receive, wire.send)
        return int(wire.sent[0]["status"])

    assert asyncio.run(ask()) in (401, 403, 405, 422)


@cache
def _front() -> Front:
    return Front(per_source=100_000)
