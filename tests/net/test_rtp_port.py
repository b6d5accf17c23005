import asyncio
import socket

import pytest

from mediaserver.net.rtp_port import Address, NoPortError, PortRange, RtpPort

HOST = "127.0.0.1"
FIRST = 40100


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def taken(port: RtpPort) -> tuple[int, int]:
    return port._rtp.getsockname()[1], port._rtcp.getsockname()[1]


@pytest.mark.parametrize("first", [FIRST, FIRST - 1])
async def test_a_pair_is_even_and_odd(first: int) -> None:
    ports = PortRange(HOST, first, FIRST + 5)
    pairs = [ports.take(loop()) for _ in range(3)]
    assert [taken(port) for port in pairs] == [(FIRST + n, FIRST + n + 1) for n in (0, 2, 4)]
    assert [port.number for port in pairs] == [FIRST, FIRST + 2, FIRST + 4]
    with pytest.raises(NoPortError, match=r"widen rtp\.ports"):
        ports.take(loop())
    for port in pairs:
        port.close()


async def test_the_last_pair_fits_into_the_range() -> None:
    ports = PortRange(HOST, FIRST, FIRST + 2)  # one even port more, without its odd one
    port = ports.take(loop())
    with pytest.raises(NoPortError):
        ports.take(loop())
    port.close()


async def test_a_freed_pair_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("mediaserver.net.rtp_port.time.monotonic", lambda: now)
    ports = PortRange(HOST, FIRST, FIRST + 3, rest_s=5.0)
    first, second = ports.take(loop()), ports.take(loop())
    ports.give_back(first)
    with pytest.raises(NoPortError):
        ports.take(loop())
    now = 104.9
    with pytest.raises(NoPortError):
        ports.take(loop())
    now = 105.0
    again = ports.take(loop())
    assert again.number == FIRST
    again.close()
    second.close()


@pytest.mark.parametrize("busy", [FIRST, FIRST + 1])
async def test_a_pair_another_program_has_is_passed_over_and_tried_again(busy: int) -> None:
    ports = PortRange(HOST, FIRST, FIRST + 3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, busy))
        port = ports.take(loop())
        assert port.number == FIRST + 2
        with pytest.raises(NoPortError):
            ports.take(loop())
    later = ports.take(loop())
    assert later.number == FIRST
    later.close()
    port.close()


async def test_datagrams_reach_the_right_ear() -> None:
    ports = PortRange(HOST, FIRST, FIRST + 3)
    ours, theirs = ports.take(loop()), ports.take(loop())
    got: asyncio.Queue[tuple[str, bytes, Address]] = asyncio.Queue()
    ours.listen(
        lambda packet, source, now: got.put_nowait(("rtp", packet, source)),
        lambda packet, source, now: got.put_nowait(("rtcp", packet, source)),
    )
    theirs.send_rtp(b"voice", (HOST, ours.number))
    assert await asyncio.wait_for(got.get(), 5) == ("rtp", b"voice", (HOST, theirs.number))
    theirs.send_rtcp(b"report", (HOST, ours.number + 1))
    assert await asyncio.wait_for(got.get(), 5) == ("rtcp", b"report", (HOST, theirs.number + 1))
    for port in (ours, theirs):
        port.close()


async def test_what_cannot_be_sent_is_lost_and_counted() -> None:
    port = PortRange(HOST, FIRST, FIRST + 1).take(loop())
    port.send_rtp(b"x" * 70_000, (HOST, 9))
    assert port.unsent == 1
    port.close()
    port.close()
    port.send_rtp(b"voice", (HOST, 9))
    port.send_rtcp(b"report", (HOST, 9))
    assert port.unsent == 3


async def test_nobody_there_does_not_deafen_us() -> None:
    ports = PortRange(HOST, FIRST, FIRST + 3)
    ours, theirs = ports.take(loop()), ports.take(loop())
    closed = theirs.number
    got: asyncio.Queue[bytes] = asyncio.Queue()
    ours.listen(lambda packet, source, now: got.put_nowait(packet), lambda packet, source, now: None)
    ours.send_rtp(b"to nobody", (HOST, closed + 100))  # answered by ICMP, which a later read would raise
    theirs.send_rtp(b"voice", (HOST, ours.number))
    assert await asyncio.wait_for(got.get(), 5) == b"voice"
    for port in (ours, theirs):
        port.close()


@pytest.mark.parametrize("dscp", [46, 0, 34])
@pytest.mark.parametrize("host", [HOST, "::1"])
async def test_media_are_marked_and_have_room(host: str, dscp: int) -> None:
    port = PortRange(host, FIRST, FIRST + 3, dscp=dscp).take(loop())
    for sock in (port._rtp, port._rtcp):
        if ":" in host:
            marked = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
        else:
            marked = sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
        assert marked >> 2 == dscp
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 1 << 17
    port.close()


async def test_media_are_marked_as_telephony_unless_told_otherwise() -> None:
    port = PortRange(HOST, FIRST, FIRST + 3).take(loop())
    assert port._rtp.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2 == 46
    port.close()


async def test_both_ports_of_a_freed_pair_rest_and_what_strays_there_reaches_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("mediaserver.net.rtp_port.time.monotonic", lambda: now)
    ports = PortRange(HOST, FIRST, FIRST + 5, rest_s=5.0)
    ports.give_back(ports.take(loop()))
    others = [ports.take(loop()) for _ in range(2)]
    assert {number for port in others for number in taken(port)} == {FIRST + 2, FIRST + 3, FIRST + 4, FIRST + 5}
    got: asyncio.Queue[bytes] = asyncio.Queue()
    for port in others:
        port.listen(lambda packet, *_: got.put_nowait(packet), lambda packet, *_: got.put_nowait(packet))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stray:
        for number in (FIRST, FIRST + 1):
            try:
                stray.sendto(b"of the last call", (HOST, number))
            except ConnectionRefusedError:
                pass
        stray.sendto(b"of this call", (HOST, FIRST + 2))
    assert await asyncio.wait_for(got.get(), 5) == b"of this call" and got.empty()
    for port in others:
        port.close()
