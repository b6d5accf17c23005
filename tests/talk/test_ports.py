"""By which of its ports a leg's media go, as its peers come and go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mediaserver.sdp.ice import Ice
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.security import Sdes
from mediaserver.talk.ports import LegPorts
from mediaserver.webrtc.patience import Patience
from mediaserver.webrtc.secure_port import Address, Arrived, Port
from mediaserver.webrtc.shared_port import BrowserPort
from support.checks import check

HOST, BROWSER, PHONE = "127.0.0.1", ("192.0.2.9", 5000), ("192.0.2.5", 4000)
PCMU = PayloadFormat(0, "PCMU", 8000)
PLAIN = MediaPlan(PCMU, (PCMU,), 20, Direction.SENDRECV, PHONE, PHONE, rtcp_mux=True)
NAMED = Ice("ours", "p" * 24, "theirs", shared=True)
KEY = b"k" * 30


class Pair:
    """A pair of ports."""

    def __init__(self) -> None:
        self.number, self.unsent, self.closed = 20_000, 0, 0
        self.sent: list[tuple[bytes, Address]] = []

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        self.rtp = rtp

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        self.sent.append((packet, destination))

    send_rtcp = send_rtp

    def close(self) -> None:
        self.closed += 1


class Pairs:
    """Lends them."""

    def __init__(self) -> None:
        self.back: list[Port] = []

    def give_back(self, port: Port) -> None:
        port.close()
        self.back.append(port)


class Bench:
    """A leg's ports; `heard` is what came by the one in use."""

    def __init__(self, browsers: BrowserPort) -> None:
        self.browsers, self.pairs, self.pair = browsers, Pairs(), Pair()
        self.failures: list[str] = []
        self.heard: list[bytes] = []

    def begin(self, *, place: str | None = None) -> LegPorts:
        lender, port = (self.pairs, self.pair) if place is None else (self.browsers, self.browsers.place(place))
        patience = Patience(connect_s=10.0)
        self.ports = LegPorts(lender, port, None, patience, self.failures.append)  # type: ignore[arg-type]
        return self.ports

    def follow(self, plan: MediaPlan) -> None:
        self.ports.follow(plan, 0.0)
        self.ports.outer.listen(lambda packet, source, now: self.heard.append(packet), lambda *_: None)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    port = BrowserPort(asyncio.get_running_loop(), HOST, 0)
    yield Bench(port)
    port.close()


async def test_a_pair_in_the_clear_is_used_as_it_is(bench: Bench) -> None:
    ports = bench.begin()
    bench.follow(PLAIN)
    assert ports.outer is bench.pair and ports.number == 20_000
    assert ports.close() and not ports.close()
    assert bench.pairs.back == [bench.pair] and bench.pair.closed == 1


async def test_media_go_by_the_place_whose_name_was_agreed_and_the_pair_is_deaf_meanwhile(bench: Bench) -> None:
    ports = bench.begin()
    place = bench.browsers.place("ours")
    ports.add(bench.browsers, place)
    bench.follow(PLAIN)
    bench.follow(replace(PLAIN, ice=NAMED))
    assert ports.number == bench.browsers.number
    bench.pair.rtp(b"\x80\0of the last peer", PHONE, 0.0)
    place.take(check(NAMED, use=True), BROWSER, 0.0)
    place.take(b"\x80\0of this one", BROWSER, 0.0)
    assert bench.heard == [b"\x80\0of this one"]
    bench.follow(PLAIN)  # moved to a phone
    place.take(b"\x80\0of the last peer", BROWSER, 0.0)
    bench.pair.rtp(b"\x80\0of the phone", PHONE, 0.0)
    assert bench.heard[1:] == [b"\x80\0of the phone"] and ports.outer is bench.pair
    ports.close()
    assert len(bench.browsers) == 0 and bench.pairs.back == [bench.pair]


async def test_from_browser_to_browser(bench: Bench) -> None:
    ports = bench.begin(place="ours")
    bench.follow(replace(PLAIN, ice=NAMED))
    first = ports.outer
    second = replace(NAMED, ours="second")
    ports.add(bench.browsers, bench.browsers.place("second"))
    bench.follow(replace(PLAIN, ice=second))
    assert ports.outer is not first
    bench.follow(replace(PLAIN, ice=NAMED))  # of two branches the first has answered in the end
    assert ports.outer is first, "with the keys it has agreed on"
    ports.close()
    assert len(bench.browsers) == 0


async def test_ice_that_is_restarted_keeps_its_place(bench: Bench) -> None:
    ports = bench.begin(place="ours")
    ports.add(bench.pairs, bench.pair)
    bench.follow(replace(PLAIN, ice=NAMED))
    before = ports.outer
    bench.follow(replace(PLAIN, ice=replace(NAMED, ours="restarted")))
    assert ports.outer is before and len(bench.browsers) == 1
    ports.close()


async def test_ice_with_a_pair_is_not_taken_for_a_browsers(bench: Bench) -> None:
    ports = bench.begin(place="ours")
    ports.add(bench.pairs, bench.pair)
    bench.follow(replace(PLAIN, ice=NAMED))
    bench.follow(replace(PLAIN, ice=Ice("gateway", "q" * 24, "theirs")))
    assert ports.number == 20_000
    ports.close()


async def test_only_the_port_in_use_can_fail_the_call(bench: Bench) -> None:
    ports = bench.begin(place="ours")
    bench.follow(replace(PLAIN, ice=NAMED))
    left = ports.outer
    ports.add(bench.pairs, bench.pair)
    bench.follow(replace(PLAIN, security=Sdes("AES_CM_128_HMAC_SHA1_80", KEY, KEY)))
    left.watch(100.0)  # type: ignore[union-attr]
    assert bench.failures == []
    again = replace(NAMED, ours="again")
    ports.add(bench.browsers, bench.browsers.place("again"))
    bench.follow(replace(PLAIN, ice=again))
    ports.outer.watch(200.0)  # type: ignore[union-attr]
    assert len(bench.failures) == 1 and "ICE" in bench.failures[0]
    ports.close()


async def test_a_leg_holds_only_so_many(bench: Bench) -> None:
    ports = bench.begin(place="ours")
    for number in range(200):
        ports.add(bench.browsers, bench.browsers.place(f"name{number}"))
    assert len(bench.browsers) == 32
    bench.follow(replace(PLAIN, ice=NAMED))
    assert ports.number == bench.browsers.number
    ports.close()
    assert len(bench.browsers) == 0
