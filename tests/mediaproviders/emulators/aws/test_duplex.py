"""The HTTP/2 server against a bare client."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from mediaproviders.emulators.aws import DuplexServer, Refusal


class Recorder:
    def __init__(self, request, stream):
        self.request, self.stream = request, stream
        self.pieces, self.log = [], []
        self.changed = asyncio.Event()

    def received(self, piece):
        self.pieces.append(piece)
        self.changed.set()

    def ended(self):
        self.log.append("ended")
        self.changed.set()

    def over(self):
        self.log.append("over")
        self.changed.set()

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def serving(certificates):
    handlers = asyncio.Queue()

    def accept(request, stream):
        handler = Recorder(request, stream)
        handlers.put_nowait(handler)
        return handler

    async with DuplexServer("127.0.0.1", 0, certificates.server_context(["h2", "http/1.1"]), accept) as server:
        yield server, handlers


async def opened(server, handlers, connect, kinds):
    client = await connect(server.port)
    number = client.request()
    client.send(number, b"first")
    handler = await handlers.get()
    await handler.until(lambda each: each.pieces)
    handler.stream.respond(200, [("content-type", "text/plain")])
    await client.until(kinds["head"])
    return client, number, handler


async def test_both_directions_at_once(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client, number, handler = await opened(server, handlers, connect, kinds)
        assert (handler.request.method, handler.request.path, handler.request.target) == ("POST", "/x", "/x?y=1")
        assert handler.request.headers["host"] == "localhost"
        handler.stream.write(b"answer")
        assert (await client.until(kinds["data"])).data == b"answer"
        client.send(number, b"second", end=True)
        await handler.until(lambda each: "ended" in each.log)
        assert b"".join(handler.pieces) == b"firstsecond"
        handler.stream.write(b"last")
        handler.stream.end()
        handler.stream.write(b"too late")
        await client.until(kinds["end"])
        await handler.until(lambda each: each.log == ["ended", "over"])


async def test_a_long_answer_waits_for_room(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client, number, handler = await opened(server, handlers, connect, kinds)
        client.acknowledge = False
        handler.stream.write(b"x" * 100_000)
        await client.until(kinds["data"], size=65535)
        client.h2.increment_flow_control_window(65535)
        client.h2.increment_flow_control_window(65535, number)
        client.flush()
        await client.until(kinds["data"], size=100_000 - 65535)


async def test_a_server_that_does_not_read(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client, number, handler = await opened(server, handlers, connect, kinds)
        handler.stream.stop_reading()
        room = client.h2.local_flow_control_window(number)
        while room:
            size = min(room, 16384)
            client.send(number, b"y" * size)
            room -= size
        await handler.until(lambda each: sum(map(len, each.pieces)) >= 65535)
        assert client.h2.local_flow_control_window(number) == 0
        handler.stream.read_on()
        await client.until(kinds["room"])
        assert client.h2.local_flow_control_window(number) > 0


async def test_refusal(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client = await connect(server.port)
        number = client.request()
        client.send(number, b"", end=True)
        handler = await handlers.get()
        handler.stream.refuse(Refusal(403, "AccessDeniedException", "No."))
        head = dict((await client.until(kinds["head"])).headers)
        assert (head[":status"], head["x-amzn-errortype"]) == ("403", "AccessDeniedException")
        assert (await client.until(kinds["data"])).data == b'{"message":"No."}'
        await handler.until(lambda each: "over" in each.log)


@pytest.mark.parametrize("how", ["reset", "go_away", "abort"])
async def test_endings(certificates, connect, kinds, how):
    async with serving(certificates) as (server, handlers):
        client, _, handler = await opened(server, handlers, connect, kinds)
        getattr(handler.stream, how)()
        if how == "abort":
            with pytest.raises((ConnectionError, EOFError)):
                await client.until(kinds["data"])
        else:
            await client.until(kinds["reset" if how == "reset" else "goaway"])
        await handler.until(lambda each: each.log == ["over"])
        handler.stream.write(b"nobody is there")
        handler.stream.respond(200)


async def test_a_client_that_resets(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client, number, handler = await opened(server, handlers, connect, kinds)
        client.h2.reset_stream(number)
        client.flush()
        await handler.until(lambda each: each.log == ["over"])
        assert handler.stream.closed


async def test_other_protocols_are_not_spoken(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client = await connect(server.port, alpn=("http/1.1",))
        with pytest.raises((EOFError, ConnectionError)):
            await client.until(kinds["head"])
        client = await connect(server.port)
        client.writer.write(b"\0\0\1\0\0\0\0\0\0x")
        await client.until(kinds["goaway"])
        assert handlers.empty()


async def test_leaving_ends_every_connection(certificates, connect, kinds):
    async with serving(certificates) as (server, handlers):
        client, _, handler = await opened(server, handlers, connect, kinds)
    assert handler.log == ["over"]
    with pytest.raises((ConnectionError, EOFError)):
        await client.until(kinds["data"])
    with pytest.raises(RuntimeError):
        _ = server.port
