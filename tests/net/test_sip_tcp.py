"""One connection on a transport that does what the test says, and peers that do not read, on real sockets."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
import uvloop

from mediaserver.net.connections import Connections
from mediaserver.net.flows import ShellSettings, SipShell
from mediaserver.net.limits import ConnectionLimits
from mediaserver.net.local_address import LocalAddress, LocalAddresses
from mediaserver.net.profiles import Profiles
from mediaserver.net.sip_tcp import SipConnection
from mediaserver.net.sip_ws import WebSocketClientFraming
from mediaserver.sip.endpoint import SipEndpoint
from mediaserver.sip.events import Flow
from support.sip_rig import request, tokens
from support.virtual_time import tell

LOCAL = ("192.0.2.1", 5060)
PEER = ("192.0.2.9", 40000)
NONSENSE = b"INVITE sip:x SIP/2.0\r\nVia: no length\r\n\r\n"


class Transport(asyncio.Transport):
    """Keeps in its buffer what the peer does not read; `reads` lets it all go at once."""

    def __init__(self, peer: object = PEER, *, reads: bool = True) -> None:
        super().__init__({"peername": peer})
        self.written = b""
        self.how = ""
        self._reads = reads
        self._connection: SipConnection

    def join(self, connection: SipConnection) -> SipConnection:
        self._connection = connection
        connection.connection_made(self)
        return connection

    def is_closing(self) -> bool:
        return bool(self.how)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0 if self._reads else len(self.written)

    def close(self) -> None:
        if not self.how:
            self.how = "closed"
            if not self.get_write_buffer_size():
                self._gone()

    def abort(self) -> None:
        if self.how != "aborted":
            if self.how != "closed" or self.get_write_buffer_size():
                self._gone()
            self.how = "aborted"

    def _gone(self) -> None:
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


class User:
    """Needs no connection; notes which are gone."""

    def __init__(self) -> None:
        self.gone: list[Flow] = []
        self.errors: list[str | None] = []
        self.messages = 0
        self.pongs = 0

    def received(self, data: bytes, flow: Flow) -> None:
        self.messages += 1

    def closed(self, flow: Flow, error: str | None) -> None:
        self.gone.append(flow)
        self.errors.append(error)

    def needs(self, flow: Flow) -> bool:
        return False

    def pong(self, flow: Flow) -> None:
        self.pongs += 1


class Table(Connections):
    """Connections, and those accepted on a TCP port."""

    def accepted(self) -> SipConnection:
        return self.accept("tcp", LocalAddress(LOCAL), None)


def table(**limits: float) -> tuple[Table, User]:
    user = User()
    given = ConnectionLimits(**limits)  # type: ignore[arg-type]
    return Table(user, given, LocalAddresses(), Profiles({})), user


@pytest.mark.parametrize("peer", [None, ()])
def test_a_peer_that_is_gone_before_it_is_taken_keeps_no_slot(peer: object) -> None:
    async def story() -> None:
        connections, user = table(connections=1)
        transport = Transport(peer)
        transport.join(connections.accepted())
        await asyncio.sleep(0)
        assert transport.how == "aborted"
        assert len(connections) == 0 and not user.gone
        transport = Transport()
        transport.join(connections.accepted())
        assert len(connections) == 1 and not transport.how

    tell(story())


def test_the_one_too_many_is_ended_and_takes_nothing_with_it() -> None:
    async def story() -> None:
        connections, user = table(connections=2)
        kept = [Transport((PEER[0], port)) for port in (1, 2)]
        for transport in kept:
            transport.join(connections.accepted())
        extra = Transport((PEER[0], 3))
        extra.join(connections.accepted())
        await asyncio.sleep(0)
        assert extra.how == "aborted" and not user.gone
        assert len(connections) == 2 and [transport.how for transport in kept] == ["", ""]

    tell(story())


@pytest.mark.parametrize("why", ["idle", "fault"])
@pytest.mark.parametrize("reads", [True, False])
def test_a_closed_connection_is_gone_in_time_whether_its_peer_reads_or_not(why: str, reads: bool) -> None:
    async def story() -> None:
        connections, user = table(idle_s=10.0, linger_s=2.0)
        transport = Transport(reads=reads)
        connection = transport.join(connections.accepted())
        connection.data_received(b"\r\n\r\n")
        assert transport.written == b"\r\n"
        if why == "idle":
            await asyncio.sleep(10.5)
        else:
            connection.data_received(NONSENSE)
            await asyncio.sleep(0.5)
        assert transport.how == "closed", "what was written may still be read"
        assert len(connections) == (0 if reads else 1)
        await asyncio.sleep(2.0)
        assert transport.how == ("closed" if reads else "aborted")
        assert len(connections) == 0 and len(user.gone) == 1

    tell(story())


def test_a_peer_that_does_not_read_loses_the_connection_at_the_limit() -> None:
    async def story() -> None:
        connections, _ = table(buffered=1000)
        transport = Transport(reads=False)
        connection = transport.join(connections.accepted())
        connection.send(bytes(1000))
        assert not transport.how
        connection.send(b"x")
        connection.send(b"y")
        await asyncio.sleep(0)
        assert transport.how == "aborted" and len(transport.written) == 1001 and len(connections) == 0

    tell(story())


@pytest.mark.parametrize(("reads", "seconds"), [(True, 0.0), (False, 2.0)])
def test_closing_down_waits_for_who_does_not_read_but_not_for_ever(reads: bool, seconds: float) -> None:
    async def story() -> None:
        connections, _ = table(linger_s=2.0)
        transport = Transport(reads=reads)
        transport.join(connections.accepted()).send(b"last words")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await connections.close()
        assert loop.time() - began == pytest.approx(seconds)
        await asyncio.sleep(0)
        assert len(connections) == 0
        late = Transport((PEER[0], 2))
        late.join(connections.accepted())
        assert late.how == "aborted" and len(connections) == 0

    tell(story())


def test_no_source_has_more_than_its_share() -> None:
    async def story() -> None:
        connections, _ = table(connections=10, per_source=2)
        first = [Transport(("192.0.2.1", port)) for port in (1, 2, 3)]
        for transport in (*first, other := Transport(("192.0.2.2", 1))):
            transport.join(connections.accepted())
        assert [transport.how for transport in (*first, other)] == ["", "", "aborted", ""]
        first[0].close()
        await asyncio.sleep(0)
        late = Transport(("192.0.2.1", 4))
        late.join(connections.accepted())
        assert not late.how and len(connections) == 3

    tell(story())


def test_a_message_that_is_not_completed_in_time_ends_the_connection_however_slowly_it_goes_on() -> None:
    async def story() -> None:
        connections, user = table(message_s=20.0, linger_s=0.1)
        transport = Transport()
        connection = transport.join(connections.accepted())
        message = request("OPTIONS", transport="TCP")
        for octet in message[:100]:
            connection.data_received(bytes([octet]))
            await asyncio.sleep(0.15)
        connection.data_received(message[100:] + message[:1])
        assert user.messages == 1
        await asyncio.sleep(19.0)
        assert not transport.how, "the next one has its own time"
        connection.data_received(message[1:2])
        await asyncio.sleep(1.5)
        assert transport.how == "aborted"

    tell(story())


def test_a_websocket_is_pinged_and_stays_as_long_as_it_answers() -> None:
    async def story() -> None:
        connections, user = table(ping_s=25.0, idle_s=300.0)
        transport, client = Transport(), WebSocketClientFraming("x", 80, secure=False)
        connection = transport.join(connections.accept("ws", LocalAddress(LOCAL), None))
        connection.data_received(client.outgoing())
        read = 0
        for _ in range(100):
            client.receive(transport.written[read:])
            read = len(transport.written)
            connection.data_received(client.outgoing()) if client.ready else None
            await asyncio.sleep(10.0)
        assert not transport.how and user.pongs == 39
        await asyncio.sleep(100.0)
        assert transport.how == "aborted" and user.errors == ["no answer to pings"]

    tell(story())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_peer_that_does_not_read_keeps_no_slot_on_real_sockets(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(a_peer_that_does_not_read())


async def a_peer_that_does_not_read() -> None:
    shell = SipShell(ShellSettings(limits=ConnectionLimits(connections=1, linger_s=0.1, buffered=1 << 30)))
    await shell.start(SipEndpoint(token=tokens()), tcp=("127.0.0.1", 0), on_event=lambda event: None)
    assert shell.tcp_address is not None and shell._connections is not None
    # A small limit: the reader stops reading soon.
    reader, writer = await asyncio.open_connection(*shell.tcp_address, limit=1024)
    flood = request("OPTIONS", transport="TCP", extra=[f"Via: SIP/2.0/TCP a;branch={'b' * 900}"]) * 100
    async with asyncio.timeout(10):
        while not (connections := tuple(shell._connections._connections)) or not unread(connections[0]):
            writer.write(flood)
            await asyncio.sleep(0.001)
        writer.write(NONSENSE)
        while len(shell._connections):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await shell.close()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    del reader


def unread(connection: SipConnection) -> bool:
    return connection._transport is not None and connection._transport.get_write_buffer_size() > 1 << 20
