"""The options of every socket, and which address of ours stands for us."""

import asyncio
import socket

import pytest

from mediaserver.net.local_address import LocalAddress, LocalAddresses, Scopes
from mediaserver.net.sockets import SocketSettings, datagrams, listening, outgoing

DSCP = {socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TOS), socket.AF_INET6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}


def marked(sock: socket.socket) -> int:
    return sock.getsockopt(*DSCP[sock.family]) >> 2


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("settings", "dscp"), [(SocketSettings(), 24), (SocketSettings(dscp=46), 46)])
async def test_every_socket_is_marked(host: str, settings: SocketSettings, dscp: int) -> None:
    udp, server = datagrams((host, 0), settings), listening((host, 0), settings)
    client = outgoing(host, host, settings)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, server.getsockname())
    accepted, peer = await loop.sock_accept(server)
    assert peer[0] == host
    assert [marked(each) for each in (udp, server, client, accepted)] == [dscp] * 4
    for each in (udp, server, client, accepted):
        each.close()


def test_several_processes_share_a_port_only_if_asked() -> None:
    shared = SocketSettings(reuse_port=True)
    for make in (datagrams, listening):
        first = make(("127.0.0.1", 0), shared)
        address = first.getsockname()
        make(address, shared).close()
        with pytest.raises(OSError, match=f"port {address[1]}"):
            make(address, SocketSettings())
        first.close()


def test_an_ipv6_socket_leaves_the_port_of_ipv4_free() -> None:
    first = datagrams(("::", 0), SocketSettings())
    datagrams(("0.0.0.0", first.getsockname()[1]), SocketSettings()).close()
    first.close()


def test_an_address_that_is_none_of_ours_is_named() -> None:
    with pytest.raises(OSError, match=r"cannot listen on udp 192\.0\.2\.1 port 5060: "):
        datagrams(("192.0.2.1", 5060), SocketSettings())
    with pytest.raises(OSError):
        outgoing("127.0.0.1", "192.0.2.1", SocketSettings())


def test_a_link_local_address_is_sent_to_by_the_interface_it_was_heard_on() -> None:
    scopes = Scopes()
    assert scopes.full(("fe80::1", 5060)) == ("fe80::1", 5060)
    scopes.learn("fe80::1", 3)
    scopes.learn("2001:db8::1", 0)
    assert scopes.full(("fe80::1", 5060)) == ("fe80::1", 5060, 0, 3)
    assert scopes.full(("2001:db8::1", 5060)) == ("2001:db8::1", 5060)
    for number in range(10_000):
        scopes.learn(f"fe80::2:{number:x}", 3)
    assert len(scopes._known) <= 4096


def test_the_scope_is_no_part_of_the_address_that_is_written() -> None:
    assert LocalAddress(("fe80::1%eth0", 5060)).towards("fe80::2") == ("fe80::1", 5060)


def test_a_peer_that_sees_us_elsewhere_is_told_that_address_and_nobody_else() -> None:
    addresses, udp = LocalAddresses(), LocalAddress(("127.0.0.1", 5070))
    addresses.add("udp", udp)
    addresses.seen_as("udp", "127.0.0.9", ("198.51.100.99", 4711))
    assert addresses.towards("udp", "127.0.0.9") == udp.towards("127.0.0.9") == ("198.51.100.99", 4711)
    assert addresses.towards("udp", "127.0.0.8") == ("127.0.0.1", 5070)
    addresses.seen_as("tls", "127.0.0.8", ("198.51.100.99", 5555))
    assert addresses.towards("tls", "127.0.0.8") == ("198.51.100.99", 5555), "of our connection, for we do not listen"
    assert addresses.towards("udp", "127.0.0.8") == udp.towards("127.0.0.8") == ("127.0.0.1", 5070)
    assert (addresses.seen_by("127.0.0.8"), addresses.seen_by("127.0.0.7")) == ("198.51.100.99", None)


def test_which_listener_stands_for_us() -> None:
    addresses = LocalAddresses()
    assert addresses.towards("udp", "127.0.0.1") == ("127.0.0.1", 5060)
    assert addresses.best("udp", "127.0.0.1") is None
    for transport, bound in (("udp", ("192.0.2.1", 5060)), ("udp", ("127.0.0.1", 5070)), ("tcp", ("0.0.0.0", 5080))):
        addresses.add(transport, LocalAddress(bound))  # type: ignore[arg-type]
    assert addresses.towards("udp", "127.0.0.9") == ("127.0.0.1", 5070), "the one the route starts from"
    assert addresses.towards("tcp", "127.0.0.9") == ("127.0.0.1", 5080)
    assert addresses.towards("tls", "127.0.0.9") == ("127.0.0.1", 5070), "without a port of its own another one"
    assert addresses.towards("udp", "::1") == ("::1", 5060), "no listener of its family"
    assert addresses.source("tcp", "127.0.0.9") is None
    addresses.add("tls", LocalAddress(("192.0.2.1", 5061)))
    assert addresses.source("tls", "198.51.100.1") == "192.0.2.1"
    assert addresses.source("tls", "127.0.0.9") is None, "not from there to here"
