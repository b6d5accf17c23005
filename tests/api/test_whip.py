"""WHIP to the letter: every status, every header, and what becomes of a call whose client is gone."""

import asyncio
from typing import Any

import httpx2
import pytest

from mediaserver.sdp.fragment import LONGEST, Fragment
from support.virtual_time import settle
from support.web_calls import PAGE, Office
from support.web_offers import PASSWORD, UFRAG, fragment, offer, stream

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = "application/trickle-ice-sdpfrag"


@pytest.fixture
async def office() -> Office:
    return Office()


async def called(office: Office, client: httpx2.AsyncClient, **headers: str) -> httpx2.Response:
    """The response to an offer, with the model ready in a moment."""
    posted = asyncio.ensure_future(client.post("/whip/a", content=offer(), headers=SDP | headers))
    await office.asked()
    if not posted.done():
        office.at.ready()
    response = await posted
    await settle()
    return response


def problem(response: httpx2.Response) -> tuple[int, str]:
    """Status and detail of a refusal."""
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert told["status"] == response.status_code and told["title"]
    return response.status_code, told["detail"]


def patching(etag: str = "*") -> dict[str, str]:
    return {"Content-Type": FRAGMENT, "If-Match": etag}


async def test_an_offer_is_answered_and_the_call_hung_up(office: Office) -> None:
    async with office.client() as client:
        response = await called(office, client)
        assert response.status_code == 201 and response.headers["content-type"] == "application/sdp"
        location, etag = response.headers["location"], response.headers["etag"]
        assert location.startswith("/whip/a/") and len(location) >= 40 and etag[0] == etag[-1] == '"'
        link = f'<{location}/events>; rel="urn:ietf:params:whip:ext:core:server-sent-events"'
        assert response.headers["link"] == link and response.headers["cache-control"] == "no-store"
        assert response.content.startswith(b"v=0\r\n") and b"a=ice-lite\r\n" in response.content
        deleted = await client.delete(location)
        assert deleted.status_code == 200 and office.nothing_left()
        assert problem(await client.delete(location))[0] == 404
        assert problem(await client.patch(location, content=fragment(), headers=patching(etag)))[0] == 404


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        (b"", 400, "v=0"),
        (b"\xff\xfe" * 100, 400, "v=0"),
        (offer(stream("video", "0", "96")), 422, "add the microphone's track"),
        (offer(stream(formats="9 126")), 422, "no codec in common: peer offers G722; we have PCMU, PCMA"),
        (offer(stream(direction="recvonly")), 422, "sendrecv"),
        (b"v=0\r\n" + b"a" * 1_000_000, 413, "longer than"),
    ],
)
async def test_an_offer_that_is_of_no_use(office: Office, given: bytes, status: int, why: str) -> None:
    async with office.client() as client:
        told = problem(await client.post("/whip/a", content=given, headers=SDP))
        assert told[0] == status and why in told[1] and office.nothing_left()


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({"Content-Type": "application/json"}, 415, "'application/json': it has to be application/sdp"),
        ({}, 415, "no Content-Type"),
        (SDP | {"Accept": "text/html, application/sdp;q=0"}, 406, "would be application/sdp"),
    ],
)
async def test_media_types(office: Office, headers: dict[str, str], status: int, why: str) -> None:
    async with office.client() as client:
        response = await client.post("/whip/a", content=offer(), headers=headers)
        told = problem(response)
        assert told[0] == status and why in told[1] and office.nothing_left()
        assert status != 415 or response.headers["accept-post"] == "application/sdp"


@pytest.mark.parametrize("accept", ["", "*/*", "application/*;q=0.5", "text/html, Application/SDP ;q=0.1"])
async def test_who_would_take_an_answer(office: Office, accept: str) -> None:
    async with office.client() as client:
        assert (await called(office, client, Accept=accept)).status_code == 201


async def test_parameters_of_a_media_type_are_no_matter(office: Office) -> None:
    async with office.client() as client:
        response = await called(office, client, **{"Content-Type": "Application/SDP; charset=utf-8"})
        assert response.status_code == 201


async def test_tokens(office: Office) -> None:
    async with office.client() as client:
        bare = httpx2.AsyncClient(transport=client._transport, base_url="http://server")
        response = await bare.post("/whip/a", content=offer(), headers=SDP)
        assert problem(response)[0] == 401 and response.headers["www-authenticate"] == "Bearer"
        for bearer, origin, status, why in (
            ("nonsense", None, 401, "cannot be read"),
            (office.token("b"), None, 403, "for agent 'b'"),
            (office.token("a", PAGE), "https://evil.example", 403, f"for pages of {PAGE}"),
            (office.token("a", PAGE), None, 403, "from no page"),
        ):
            headers = SDP | {"Authorization": f"Bearer {bearer}"} | ({} if origin is None else {"Origin": origin})
            response = await client.post("/whip/a", content=offer(), headers=headers)
            told = problem(response)
            assert told[0] == status and why in told[1] and office.nothing_left()
            assert status != 401 or "invalid_token" in response.headers["www-authenticate"]
        office.clock += 301
        assert problem(await client.post("/whip/a", content=offer(), headers=SDP)) == (
            401,
            "the token has expired: get a new one for each call",
        )


async def test_a_call_lasts_longer_than_its_token_and_belongs_to_it(office: Office) -> None:
    async with office.client() as client:
        response = await called(office, client)
        location = response.headers["location"]
        other = {"Authorization": f"Bearer {office.token('b')}"}
        assert problem(await client.delete(location, headers=other))[0] == 403
        assert problem(await client.delete(location.replace("/a/", "/b/"), headers=other))[0] == 404
        office.clock += 301
        another = {"Authorization": f"Bearer {office.token()}"}
        assert (await client.patch(location, content=fragment(), headers=patching())).status_code == 204
        assert (await client.delete(location)).status_code == 200, "the token that opened it"
        assert problem(await client.delete(location))[0] == 401, "it has expired, and there is nothing it has opened"
        assert problem(await client.delete(location, headers=another))[0] == 404


async def test_an_unknown_agent(office: Office) -> None:
    async with office.client() as client:
        headers = SDP | {"Authorization": f"Bearer {office.token('nobody')}"}
        assert problem(await client.post("/whip/nobody", content=offer(), headers=headers)) == (
            404,
            "no agent is called 'nobody' here",
        )


async def test_a_full_server_says_when_to_come_again() -> None:
    office = Office(max_calls=0, retry_after_s=9)
    async with office.client() as client:
        response = await client.post("/whip/a", content=offer(), headers=SDP)
        assert problem(response)[0] == 503 and response.headers["retry-after"] == "9"


async def test_a_model_that_is_lost_before_the_answer(office: Office) -> None:
    async with office.client() as client:
        posted = asyncio.ensure_future(client.post("/whip/a", content=offer(), headers=SDP))
        await office.asked()
        office.at.lost()
        response = await posted
        assert (
            problem(response) == (503, "the agent's model cannot be reached now")
            and response.headers["retry-after"] == "5"
        )
        assert office.nothing_left()


async def test_candidates_that_come_later(office: Office) -> None:
    async with office.client() as client:
        response = await called(office, client)
        location, etag = response.headers["location"], response.headers["etag"]
        trickled = await client.patch(location, content=fragment(UFRAG, PASSWORD, "1 1 udp 1 192.0.2.9 5004 typ host"),
                                      headers=patching(etag))  # fmt: skip
        assert trickled.status_code == 204 and trickled.content == b"" and "content-type" not in trickled.headers
        for headers, body, status, why in (
            ({"Content-Type": FRAGMENT}, fragment(), 428, "If-Match is missing"),
            (patching('"old"'), fragment(), 412, "restarted since"),
            (patching(etag) | {"Content-Type": "application/sdp"}, fragment(), 415, FRAGMENT),
            (patching(etag), b"nonsense", 400, "malformed line"),
            (patching(etag), b"a=x\r\n" * LONGEST, 413, "longer than"),
            (patching(etag), b"a=ice-ufrag:newU\r\n", 400, "only one of"),
        ):
            told = problem(await client.patch(location, content=body, headers=headers))
            assert told[0] == status and why in told[1]
        assert (await client.delete(location)).status_code == 200, "nothing of this ends the call"


async def test_ice_restarts(office: Office) -> None:
    async with office.client() as client:
        response = await called(office, client)
        location, etag = response.headers["location"], response.headers["etag"]
        restarted = await client.patch(location, content=fragment("newU", "n" * 22), headers=patching())
        assert restarted.status_code == 200 and restarted.headers["content-type"] == FRAGMENT
        fresh = restarted.headers["etag"]
        assert fresh != etag and fresh[0] == fresh[-1] == '"'
        ours = Fragment.parse(restarted.content, "0")
        assert ours.ufrag and f"a=ice-ufrag:{ours.ufrag}\r\n".encode() not in response.content and ours.candidates
        late = await client.patch(location, content=fragment(), headers=patching(etag))
        assert problem(late)[0] == 412, "candidates of the ICE session before"
        again = await client.patch(location, content=fragment("newU", "n" * 22), headers=patching(f'"x", {fresh}'))
        assert again.status_code == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_what_an_endpoint_does_not_take(office: Office, method: str) -> None:
    async with office.client() as client:
        response = await client.request(method, "/whip/a")
        assert response.status_code == 405 and response.headers["allow"] == "POST, OPTIONS"
        assert method == "HEAD" or "takes POST, OPTIONS" in problem(response)[1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
async def test_what_a_session_does_not_take(office: Office, method: str) -> None:
    async with office.client() as client:
        response = await client.request(method, "/whip/a/x")
        assert response.status_code == 405 and response.headers["allow"] == "PATCH, DELETE, OPTIONS"


async def test_what_an_address_takes(office: Office) -> None:
    async with office.client() as client:
        endpoint, session = await client.options("/whip/a"), await client.options("/whip/a/x")
        assert endpoint.status_code == session.status_code == 200
        assert endpoint.headers["accept-post"] == "application/sdp"
        assert session.headers["accept-patch"] == FRAGMENT


class Connection:
    """A client of which every step is the test's."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: list[dict[str, Any]] = []

    async def post(self, body: bytes = offer()) -> None:
        headers = [(b"content-type", b"application/sdp"), (b"authorization", f"Bearer {self._office.token()}".encode())]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/whip/a",
            "raw_path": b"/whip/a", "root_path": "", "scheme": "http", "query_string": b"", "headers": headers,
            "client": ("198.51.100.9", 4711), "server": ("server", 80),
        }  # fmt: skip
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": False})
        await self._office.app(scope, self._incoming.get, self._sent)

    async def _sent(self, message: Any) -> None:
        self.sent.append(message)

    def breaks(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})


async def test_who_leaves_before_the_answer_has_given_up(office: Office) -> None:
    connection = Connection(office)
    posted = asyncio.ensure_future(connection.post())
    await office.asked()
    connection.breaks()
    await asyncio.wait_for(posted, 5)
    assert office.nothing_left() and connection.sent[0]["status"] != 201


async def test_who_leaves_with_the_answer_has_hung_up(office: Office) -> None:
    connection = Connection(office)
    posted = asyncio.ensure_future(connection.post())
    await office.asked()
    connection.breaks()
    office.at.ready()
    await asyncio.wait_for(posted, 5)
    assert office.nothing_left()


async def test_a_server_that_stops_while_a_client_waits(office: Office) -> None:
    connection = Connection(office)
    posted = asyncio.ensure_future(connection.post())
    await office.asked()
    posted.cancel()
    await asyncio.wait([posted], timeout=5)
    assert posted.cancelled() and office.nothing_left()
