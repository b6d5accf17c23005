"""HTTP over real sockets: who is slow, who comes too often, TLS, and an end that waits for nobody."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, cast

import httpx2
import pytest

from mediaserver.api import door
from mediaserver.api.certificate import SelfSigned, hosts_of
from mediaserver.api.shell import HttpShell
from mediaserver.config.http import Http
from support.web_front import Front

_PATIENCE_S = 20.0


@asynccontextmanager
async def listening(app: Any = None, **settings: Any) -> AsyncIterator[HttpShell]:
    given = Http(**({"address": "127.0.0.1:0"} | settings))
    signed = SelfSigned(hosts_of("127.0.0.1")) if given.self_signed else None
    shell = HttpShell(app or Front(**settings).app, given, None if signed is None else signed.tls.context)
    await shell.start()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            yield shell
    finally:
        await shell.close()
        assert shell.connections == 0


class _Exhausted:
    """A listening socket for whose first client there is no file left."""

    def __init__(self, listener: Any) -> None:
        self._listener = listener
        self.tries = 0

    def accept(self) -> Any:
        self.tries += 1
        if self.tries == 1:
            raise OSError(errno.EMFILE, "too many open files")
        return self._listener.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


def _url(shell: HttpShell) -> str:
    host, port = shell.address
    return f"http://{host}:{port}"


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0)  # the sockets are the kernel's


async def raw(shell: HttpShell, sent: bytes) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await asyncio.open_connection(*shell.address)
    writer.write(sent)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


async def test_a_request_over_the_wire() -> None:
    async with listening() as shell, httpx2.AsyncClient(base_url=_url(shell)) as client:
        response = await client.get("/health")
        assert response.status_code == 200 and response.headers["date"].endswith(" GMT")
        assert "server" not in response.headers


async def test_bytes_that_are_no_request() -> None:
    async with listening() as shell:
        for sent in (b"\x16\x03\x01\x02\x00\x01\x00", b"INVITE sip:a@b SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            assert (await raw(shell, sent)).startswith(b"HTTP/1.1 400")
        # It may be closed before the rest of it is read.
        assert (await raw(shell, b"GET /" + b"x" * 40_000))[:12] in (b"HTTP/1.1 400", b"reset")
        async with httpx2.AsyncClient(base_url=_url(shell)) as client:
            assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: "])
async def test_a_head_that_does_not_come(sent: bytes) -> None:
    async with listening(request_s=0.1) as shell:
        assert await raw(shell, sent) in (b"", b"reset")


async def test_a_second_head_that_does_not_come() -> None:
    async with listening(request_s=0.2) as shell:
        reader, writer = await asyncio.open_connection(*shell.address)
        writer.write(b"HEAD /softphone/voice-agent.js HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /health HTTP/1.1\r\nHo")
        try:
            async with asyncio.timeout(4):  # less than an idle connection is kept
                assert await reader.read() == b""
        except ConnectionResetError:
            pass
        writer.close()


async def test_a_body_that_does_not_come() -> None:
    head = b"POST /whip/a HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nv=0"
    async with listening(request_s=0.1) as shell:
        assert (await raw(shell, head)).startswith(b"HTTP/1.1 408")


async def test_a_body_of_a_megabyte_is_refused_before_it_is_sent() -> None:
    head = b"POST /whip/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"
    async with listening(request_s=1.0) as shell:
        reader, writer = await asyncio.open_connection(*shell.address)
        writer.write(head + b"v=0")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
        # The rest may come, and is thrown away: a client that only then looks for an answer still finds it.
        writer.write(b"x" * 200_000)
        await writer.drain()
        assert b"http.max_body" in await reader.read()  # and then we lose patience
        writer.close()


async def test_a_client_that_does_not_read() -> None:
    gone = asyncio.Event()

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10_000):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
            if (await asyncio.wait([waiting], timeout=0))[0]:
                break
        gone.set()

    async def left(scope: Any, receive: Any, send: Any) -> None:
        nonlocal waiting
        await receive()
        waiting = asyncio.ensure_future(receive())
        await flood(scope, receive, send)

    waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    async with listening(left, request_s=0.2) as shell:
        with closing(socket.socket()) as deaf:
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, shell.address)
            await asyncio.get_running_loop().sock_sendall(deaf, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await gone.wait()


async def test_more_connections_than_may_be() -> None:
    async with listening(connections=3) as shell:
        held = [await asyncio.open_connection(*shell.address) for _ in range(3)]
        await _until(lambda: shell.connections == 3)
        assert await raw(shell, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n") in (b"", b"reset")
        held.pop()[1].close()
        await _until(lambda: shell.connections == 2)
        answered = await raw(shell, b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()


async def test_the_end_waits_for_a_response_and_cuts_off_a_stream() -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        begun.set()
        if scope["path"] == "/short":
            await asyncio.sleep(0.1)
            await send({"type": "http.response.body", "body": b" and ended"})
            return
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with listening(app) as shell:
        short = asyncio.ensure_future(raw(shell, b"GET /short HTTP/1.1\r\nHost: a\r\n\r\n"))
        await begun.wait()
        begun.clear()
        endless = asyncio.ensure_future(raw(shell, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"))
        await begun.wait()
        await shell.close()
        assert b" and ended" in await short
        assert cancelled.is_set() and (await endless)[:12] in (b"HTTP/1.1 200", b"reset")


async def test_the_usual_address_is_taken_by_another() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        usual = Http.model_construct(_fields_set=set(), **(Http().model_dump() | {"address": address}))
        shell = HttpShell(Front().app, usual)
        await shell.start()
        assert shell.moved and shell.address[1] != taken.getsockname()[1]
        await shell.close()
        with pytest.raises(OSError, match="in use"):
            await HttpShell(Front().app, Http(address=address)).start()


async def test_https_with_a_certificate_of_our_own_making() -> None:
    async with listening(self_signed=True) as shell:
        host, port = shell.address
        pem = await asyncio.to_thread(ssl.get_server_certificate, (host, port))
        trusting = ssl.create_default_context(cadata=pem)
        trusting.verify_flags |= ssl.VERIFY_X509_STRICT
        for name in ("127.0.0.1", "localhost"):
            async with httpx2.AsyncClient(base_url=f"https://{name}:{port}", verify=trusting) as client:
                assert (await client.get("/health")).status_code == 200
        async with httpx2.AsyncClient(base_url=f"https://{host}:{port}") as client:
            with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate"):
                await client.get("/health")
        assert await raw(shell, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n") in (b"", b"reset")


async def test_a_handshake_that_does_not_come() -> None:
    async with listening(self_signed=True, request_s=0.2) as shell:
        assert await raw(shell, b"") in (b"", b"reset")


async def test_handshakes_are_among_the_connections_that_may_be() -> None:
    async with listening(self_signed=True, request_s=120, connections=2) as shell:
        silent = [await asyncio.open_connection(*shell.address) for _ in range(2)]
        assert await raw(shell, b"") in (b"", b"reset")
        for _, writer in silent:
            writer.close()
        while True:
            try:
                await asyncio.to_thread(ssl.get_server_certificate, shell.address)
                break
            except OSError:
                pass  # the server has not heard yet that they have left


async def test_no_file_is_left_for_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_AGAIN_S", 0.01)
    async with listening() as shell, httpx2.AsyncClient(base_url=_url(shell)) as client:
        listener = cast(Any, shell._door)._socket = _Exhausted(cast(Any, shell._door)._socket)
        assert (await client.get("/health")).status_code == 200
        assert listener.tries > 1


async def test_a_proxy_is_believed_where_it_is_named() -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.9", "X-Forwarded-Proto": "https", "Host": "talk.example"}
    page = {"Origin": "https://talk.example"}
    for proxies, statuses in ((["127.0.0.1/32"], [401, 401, 429]), ([], [403, 403, 403])):
        async with (
            listening(proxies=proxies, per_source=2) as shell,
            httpx2.AsyncClient(base_url=_url(shell)) as client,
        ):
            told = [await client.post("/whip/a", content=b"", headers=forwarded | page) for _ in range(3)]
            assert [each.status_code for each in told] == statuses
            if proxies:
                other = forwarded | page | {"X-Forwarded-For": "192.0.2.10"}
                assert (await client.post("/whip/a", content=b"", headers=other)).status_code == 401
