"""Readable, writable, and errors that do not cost the socket, on both event loops."""

import asyncio
import contextlib
import select
import selectors
import socket
from collections.abc import Callable

import pytest
import uvloop

from mediaserver.net.readiness import Readiness

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
type Loop = Callable[[], asyncio.AbstractEventLoop]


def full(sock: socket.socket) -> int:
    """Send until the system takes no more; how much it took."""
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(b"x" * 1000)
            sent += 1
    return sent


async def story() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    theirs.setblocking(False)
    read, written = asyncio.Event(), asyncio.Event()
    heard: list[bytes] = []

    def readable() -> None:
        heard.append(ours.recv(100))
        read.set()

    def writable() -> None:
        readiness.write(wanted=False)
        written.set()

    readiness = Readiness(ours, readable, writable)
    waiting = full(ours)
    readiness.write(wanted=True)
    readiness.write(wanted=True)
    theirs.send(b"one")
    async with asyncio.timeout(5):
        await read.wait()
    assert heard == [b"one"] and not written.is_set(), "nobody has read what was sent"
    for _ in range(waiting):
        theirs.recv(2000)
    async with asyncio.timeout(5):
        await written.wait()
    read.clear()
    written.clear()
    theirs.send(b"two")
    async with asyncio.timeout(5):
        await read.wait()
    assert heard == [b"one", b"two"] and not written.is_set(), "not wanted any more"
    readiness.close()
    readiness.close()
    readiness.write(wanted=True)
    theirs.send(b"three")
    await asyncio.sleep(0)
    assert len(heard) == 2
    ours.close()
    theirs.close()


@LOOPS
def test_reading_and_writing(loop: Loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


def test_without_an_epoll_the_loop_watches_the_socket_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(select, "epoll")
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.PollSelector())) as runner:
        runner.run(story())
