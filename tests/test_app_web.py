"""A server with HTTP: when it is there, what is loaded for it, and what a server refuses to be built from."""

import asyncio
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from mediaproviders import catalog
from mediaserver.app import Server
from mediaserver.app_web import Web
from mediaserver.config import Settings
from mediaserver.config.http import Http
from mediaserver.errors import ConfigurationError
from support.scripted_model import ScriptedProvider
from support.tls import Authority


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedProvider:
    provider = ScriptedProvider()
    monkeypatch.setattr(catalog, "build", lambda name, access, **_: provider)
    return provider


def settings(**http: object) -> Settings:
    return Settings(  # type: ignore[arg-type]
        sip={"udp": "127.0.0.1:0", "tcp": ""},
        rtp={"address": "127.0.0.1", "ports": "22000-29998"},
        agent={"name": "clinic"},
        http={"address": "127.0.0.1:0"} | http,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"certificate": "missing.pem"}, ["http.certificate", "missing.pem", "no such file"]),
        ({"admin_key": "env:NO_SUCH_VARIABLE"}, ["http.admin_key", "NO_SUCH_VARIABLE"]),
        ({"token_secret": "file:/no/such/file"}, ["http.token_secret", "/no/such/file"]),
    ],
)
def test_what_it_is_not_built_from(scripted: ScriptedProvider, given: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Server(settings(**given))
    (fault,) = caught.value.faults
    assert [each for each in words if each not in fault.lower() + fault] == []
    Server(settings(**given | {"address": ""}))


def test_what_is_likely_not_meant() -> None:
    def warnings(**given: object) -> str:
        return "\n".join(Web(Http(**given)).warnings())  # type: ignore[arg-type]

    assert warnings() == "" == warnings(address="", page="anyone")
    assert "http.admin_key: is written in plain text" in warnings(admin_key="secret")
    assert "http.admin_key can be guessed" in warnings(admin_key="x" * 15)
    assert "guessed" not in warnings(admin_key="x" * 16)
    assert "browsers let no page have the microphone" in warnings(address="0.0.0.0:80")
    assert "whoever reaches http.address can call" in warnings(address="0.0.0.0:80", page="anyone")
    assert warnings(address="0.0.0.0:443", self_signed=True).startswith("http.self_signed: browsers warn")


async def test_it_is_there_with_the_server_and_gone_with_it(scripted: ScriptedProvider) -> None:
    server = Server(settings())
    async with server.running() as reception:
        url = server.page
        assert url is not None
        async with httpx2.AsyncClient(base_url=url) as client:
            assert (await client.get("/health")).json()["calls"] == 0
            assert (await client.get("/ready")).status_code == 200
            token = await client.post("/api/page-token", json={}, headers={"Origin": url})
            assert token.status_code == 201 and token.json()["agent"] == "clinic"
            reception.drain()
            assert (await client.get("/ready")).status_code == 503
            assert "mediaserver_calls_max 200.0" in (await client.get("/metrics")).text
    async with httpx2.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get("/health")


async def test_two_servers_that_say_nothing_of_http(scripted: ScriptedProvider) -> None:
    """The usual address is one's; the other one moves."""
    usual = Settings(
        sip={"udp": "127.0.0.1:0", "tcp": ""},  # type: ignore[arg-type]
        rtp={"address": "127.0.0.1", "ports": "22000-29998"},  # type: ignore[arg-type]
    )
    first, second = Server(usual), Server(usual)
    async with first.running(), second.running():
        assert first.page != second.page and None not in (first.page, second.page)


async def test_an_address_that_was_chosen_and_is_taken(scripted: ScriptedProvider) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(settings(address=f"127.0.0.1:{taken.getsockname()[1]}"))
        with pytest.raises(OSError, match="in use"):
            async with server.running():
                pass
    assert server.starting == "http"


async def test_a_certificate_is_read_again(scripted: ScriptedProvider, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("127.0.0.1", file="server")
    server = Server(settings(certificate=identity.certificate, key=identity.key))
    async with server.running():
        assert server.page is not None and server.page.startswith("https://127.0.0.1:")
        at = ("127.0.0.1", int(server.page.rpartition(":")[2]))
        first = await asyncio.to_thread(ssl.get_server_certificate, at)
        authority.issue("127.0.0.1", file="server")
        server._reload()
        second = await asyncio.to_thread(ssl.get_server_certificate, at)
        assert first != second
        async with httpx2.AsyncClient(
            base_url=server.page, verify=ssl.create_default_context(cafile=authority.file)
        ) as client:
            assert (await client.get("/health")).status_code == 200


def test_without_http_nothing_is_loaded_for_it() -> None:
    code = (
        "import asyncio, sys\n"
        "from mediaserver.app import Server\n"
        "from mediaserver.config import Settings\n"
        "given = {'sip': {'udp': '127.0.0.1:0', 'tcp': ''}, 'http': {'address': ''}}\n"
        "given |= {'agent': {'model': 'gpt-realtime'}, 'providers': {'openai': {'api_key': 'sk-test'}}}\n"
        "async def run():\n"
        "    async with Server(Settings(**given)).running():\n"
        "        print('loaded:', sorted({'fastapi', 'uvicorn', 'prometheus_client', 'jwt'} & set(sys.modules)))\n"
        "asyncio.run(run())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "loaded: []" in done.stdout.splitlines(), done.stdout + done.stderr
