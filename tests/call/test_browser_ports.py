"""Calls of browsers and phones at once: which port each is told, and what becomes of a call whose peer is gone."""

from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.route import Route
from mediaserver.sip.events import Answered, Flow, IncomingCall
from mediaserver.talk.orders import Left, Open, Silent
from support.exchange import AGENT, FLOW, OURS, PORT, Exchange, invite, sdp, way
from support.virtual_time import settle, tell

PRINT = "sha-256 " + ":".join(["AB"] * 32)
PAGE = Flow("wss", ("198.51.100.8", 40_000), ("192.0.2.1", 8443))
HOSTS = ("203.0.113.7", "192.0.2.1")


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as captured:
        yield captured


def exchange_with_browsers() -> Exchange:
    return Exchange(fingerprint=PRINT, browser_hosts=lambda peer: HOSTS)


def offered(*, mux: bool = True, setup: str = "actpass") -> bytes:
    """What a browser offers, or answers."""
    text = sdp(port=9, profile="UDP/TLS/RTP/SAVPF")
    lines = [f"setup:{setup}", f"fingerprint:{PRINT}", "ice-ufrag:abcd", "ice-pwd:" + "s" * 22]
    lines += ["rtcp-mux"] if mux else []
    return text + "".join(f"a={line}\r\n" for line in lines).encode()


def comes(exchange: Exchange, flow: Flow, offer: bytes | None) -> None:
    exchange.legs += 1
    exchange.network.legs[exchange.legs] = "ringing"
    exchange.reception.sip(IncomingCall(exchange.legs, invite(), flow, offer, proven=True))


def fragment(description: bytes) -> str:
    return description.decode().partition("a=ice-ufrag:")[2].split()[0]


def answer_of(exchange: Exchange) -> bytes:
    status, *rest = exchange.network.sent[-1]
    assert status == 200 and isinstance(rest[0], bytes)
    return rest[0]


def test_a_browser_is_told_the_shared_port_and_all_our_addresses() -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        comes(exchange, PAGE, offered())
        exchange.ready()
        answer = answer_of(exchange)
        assert exchange.plane.opened == [Open(exchange.id, AGENT, None, fragment(answer))]
        text = answer.decode()
        assert "c=IN IP4 203.0.113.7" in text and text.count("a=candidate:") == 2
        (described,) = exchange.plane.plans
        ice = described.plan.ice
        assert ice is not None and ice.shared and ice.ours == fragment(answer)

    tell(story())


@pytest.mark.parametrize(("flow", "mux"), [(FLOW, True), (PAGE, False)])
def test_who_is_no_browser_or_cannot_share_has_a_pair(flow: Flow, mux: bool) -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        comes(exchange, flow, sdp() if flow is FLOW else offered(mux=mux))
        exchange.ready()
        assert [order.ufrag for order in exchange.plane.opened] == [None]
        assert b"c=IN IP4 192.0.2.1" in answer_of(exchange) and b"203.0.113.7" not in answer_of(exchange)

    tell(story())


def test_a_browser_that_has_us_offer_is_offered_the_shared_port() -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        comes(exchange, PAGE, None)
        exchange.ready()
        offer = answer_of(exchange)
        (opened,) = exchange.plane.opened
        assert opened.ufrag == fragment(offer) and offer.count(b"a=candidate:") == 2
        exchange.acknowledged(offered(setup="active"))
        (described,) = exchange.plane.plans
        assert described.plan.ice is not None and described.plan.ice.ours == opened.ufrag

    tell(story())


def phone(host: str, flow: Flow) -> Route:
    return replace(way(host, None), flow=flow, rank=1.0)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("page_answers", [False, True])
def test_of_a_page_and_a_phone_that_ring_together_each_has_its_own_and_one_gets_the_call(
    page_answers: bool, late: bool
) -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        desk = Flow("udp", ("198.51.100.9", 5060), ("192.0.2.1", 5060))
        page = replace(phone("page.example", PAGE), late_offer=late)
        exchange.ways.known["100"] = [page, phone("desk.example", desk)]
        await exchange.dialled()
        legs = {each.flow.transport: leg for leg, each in exchange.network.invites.items()}
        assert set(legs) == {"wss", "udp"} and min(legs.values()) > OURS
        names = [order.ufrag for order in exchange.plane.opened]
        assert names[0] is None and len(names) == 2 and names[1] is not None, "one pair, one place"
        said = exchange.network.invites[legs["udp"]].sdp
        assert said is not None and f"m=audio {PORT} RTP/AVP".encode() in said
        leg = legs["wss" if page_answers else "udp"]
        exchange.network.legs[leg] = "answered"
        body = offered(setup="actpass" if late else "active") if page_answers else sdp()
        exchange.reception.sip(Answered(leg, body, "f"))
        await settle()
        plan = exchange.plane.plans[-1].plan
        if page_answers:
            assert plan.ice is not None and plan.ice.ours == names[1] and plan.ice.shared
        else:
            assert plan.ice is None and plan.remote_rtp == ("198.51.100.7", 4000)

    tell(story())


def test_a_peer_that_has_closed_its_media_has_hung_up(lines: list[MutableMapping[str, Any]]) -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        exchange.talking()
        exchange.reports(Left)
        assert exchange.network.sent[-1][0] == "BYE" and exchange.nothing_left()

    tell(story())
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    assert (ended["result"], ended["reason"]) == ("completed", "caller-hung-up")


@pytest.mark.parametrize("gone", [True, False])
def test_who_is_gone_is_missed_even_on_hold(gone: bool, lines: list[MutableMapping[str, Any]]) -> None:
    async def story() -> None:
        exchange = exchange_with_browsers()
        exchange.talking()
        exchange.reinvited(sdp(direction="sendonly"))
        exchange.reception.media(Silent(exchange.id, 30.0, gone=gone))
        assert exchange.nothing_left() is gone

    tell(story())
    told = [line["message"] for line in lines if line["event"] == "call.hanging_up"]
    assert told == (["no sign of the peer for 30 s"] if gone else [])
