"""Connections by the new SDKs' HTTP/2, against bare servers."""

import asyncio
from contextlib import asynccontextmanager
from copy import deepcopy

import pytest
from smithy_core import URI
from smithy_http import Fields
from smithy_http.aio import HTTPRequest
from smithy_http.exceptions import SmithyHTTPError

from mediaproviders.aws.errors import from_transport
from mediaproviders.aws.transport import CLOSE_S, Transports
from mediaproviders.contract import ProviderError
from mediaproviders.emulators import certificates
from mediaproviders.emulators.aws import DuplexServer


class Answering:
    """Answers a request's head as `answer` says; its body is left unread if it says so."""

    def __init__(self, stream, answer):
        self.stream = stream
        answer(stream)

    def received(self, piece):
        pass

    def ended(self):
        self.stream.end()

    def over(self):
        pass


def ok(stream):
    stream.respond(200)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("identity"))


@pytest.fixture
async def transports(identity):
    made = Transports(identity.authority)
    yield made
    await made.close()


@asynccontextmanager
async def serving(identity, answer=ok):
    tls = identity.server_context(["h2"])
    async with DuplexServer("127.0.0.1", 0, tls, lambda request, stream: Answering(stream, answer)) as server:
        yield server


class Body:
    """A request's body that goes on until it is told to end."""

    def __init__(self, *pieces):
        self.pieces = list(pieces)
        self.over = asyncio.Event()

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece
        await self.over.wait()


def request(port, body=None):
    destination = URI(scheme="https", host="127.0.0.1", port=port, path="/")
    return HTTPRequest(method="POST", destination=destination, fields=Fields(), body=body or Body())


async def ended(transport):
    """Wait until news of the stream's end is there."""
    async with asyncio.timeout(5):
        await asyncio.wait((transport._ended,))


async def test_each_has_a_connection_of_its_own(identity, transports):
    async with serving(identity) as server:
        first, second = await transports.another(), await transports.another()
        assert first is not second
        for transport in (first, second):
            assert (await transport.send(request(server.port))).status == 200
        assert len(server.connections) == 2
        await first.leave()
        assert (await second.send(request(server.port))).status == 200
        await second.leave()
        with pytest.raises(SmithyHTTPError, match="closed"):
            await second.send(request(server.port))


async def test_the_sdks_copies_are_the_transport_itself(transports):
    transport = await transports.another()
    assert deepcopy({"transport": transport})["transport"] is transport


async def test_certificates_that_cannot_be_read():
    with pytest.raises(ProviderError, match="ca_file") as failure:
        await Transports("/nowhere.pem").start()
    assert (failure.value.code, failure.value.retryable) == ("invalid_configuration", False)


async def test_a_service_without_http_2(identity, transports):
    async def over(reader, writer):
        writer.close()

    server = await asyncio.start_server(over, "127.0.0.1", 0, ssl=identity.server_context(["http/1.1"]))
    async with server:
        transport = await transports.another()
        with pytest.raises(SmithyHTTPError, match="HTTP/2"):
            await transport.send(request(server.sockets[0].getsockname()[1]))
        await transport.leave()


async def test_how_a_stream_ended(identity, transports):
    def cut(stream):
        stream.respond(200)
        stream.reset()

    async with serving(identity, cut) as server:
        transport = await transports.another()
        assert transport.breakage is None
        await transport.send(request(server.port))
        await ended(transport)
        assert from_transport(transport.breakage).code == "connection_lost"
        await transport.leave()
    async with serving(identity) as server:
        transport = await transports.another()
        body = Body(b"all there is")
        response = await transport.send(request(server.port, body))
        body.over.set()
        assert [piece async for piece in response.body] == []
        await ended(transport)
        assert transport.breakage is None
        await transport.leave()


async def test_a_stream_that_is_never_answered(identity, transports):
    async with serving(identity, lambda stream: stream.reset()) as server:
        transport = await transports.another()
        with pytest.raises(Exception, match="STREAM") as broken:
            await transport.send(request(server.port))
        assert from_transport(broken.value).code == "connection_lost"
        await transport.leave()


async def test_a_service_that_reads_nothing_is_left(identity, transports):
    def deaf(stream):
        stream.stop_reading()
        stream.respond(200)

    async with serving(identity, deaf) as server:
        transport = await transports.another()
        # More than the client may send before any of it is taken.
        await transport.send(request(server.port, Body(*(bytes(65536) for _ in range(8)))))
        async with asyncio.timeout(CLOSE_S + 1):
            await transport.leave()
        assert transport._writer.done()


async def test_who_stops_waiting_for_a_connection(transports):
    over = asyncio.Event()
    met = asyncio.Event()

    async def silent(reader, writer):
        met.set()
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        transport = await transports.another()
        sending = asyncio.create_task(transport.send(request(server.sockets[0].getsockname()[1])))
        async with asyncio.timeout(5):
            await met.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await transport.leave()
        assert transport._building
        over.set()
        await transports.close()
        assert not transport._building


async def test_a_connection_made_after_leaving_is_closed_by_leaving_again(identity, transports):
    gone = asyncio.Event()

    def watched(stream):
        ok(stream)
        lost = stream._connection.connection_lost
        stream._connection.connection_lost = lambda error: (lost(error), gone.set())

    async with serving(identity, watched) as server:
        transport = await transports.another()
        sending = asyncio.create_task(transport.send(request(server.port)))
        await asyncio.sleep(0)
        assert transport._building
        await transport.leave()
        assert (await sending).status == 200
        await transport.leave()
        async with asyncio.timeout(5):
            await gone.wait()
