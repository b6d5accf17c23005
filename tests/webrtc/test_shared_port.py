"""One port for all browsers: each call hears its own and nobody else's, and leaves nothing behind."""

import asyncio
import errno
import gc
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import LocalProtocolError
from mediaserver.rtp.packet import build
from mediaserver.sdp.ice import Ice
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.webrtc.secure_port import Address, SecurePort
from mediaserver.webrtc.shared_port import BrowserPort, Place
from support.checks import check, is_success

HOST = "127.0.0.1"
ONE, TWO = ("192.0.2.1", 4000), ("192.0.2.2", 5000)
PCMU = PayloadFormat(0, "PCMU", 8000)
VOICE = build(0, 1, 160, 7, bytes(160))


class Socket:
    """Of the port: takes what the test gives it, and keeps what is sent."""

    family = socket.AF_INET

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, Address]] = []
        self.sent: list[tuple[bytes, Address]] = []
        self.reads = 0

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        self.reads += 1
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(0)

    def sendto(self, packet: bytes, destination: Address) -> int:
        self.sent.append((packet, destination))
        return len(packet)

    def setsockopt(self, *option: int) -> None:
        pass

    setblocking = bind = setsockopt

    def getsockname(self) -> Address:
        return HOST, 7882

    def close(self) -> None:
        pass


class Loop:
    """Reads when the test says so."""

    def __init__(self) -> None:
        self.readers: dict[Any, Any] = {}

    def add_reader(self, sock: Any, reader: Any) -> None:
        self.readers[sock] = reader

    def remove_reader(self, sock: Any) -> None:
        del self.readers[sock]


class Desk:
    """A port on such a socket."""

    def __init__(self) -> None:
        self.loop = Loop()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "socket", lambda *_: Socket())
            self.port = BrowserPort(self.loop, HOST, 7882)  # type: ignore[arg-type]
        (self.socket,) = self.loop.readers

    def arrives(self, packet: bytes, source: Address) -> None:
        self.socket.waiting.append((packet, source))
        while self.socket.waiting:
            self.loop.readers[self.socket]()

    def answers(self) -> list[bytes]:
        sent, self.socket.sent = self.socket.sent, []
        return [packet for packet, _ in sent]


def plan(ice: Ice) -> MediaPlan:
    return MediaPlan(PCMU, (PCMU,), 20, Direction.SENDRECV, ONE, ONE, ice=ice, rtcp_mux=True)


class Call:
    """A protected leg at a place."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.desk = desk
        self.ice = Ice(name, "p" * 22 + name, "theirs", shared=True)
        self.place = desk.port.place(name)
        self.secure = SecurePort(self.place, clock=lambda: 0.0, shared=self.place)
        self.heard: list[tuple[bytes, Address]] = []
        self.secure.listen(lambda packet, source, now: self.heard.append((packet, source)), lambda *_: None)
        self.secure.follow(plan(self.ice), 0.0)

    def restart(self, name: str) -> None:
        self.ice = Ice(name, "q" * 22 + name, "theirs", shared=True)
        self.secure.follow(plan(self.ice), 0.0)

    def proves(self, source: Address, *, use: bool = True) -> bool:
        """A check from there; whether it was taken."""
        self.desk.arrives(check(self.ice, use=use), source)
        return [is_success(each) for each in self.desk.answers()] == [True]

    def hears(self, source: Address) -> bool:
        """Whether a packet from there gets to it."""
        self.heard.clear()
        self.desk.arrives(VOICE, source)
        return bool(self.heard)

    def accepts(self, source: Address) -> bool:
        agent = self.secure._rtp.ice
        return agent is not None and agent.accepts(source)

    def close(self) -> None:
        self.secure.close()
        self.desk.port.give_back(self.place)


def test_a_source_is_a_calls_once_a_check_has_proved_it() -> None:
    desk = Desk()
    one, two = Call(desk, "one1"), Call(desk, "two2")
    assert not one.hears(ONE) and desk.port.strangers == 1
    assert one.proves(ONE) and two.proves(TWO)
    assert one.hears(ONE) and not two.hears(ONE)
    assert two.hears(TWO) and not one.hears(TWO)
    one.secure.send_rtp(VOICE, TWO)
    assert desk.socket.sent == [(VOICE, ONE)]


@pytest.mark.parametrize("use", [True, False])
def test_a_wrong_password_moves_nothing(use: bool) -> None:
    desk = Desk()
    one, two = Call(desk, "one1"), Call(desk, "two2")
    assert one.proves(ONE)
    desk.arrives(check(two.ice, use=use, password="x" * 24), ONE)
    desk.arrives(check(two.ice, use=use, name="two2:somebody"), ONE)
    assert not any(map(is_success, desk.answers()))
    assert one.hears(ONE) and not two.hears(ONE)


def test_a_source_moves_to_the_call_that_proves_it() -> None:
    """A NAT gives the address of a call that is over there to the next one."""
    desk = Desk()
    one, two = Call(desk, "one1"), Call(desk, "two2")
    assert one.proves(ONE) and two.proves(ONE)
    assert two.hears(ONE) and not one.hears(ONE)
    one.close()
    assert two.hears(ONE)
    two.close()
    assert len(desk.port) == 0


def test_the_network_changes_and_the_call_goes_on() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    assert one.proves(ONE) and one.proves(TWO, use=False)
    for nominated, other in ((ONE, TWO), (TWO, ONE)):
        assert one.proves(nominated) and one.hears(nominated) and one.hears(other), "what was on the way is taken"
        one.secure.send_rtp(VOICE, other)
        assert desk.socket.sent == [(VOICE, nominated)]
        desk.answers()


def test_after_a_restart_both_fragments_lead_to_the_call_until_the_new_one_has_a_pair() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    former = one.ice
    assert one.proves(ONE)
    one.restart("new1")
    assert one.place.fragments == {"one1", "new1"}
    desk.arrives(check(former), ONE)
    assert [is_success(each) for each in desk.answers()] == [True]
    assert one.proves(TWO) and one.place.fragments == {"new1"}
    desk.arrives(check(former), TWO)
    assert not any(map(is_success, desk.answers()))
    assert one.hears(TWO)
    desk.arrives(check(former), ("203.0.113.5", 1))
    assert desk.answers() == [], "nobody has that name any more"


def test_restart_upon_restart_keeps_the_pair_that_works() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    first = one.ice
    assert one.proves(ONE)
    for name in ("new1", "new2", "new3"):
        one.restart(name)
    assert one.place.fragments == {"one1", "new3"}
    desk.arrives(check(first), ONE)
    assert [is_success(each) for each in desk.answers()] == [True] and one.hears(ONE)


def test_who_is_unknown_costs_a_count_and_gets_nothing() -> None:
    desk = Desk()
    call = Call(desk, "one1")
    for port, packet in enumerate((VOICE, b"", b"\x16\xfe\xfd", check(Ice("nobody", "p" * 22, "x"), use=True)), 1):
        desk.arrives(packet, ("203.0.113.6", port))
    assert desk.port.strangers == 4 and desk.answers() == [] and call.heard == []
    assert len(desk.port) == 1


def test_a_place_that_is_closed_is_forgotten_and_what_strays_reaches_nobody() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    assert one.proves(ONE)
    one.close()
    one.close()
    assert len(desk.port) == 0 and not one.hears(ONE) and desk.port.strangers == 1
    again = Call(desk, "one1")
    assert again.proves(ONE) and again.hears(ONE) and one.heard == []


def test_no_two_calls_have_a_fragment() -> None:
    desk = Desk()
    one, two = Call(desk, "one1"), Call(desk, "two2")
    with pytest.raises(LocalProtocolError, match="user fragment"):
        desk.port.place("one1")
    with pytest.raises(LocalProtocolError):
        two.place.rename("two2", "one1")
    assert one.proves(ONE) and two.proves(TWO)


def test_a_call_has_only_so_many_sources() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    assert one.proves(ONE)
    for port in range(1, 200):
        assert one.proves((TWO[0], port), use=False)
        assert one.proves(ONE, use=False)
    assert len(desk.port) <= 1 + 16 and one.hears(ONE) and one.hears((TWO[0], 199))


def test_nothing_is_left_of_a_thousand_calls() -> None:
    desk = Desk()
    for number in range(1000):
        call = Call(desk, f"call{number}")
        assert call.proves((ONE[0], 1 + number)) and call.proves((TWO[0], 1 + number), use=False)
        call.restart(f"again{number}")
        assert call.proves((TWO[0], 1 + number))
        call.close()
    del call
    gc.collect()
    assert len(desk.port) == 0
    assert not [each for each in gc.get_objects() if isinstance(each, Place)]


def test_when_several_wait_they_are_read_together_and_else_one_by_one() -> None:
    desk = Desk()
    one = Call(desk, "one1")
    assert one.proves(ONE)
    read = desk.loop.readers[desk.socket]
    one.heard.clear()
    for _ in range(200):  # one at a time
        desk.socket.waiting = [(VOICE, ONE)]
        read()
    assert len(one.heard) == 200
    desk.socket.reads = 0
    for _ in range(170):
        desk.socket.waiting = [(VOICE, ONE)]
        read()
    assert desk.socket.reads <= 181, "few tries for a second one"
    desk.socket.waiting = [(VOICE, ONE)] * 500
    turns = 0
    while desk.socket.waiting:
        read()
        turns += 1
    assert turns < 60 and len(one.heard) == 870


# --- whatever comes, to whatever calls there are --------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["check", "nominate", "forge", "voice", "garbage", "restart", "close", "open"]),
        st.integers(0, 3),
        st.integers(1, 4),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_places_never_get_what_is_anothers(steps: list[tuple[str, int, int]]) -> None:
    """A source is whose check was taken there last, as long as that call lives and has not left it by a restart."""
    desk = Desk()
    calls: dict[int, Call] = {}
    owner: dict[Address, Call] = {}
    names = iter(range(10_000))
    for what, number, port in steps:
        source = ("192.0.2.9", port)
        call = calls.get(number)
        if what == "voice":
            expected = [each for each in calls.values() if owner.get(source) is each and each.accepts(source)]
            for each in calls.values():
                each.heard.clear()
            desk.arrives(VOICE, source)
            assert [each for each in calls.values() if each.heard] == expected
        elif what == "garbage":
            for packet in (
                bytes([number * 60]) * (7 * port),
                check(Ice(f"call{port}", "x" * 22, "theirs"))[: 20 + port],
            ):
                desk.arrives(packet, source)
            assert not any(map(is_success, desk.answers()))
        elif what == "open" and call is None:
            calls[number] = Call(desk, f"call{next(names)}")
        elif call is None:
            continue
        elif what == "close":
            calls.pop(number).close()
        elif what == "restart":
            call.restart(f"call{next(names)}")
        elif what == "forge":
            desk.arrives(check(call.ice, use=True, password="x" * 24), source)
            assert not any(map(is_success, desk.answers()))
        else:
            assert call.proves(source, use=what == "nominate")
            owner[source] = call
    for call in calls.values():
        call.close()
    assert len(desk.port) == 0


# --- over real sockets ------------------------------------------------------------------------------------------------


@pytest.fixture(params=[(HOST, []), ("::1", []), (HOST, ["::1"])], ids=["IPv4", "IPv6", "both"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[BrowserPort]:
    host, also = request.param
    port = BrowserPort(asyncio.get_running_loop(), host, 0, also=also, dscp=34)
    yield port
    port.close()
    port.close()


@contextmanager
def browser(host: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(5)
        yield sock


async def test_it_listens_sends_and_marks_by_every_family(real: BrowserPort) -> None:
    ice = Ice("ours", "p" * 24, "theirs", shared=True)
    for host in real.hosts:
        place = real.place("ours")
        secure = SecurePort(place, shared=place)
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        secure.listen(lambda packet, source, now, heard=heard: heard.put_nowait(packet), lambda *_: None)  # type: ignore[misc]
        secure.follow(plan(ice), 0.0)
        assert secure.number == real.number
        with browser(host) as sock:
            sock.sendto(check(ice, use=True), (host, real.number))
            answer = await asyncio.to_thread(sock.recv, 2048)
            assert is_success(answer)
            sock.sendto(VOICE, (host, real.number))
            assert await asyncio.wait_for(heard.get(), 5) == VOICE
            secure.send_rtp(VOICE, ONE)
            assert await asyncio.to_thread(sock.recv, 2048) == VOICE
        secure.close()
    for each in real._sockets:
        six = each.family == socket.AF_INET6
        option = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
        assert each.getsockopt(*option) >> 2 == 34


async def test_what_cannot_be_sent_is_lost_and_counted() -> None:
    port = BrowserPort(asyncio.get_running_loop(), HOST, 0)
    place = port.place("ours")
    place.send_rtp(bytes(70_000), (HOST, 9))
    place.send_rtp(VOICE, ("2001:db8::1", 9))  # of a family it does not listen at
    port.close()
    place.send_rtcp(VOICE, (HOST, 9))
    assert place.unsent == 3


async def test_an_address_that_cannot_be_had_leaves_no_socket_open() -> None:
    loop = asyncio.get_running_loop()
    port = BrowserPort(loop, HOST, 0)
    with pytest.raises(OSError, match=r"[Aa]ddress") as caught:
        BrowserPort(loop, "::1", port.number, also=[HOST])
    assert caught.value.errno == errno.EADDRINUSE
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        other.bind(("::1", port.number))
    port.close()
