"""Who gets tokens, and what is said to everybody else."""

from typing import Any

import pytest

from support.web_front import HERE, KEY, PAGE, Front, problem

SHOWN = {"Authorization": f"Bearer {KEY}"}


async def test_whoever_has_the_key_gets_a_token() -> None:
    front = Front()
    async with front.client("192.0.2.7") as client:
        response = await client.post(
            "/api/tokens", json={"agent": "desk b", "origin": PAGE, "ttl_s": 60}, headers=SHOWN
        )
    assert response.status_code == 201 and response.headers["cache-control"] == "no-store"
    told = response.json()
    assert told["whip"] == "/whip/desk%20b" and told["expires_at"] == "1970-01-12T13:47:40Z"
    assert front.tokens.check(told["token"], "desk b", PAGE).origin == PAGE


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({}, 401, "http.admin_key"),
        ({"Authorization": KEY}, 401, "Bearer"),
        ({"Authorization": "Basic YTpi"}, 401, "Bearer"),
        ({"Authorization": f"Bearer {KEY}x"}, 403, "not http.admin_key"),
    ],
)
async def test_without_the_key(headers: dict[str, str], status: int, why: str) -> None:
    async with Front().client() as client:
        response = await client.post("/api/tokens", json={"agent": "a"}, headers=headers)
        found, detail = problem(response)
        assert found == status and why in detail and KEY not in response.text
        assert ("www-authenticate" in response.headers) is (status == 401)


async def test_where_there_is_no_key() -> None:
    async with Front(admin_key=None).client() as client:
        status, detail = problem(await client.post("/api/tokens", json={"agent": "a"}, headers=SHOWN))
    assert status == 403 and "http.admin_key is not set" in detail


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "agent: field required"),
        ({"agent": "aa"}, "there is no agent of that name; did you mean a?"),
        ({"agent": 5}, "agent: should be a valid string"),
        ({"agent": "a", "origin": "shop.example"}, "origin: write the origin of a page"),
        ({"agent": "a", "origin": "https://evil.example"}, "add it to http.origins"),
        ({"agent": "a", "ttl_s": 301}, "ttl_s: may be at most 300 (http.token_ttl_s)"),
        ({"agent": "a", "ttl_s": 0}, "ttl_s: should be greater than or equal to 1"),
        ({"agent": "a", "ttl": 5}, "ttl: extra inputs are not permitted"),
    ],
)
async def test_a_request_that_cannot_be(body: dict[str, Any], why: str) -> None:
    async with Front().client() as client:
        status, detail = problem(await client.post("/api/tokens", json=body, headers=SHOWN))
    assert status == 422 and why in detail


async def test_a_body_that_is_no_json() -> None:
    async with Front().client() as client:
        for body in (b"", b"{", b"\xff\xfe", b'"a"'):
            response = await client.post(
                "/api/tokens", content=body, headers=SHOWN | {"Content-Type": "application/json"}
            )
            assert problem(response)[0] == 422
        assert problem(response)[1].startswith("the body: should be a valid dictionary")


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, b'{"agent": "a"}', "there is no Content-Type: it has to be application/json"),
        (
            {"Content-Type": "text/plain"},
            b'{"agent": "a"}',
            "Content-Type is 'text/plain': it has to be application/json",
        ),
        ({"Content-Type": "application/json"}, b'{"agent" 5}', "the body is no JSON, from character 9 on"),
    ],
)
async def test_a_body_that_cannot_be_read(headers: dict[str, str], body: bytes, why: str) -> None:
    async with Front().client() as client:
        assert problem(await client.post("/api/tokens", content=body, headers=SHOWN | headers)) == (422, why)


async def test_agents_are_named_to_the_page_or_whoever_has_the_key() -> None:
    async with Front().client() as client:
        status, detail = problem(await client.get("/api/agents"))
        assert status == 403 and detail.endswith("; or show http.admin_key as the bearer token")
        assert (await client.get("/api/agents", headers=SHOWN)).status_code == 200


async def test_guessing_the_key_is_slow_and_the_right_one_is_not() -> None:
    async with Front(per_source=3).client() as client:
        statuses = [
            (await client.post("/api/tokens", json={"agent": "a"}, headers={"Authorization": "Bearer x"})).status_code
            for _ in range(5)
        ]
        assert statuses == [403, 403, 403, 429, 429]
        for path in ("/api/agents", "/api/calls/x/events"):
            assert (await client.get(path, headers={"Authorization": "Bearer x"})).status_code == 429
        for _ in range(5):
            assert (await client.post("/api/tokens", json={"agent": "a"}, headers=SHOWN)).status_code == 201


async def test_the_page_gets_a_token_for_itself() -> None:
    front = Front()
    async with front.client() as client:
        response = await client.post("/api/page-token", json={}, headers={"Origin": HERE})
        assert response.status_code == 201 and response.json()["agent"] == "a"
        assert front.tokens.check(response.json()["token"], "a", HERE).origin == HERE
        named = await client.post("/api/page-token", json={"agent": "desk b"}, headers={"Origin": HERE})
        assert named.json()["agent"] == "desk b"
        assert problem(await client.post("/api/page-token", json={"agent": "c"}, headers={"Origin": HERE}))[0] == 422


@pytest.mark.parametrize(
    ("page", "source", "base", "headers", "why"),
    [
        ("loopback", "192.0.2.7", "http://192.0.2.1:8080", {"Origin": "http://192.0.2.1:8080"}, '"anyone" lets'),
        # A name of theirs that points to us: to the browser it is one and the same origin.
        ("loopback", "127.0.0.1", "http://evil.example:8080", {"Origin": "http://evil.example:8080"}, '"loopback"'),
        # A proxy on this machine brings somebody from elsewhere.
        ("loopback", "127.0.0.1", HERE, {"Origin": HERE, "X-Forwarded-For": "192.0.2.7"}, '"loopback"'),
        ("loopback", "127.0.0.1", HERE, {"Origin": PAGE}, "own page alone"),
        ("loopback", "127.0.0.1", HERE, {"Origin": "null"}, "may not call here"),
        ("loopback", "127.0.0.1", HERE, {"Origin": "https://evil.example"}, "add it to http.origins"),
        ("loopback", "127.0.0.1", HERE, {}, "own page alone"),
        ("anyone", "192.0.2.7", HERE, {"Origin": PAGE}, "own page alone"),
        ("off", "127.0.0.1", HERE, {"Origin": HERE}, 'http.page is "off"'),
    ],
)
async def test_what_is_not_the_page(page: str, source: str, base: str, headers: dict[str, str], why: str) -> None:
    async with Front(page=page).client(source, base) as client:
        status, detail = problem(await client.post("/api/page-token", json={}, headers=headers))
    assert status == 403 and why in detail


async def test_a_page_for_anyone() -> None:
    async with Front(page="anyone").client("192.0.2.7", "https://talk.example") as client:
        response = await client.post("/api/page-token", json={}, headers={"Origin": "https://talk.example"})
    assert response.status_code == 201


async def test_who_may_see_the_agents() -> None:
    async with Front().client() as client:
        ours = {"Sec-Fetch-Site": "same-origin"}
        told = (await client.get("/api/agents", headers=ours)).json()
        assert told == {
            "agents": [{"name": "a", "model": "model-1"}, {"name": "desk b", "model": "model-2"}],
            "default": "a",
        }
        assert (await client.get("/api/agents", headers=SHOWN)).json() == told
        assert problem(await client.get("/api/agents"))[0] == 403
        assert problem(await client.get("/api/agents", headers={"Sec-Fetch-Site": "cross-site"}))[0] == 403
        assert problem(await client.get("/api/agents", headers=ours | {"Authorization": "Bearer x"}))[0] == 403
    async with Front().client("192.0.2.7") as client:
        assert problem(await client.get("/api/agents", headers=ours))[0] == 403


@pytest.mark.parametrize(
    "base", ["http://localhost:8080", "http://[::1]:8080", "http://127.0.0.1", "https://127.9.9.9"]
)
async def test_names_of_this_machine(base: str) -> None:
    async with Front().client("::1", base) as client:
        assert (await client.post("/api/page-token", json={}, headers={"Origin": base})).status_code == 201
