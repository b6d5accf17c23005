"""What ICMP says of our datagrams: a dead port is told at once, and nothing else suffers from the error."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator

import pytest
import uvloop

from mediaserver.net import bounced
from mediaserver.net.bounced import Bounced
from mediaserver.net.listener import Listener
from mediaserver.net.local_address import LocalAddress
from mediaserver.net.sip_udp import SipDatagrams
from mediaserver.net.sockets import SocketSettings, datagrams
from mediaserver.sip.events import Refused
from support.sip_party import HOST, party
from support.sip_wire import sip_wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the errors of a UDP socket")
HOSTS = [HOST, "::1"]
REFUSED = os.strerror(errno.ECONNREFUSED).lower()


def dead_port(host: str = HOST) -> int:
    """A port that nobody listens at."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


@pytest.fixture(params=HOSTS)
def watched(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with datagrams((request.param, 0), SocketSettings()) as sock:
        bounced.watch(sock)
        yield sock


def test_a_datagram_to_a_dead_port_is_quoted(watched: socket.socket) -> None:
    host = watched.getsockname()[0]
    port = dead_port(host)
    assert not list(bounced.take(watched))
    watched.sendto(b"one", (host, port))
    with pytest.raises(ConnectionRefusedError):
        watched.recvfrom(100)  # on loopback the error is there before `sendto` returns
    assert list(bounced.take(watched)) == [Bounced(b"one", (host, port), errno.ECONNREFUSED)]
    assert not list(bounced.take(watched))
    with pytest.raises(BlockingIOError):
        watched.recvfrom(100)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_the_error_of_one_datagram_costs_no_other(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def story() -> None:
        heard: list[bytes] = []
        back: list[Bounced] = []
        done = asyncio.Event()

        def receive(data: bytes, source: object, by: SipDatagrams) -> None:
            heard.append(data)
            if len(heard) == 20 and len(back) == 20:
                done.set()

        def undelivered(each: Bounced) -> None:
            back.append(each)
            if len(heard) == 20 and len(back) == 20:
                done.set()

        one, other = (datagrams((HOST, 0), SocketSettings()) for _ in range(2))
        address, port = other.getsockname(), dead_port()
        sender = SipDatagrams(one, LocalAddress(one.getsockname()), receive, undelivered)
        receiver = SipDatagrams(other, LocalAddress(address), receive, undelivered)
        for number in range(20):
            sender.send(b"lost %d" % number, (HOST, port))
            sender.send(b"heard %d" % number, address)
        async with asyncio.timeout(5):
            await done.wait()
        assert heard == [b"heard %d" % number for number in range(20)]
        assert [each.quoted for each in back] == [b"lost %d" % number for number in range(20)]
        sender.close()
        receiver.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(story())


@pytest.mark.parametrize("host", HOSTS)
async def test_a_call_to_a_dead_port_fails_at_once(host: str) -> None:
    async with party("a", listeners=[Listener("udp", (host, 0))]) as caller:
        named = f"[{host}]" if ":" in host else host
        leg = await caller.call(f"sip:x@{named}:{dead_port(host)}")
        async with asyncio.timeout(0.5):  # timer B would take more than a second here
            assert await caller.next(Refused) == Refused(leg, 503, REFUSED, None)


async def test_a_forged_error_ends_no_call() -> None:
    async with party("a") as caller, sip_wire((HOST, caller.port("udp"))) as wire:
        leg = await caller.call(f"sip:x@{HOST}:{wire.port}")
        caller.endpoint.undelivered(b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKguess\r\n", "x", 0.0)
        caller.endpoint.undelivered(b"INVITE sip:x SIP/2.0\r\n", "x", 0.0)
        caller.endpoint.undelivered(b"", "x", 0.0)
        caller.shell.pump()
        refused = await caller.next(Refused)
        assert refused == Refused(leg, 408, "timeout", None)
