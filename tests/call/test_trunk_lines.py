"""Trunks at work in virtual time: registrations kept up and moved, OPTIONS that find a trunk gone and back."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.trunk import Trunk, TrunkState
from mediaserver.call.trunk_lines import TrunkLines
from mediaserver.sip.events import Flow, Replied
from mediaserver.sip.message import Response, parse
from mediaserver.sip.uri import SipUri
from support.trunks import trunk
from support.virtual_time import settle, tell

type Lines = list[MutableMapping[str, Any]]
LOCAL = ("203.0.113.7", 5060)
ONE, TWO = (Flow("tcp", (f"192.0.2.{n}", 5060), LOCAL) for n in (1, 2))


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


class Provider:
    """The far end of a trunk: `says` gives the answer to each request, a status with header fields or None for none."""

    def __init__(self, *flows: Flow) -> None:
        self.flows = list(flows) or [ONE]
        self.asked: list[tuple[str, Flow, dict[str, Any]]] = []
        self.kept: list[tuple[Flow, float]] = []
        self.lost: dict[Flow, list[Callable[[], None]]] = {}
        self.says: Callable[[str, Flow], tuple[int, dict[str, str]] | None] = lambda method, flow: (200, {})

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def resolve(self, hop: SipUri, profile: str) -> list[Flow]:
        if not self.flows:
            raise OSError(f"{hop.host} has no address")
        return self.flows

    async def ask(self, method: str, *, flow: Flow, **given: Any) -> Replied:
        self.asked.append((method, flow, given))
        said = self.says(method, flow)
        if said is None:
            await asyncio.sleep(32)
            return Replied(1, 408, "Request Timeout", None)
        status, fields = said
        if status == 0:
            return Replied(1, 503, "connection refused", None)
        return Replied(1, status, "OK" if status < 300 else "No", response(status, given, fields))

    def contact(self, flow: Flow, user: str) -> str:
        return f"<sip:{user}@{flow.local[0]}:{flow.local[1]}>"

    def keep_alive(self, flow: Flow, seconds: float, *, answered: bool) -> None:
        self.kept.append((flow, seconds))

    def let_go(self, flow: Flow) -> None:
        self.kept = [each for each in self.kept if each[0] != flow]

    def seen_as(self, flow: Flow, address: tuple[str, int]) -> None:
        self.flows = [replace(each, local=address) if each.remote == flow.remote else each for each in self.flows]

    def watch(self, flow: Flow, lost: Callable[[], None]) -> None:
        self.lost.setdefault(flow, []).append(lost)

    def unwatch(self, flow: Flow, lost: Callable[[], None]) -> None:
        self.lost[flow].remove(lost)

    def of(self, method: str) -> list[tuple[Flow, dict[str, Any]]]:
        return [(flow, given) for each, flow, given in self.asked if each == method]


def response(status: int, given: dict[str, Any], fields: dict[str, str]) -> Response:
    contact = {"Contact": given["contact"]} if given.get("contact") and status < 300 else {}
    head = {
        "Via": "SIP/2.0/TCP 203.0.113.7:5060;branch=z9hG4bKx",
        "From": "<sip:a@h>;tag=1",
        "To": "<sip:a@h>;tag=2",
        "Call-ID": "c",
        "CSeq": f"{given.get('cseq') or 1} REGISTER",
        **contact,
        **fields,
    }
    text = f"SIP/2.0 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n"
    message = parse(text.encode())
    assert isinstance(message, Response)
    return message


def account(**settings: Any) -> Trunk:
    return trunk(secret="pw", **{"register": True, "user": "acc", "options_ping_s": 0, "from_host": False, **settings})


def told(lines: Lines) -> list[str]:
    return [line["event"] for line in lines]


def test_a_registration_from_first_to_last(lines: Lines) -> None:
    line, provider = account(outbound_proxy="sip:sbc.example"), Provider()

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        ((_, first),) = provider.of("REGISTER")
        assert str(first["target"]) == "sip:carrier.example" and str(first["to"]) == "<sip:acc@carrier.example>"
        assert first["contact"] == "<sip:acc@203.0.113.7:5060>;expires=600" and first["credentials"] == ("acc", "pw")
        assert first["routes"] == ["<sip:sbc.example;lr>"]
        assert line.registered and line.state is TrunkState.UP and line.addresses == {"192.0.2.1"}
        assert provider.kept == [(ONE, 25.0)]
        await asyncio.sleep(1200)
        assert 3 <= len(provider.of("REGISTER")) <= 4, "refreshed before each end"
        assert len({given["call_id"] for _, given in provider.of("REGISTER")}) == 1
        await work.stop()
        assert provider.of("REGISTER")[-1][1]["contact"].endswith(";expires=0")
        assert not line.registered and provider.kept == []

    tell(story())
    assert told(lines) == ["trunk.registered", "trunk.unregistered"]


def test_the_next_address_is_tried_and_the_good_one_kept(lines: Lines) -> None:
    line, provider = account(), Provider(ONE, TWO)
    provider.says = lambda method, flow: (0, {}) if flow == ONE else (200, {"Service-Route": "<sip:core;lr>"})

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        assert [flow for flow, _ in provider.of("REGISTER")] == [ONE, TWO]
        assert str(line.preloaded[0]) == "<sip:core;lr>"
        await asyncio.sleep(600)
        assert [flow for flow, _ in provider.of("REGISTER")][2:] == [TWO] * (len(provider.of("REGISTER")) - 2)
        await work.stop()

    tell(story())


def test_a_lost_connection_is_registered_anew_at_once(lines: Lines) -> None:
    line, provider = account(), Provider()

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        for lost in list(provider.lost[ONE]):
            lost()
        await asyncio.sleep(2)
        assert len(provider.of("REGISTER")) == 2 and len(provider.kept) == 2
        await work.stop()

    tell(story())


def test_a_trunk_that_is_registered_by_its_connection(lines: Lines) -> None:
    line, provider = account(outbound=True), Provider()
    provider.says = lambda method, flow: (200, {"Require": "outbound", "Flow-Timer": "60"})

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        ((_, given),) = provider.of("REGISTER")
        assert re.search(r';\+sip\.instance="<urn:uuid:[0-9a-f-]{36}>";reg-id=1$', given["contact"])
        assert dict(given["headers"])["Supported"] == "path, outbound"
        assert line.outbound and line.registered_by == ONE and provider.kept == [(ONE, 48.0)]
        for lost in list(provider.lost[ONE]):
            lost()
        assert not line.outbound and line.registered_by is None
        await asyncio.sleep(2)
        again = provider.of("REGISTER")[1][1]
        assert line.outbound and again["contact"] == given["contact"], "it takes its own place, not another"
        await work.stop()

    tell(story())


def test_a_registrar_that_does_not_keep_us_by_our_connection(lines: Lines) -> None:
    line, provider = account(outbound=True), Provider()

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        assert line.registered and not line.outbound
        await work.stop()

    tell(story())


def test_behind_a_nat_we_register_by_the_address_we_are_seen_at(lines: Lines) -> None:
    line, provider = account(behind_nat=True), Provider()
    via = "SIP/2.0/TCP 203.0.113.7:5060;branch=z9hG4bKx;received=198.51.100.99;rport=4711"
    provider.says = lambda method, flow: (200, {"Via": via})

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        first, second = provider.of("REGISTER")
        assert first[1]["contact"] == "<sip:acc@203.0.113.7:5060>;expires=600"
        assert second[0].local == ("198.51.100.99", 4711)
        assert second[1]["contact"] == (
            "<sip:acc@198.51.100.99:4711>;expires=600, <sip:acc@203.0.113.7:5060>;expires=0"
        )
        assert line.registered_by == second[0] and provider.kept == [(second[0], 25.0)]
        await asyncio.sleep(600)
        assert provider.of("REGISTER")[2][1]["contact"] == "<sip:acc@198.51.100.99:4711>;expires=600"
        await work.stop()

    tell(story())


def test_a_nat_that_shows_us_elsewhere_each_time_is_not_followed_for_ever(lines: Lines) -> None:
    line, provider = account(behind_nat=True), Provider()
    ports = itertools.count(4711)
    provider.says = lambda method, flow: (
        200,
        {"Via": f"SIP/2.0/TCP 203.0.113.7:5060;branch=z9hG4bKx;received=198.51.100.99;rport={next(ports)}"},
    )

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        await asyncio.sleep(5)
        assert len(provider.of("REGISTER")) == 4 and line.registered
        await work.stop()

    tell(story())


def test_a_refusal_is_told_once_and_the_trunk_is_degraded(lines: Lines) -> None:
    line, provider = account(), Provider()
    provider.says = lambda method, flow: (403, {})

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await asyncio.sleep(10_000)
        assert len(provider.of("REGISTER")) > 2
        assert line.state is TrunkState.DEGRADED and line.available(0.0)
        provider.says = lambda method, flow: (200, {})
        await asyncio.sleep(2000)
        assert line.registered and line.state is TrunkState.UP
        await work.stop()

    tell(story())
    assert told(lines) == ["trunk.not_registered", "trunk.registered", "trunk.unregistered"]
    assert lines[0]["why"] == "403 No"


def test_a_name_that_leads_nowhere(lines: Lines) -> None:
    line, provider = account(), Provider()
    provider.flows = []

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        assert "carrier.example has no address" in lines[0]["why"]
        await work.stop()

    tell(story())


def test_leaving_does_not_wait_for_a_registrar_that_is_gone(lines: Lines) -> None:
    line, provider = account(), Provider()

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        provider.says = lambda method, flow: None
        began = provider.now()
        await work.stop()
        assert provider.now() - began == pytest.approx(2.0)

    tell(story())


def test_a_trunk_goes_down_and_comes_back_and_each_is_told_once(lines: Lines) -> None:
    line, provider = trunk(options_ping_s=30), Provider(ONE, TWO)

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await settle()
        assert line.state is TrunkState.UP and line.addresses == {"192.0.2.1", "192.0.2.2"}
        provider.says = lambda method, flow: None
        await asyncio.sleep(46)
        assert line.state is TrunkState.DEGRADED and line.available(0.0)
        await asyncio.sleep(100)
        assert line.state is TrunkState.DOWN and not line.available(0.0)
        provider.says = lambda method, flow: (404, {}) if flow == TWO else None
        await asyncio.sleep(40)
        assert line.state is TrunkState.UP, "one address that answers is enough, whatever it says"
        await work.stop()

    tell(story())
    assert told(lines) == ["trunk.degraded", "trunk.down", "trunk.up"]
    assert lines[1]["status"] == 408 and lines[2]["was"] == "down"


def test_a_trunk_that_says_it_cannot_serve_is_not_there() -> None:
    line, provider = trunk(options_ping_s=30), Provider()
    provider.says = lambda method, flow: (503, {})

    async def story() -> None:
        work = TrunkLines([line], provider, 25.0)
        work.start()
        await asyncio.sleep(60)
        assert line.state is TrunkState.DOWN
        await work.stop()

    tell(story())


def test_a_bug_in_one_trunk_is_not_the_others(lines: Lines) -> None:
    bad, good = trunk("bad"), trunk("good")
    provider = Provider()
    whole = provider.resolve

    async def resolve(hop: SipUri, profile: str) -> list[Flow]:
        if profile == "bad":
            raise RuntimeError("a bug")
        return await whole(hop, profile)

    provider.resolve = resolve  # type: ignore[method-assign]

    async def story() -> None:
        work = TrunkLines([bad, good], provider, 25.0)
        work.start()
        await settle()
        assert good.state is TrunkState.UP and bad.state is TrunkState.UNKNOWN
        await work.stop()

    tell(story())
    assert told(lines) == ["trunk.failed"]


def test_without_pings_a_trunk_is_looked_up_for_its_addresses() -> None:
    line, silent = trunk(options_ping_s=0), trunk("silent", host=None, networks=("192.0.2.3",))
    provider = Provider()

    async def story() -> None:
        work = TrunkLines([line, silent], provider, 25.0)
        work.start()
        await settle()
        assert line.addresses == {"192.0.2.1"} and provider.asked == []
        await work.stop()

    tell(story())


def test_how_a_trunk_stands() -> None:
    line = account()
    line.registration(True)
    assert line.snapshot(3) == {"state": "up", "registered": True, "calls_in": 3, "calls_out": 0}
    assert trunk().snapshot(0)["registered"] is None and "pw" not in repr(line)
