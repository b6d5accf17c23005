"""A connection that is written to without waiting, on a real socket."""

import asyncio

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from mediaproviders.websocket import WRITE_BYTES, Wire


def dial(port):
    return connect(
        f"ws://127.0.0.1:{port}", create_connection=Wire, compression=None, proxy=None, write_limit=WRITE_BYTES
    )


def port_of(server):
    return next(iter(server.sockets)).getsockname()[1]


async def test_messages_are_written_in_order_without_waiting():
    received = []
    done = asyncio.Event()

    async def read(socket):
        async for message in socket:
            received.append(message)
            if len(received) == 3:
                done.set()

    async with serve(read, "127.0.0.1", 0, compression=None) as server, dial(port_of(server)) as wire:
        assert isinstance(wire, Wire)
        assert wire.ready
        for message in (b"1", b"2", b"3"):
            wire.write(message)
        await asyncio.wait_for(done.wait(), 5)
        assert received == ["1", "2", "3"]
        await wire.leave()
        assert not wire.ready


async def test_a_peer_that_does_not_read_is_noticed_and_the_end_of_it_told():
    go = asyncio.Event()

    async def read(socket):
        socket.transport.pause_reading()
        await go.wait()
        socket.transport.resume_reading()
        await socket.wait_closed()

    async with serve(read, "127.0.0.1", 0, compression=None, max_queue=None) as server, dial(port_of(server)) as wire:
        told = asyncio.Event()
        wire.on_ready = told.set
        written = 0
        while wire.ready:
            wire.write(b"x" * 4000)
            written += 1
            await asyncio.sleep(0)
            assert written < 20_000
        go.set()
        await asyncio.wait_for(told.wait(), 5)
        assert wire.ready
        await wire.leave()


async def test_leaving_a_peer_that_does_not_read_does_not_hang():
    go = asyncio.Event()

    async def read(socket):
        socket.transport.pause_reading()
        await go.wait()
        socket.transport.abort()

    async with serve(read, "127.0.0.1", 0, compression=None) as server, dial(port_of(server)) as wire:
        while wire.ready:
            wire.write(b"x" * 4000)
            await asyncio.sleep(0)
        async with asyncio.timeout(1):
            await wire.leave()
        go.set()


async def test_a_reset_makes_it_unready():
    async def reset(socket):
        socket.transport.abort()

    async with serve(reset, "127.0.0.1", 0, compression=None) as server, dial(port_of(server)) as wire:
        await asyncio.wait_for(wire.wait_closed(), 5)
        assert not wire.ready
