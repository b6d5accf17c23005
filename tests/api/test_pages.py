"""The softphone's files: types, caches, and what the page may load."""

import pytest

from mediaserver.api import pages
from support.web_front import PAGE, Front, problem


async def test_the_page_loads_nothing_from_elsewhere() -> None:
    async with Front().client() as client:
        response = await client.get("/")
    assert response.status_code == 200 and response.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" == policy["connect-src"]
    assert policy["frame-ancestors"] == "'none'" and "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff" and response.headers["cache-control"] == "no-cache"
    assert "microphone=(self)" in response.headers["permissions-policy"]


async def test_the_module_may_be_loaded_by_any_page() -> None:
    async with Front().client() as client:
        response = await client.get("/softphone/voice-agent.js", headers={"Origin": PAGE})
        assert response.status_code == 200 and response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["access-control-allow-origin"] == "*"
        assert "max-age" in response.headers["cache-control"]
        etag = response.headers["etag"]
        for known in (etag, f'"x", W/{etag}'):
            again = await client.get("/softphone/voice-agent.js", headers={"If-None-Match": known})
            assert again.status_code == 304 and not again.content and again.headers["etag"] == etag
        assert (await client.get("/softphone/voice-agent.js", headers={"If-None-Match": '"x"'})).status_code == 200
        head = await client.head("/softphone/voice-agent.js")
        assert head.status_code == 200 and head.headers["content-length"] == str(len(response.content))


async def test_every_file_of_the_softphone_is_served() -> None:
    names = [each.name for each in pages.FOLDER.iterdir() if each.is_file() and each.suffix != ".py"]
    assert "index.html" in names
    async with Front().client() as client:
        for name in names:
            response = await client.get(f"/softphone/{name}")
            assert response.status_code == 200 and response.content == (pages.FOLDER / name).read_bytes(), name


@pytest.mark.parametrize("name", ["__init__.py", "nothing.js", ".", "index.html~", "a/b.js"])
async def test_and_no_other(name: str) -> None:
    async with Front().client() as client:
        assert problem(await client.get(f"/softphone/{name}"))[0] == 404


async def test_without_a_page_the_module_is_still_there() -> None:
    async with Front(page="off").client() as client:
        assert problem(await client.get("/"))[0] == 404
        assert (await client.get("/softphone/voice-agent.js")).status_code == 200
