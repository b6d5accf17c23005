"""An account with several telephones: which of them ring at once, who gets the call, and what the others are told."""

import asyncio
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.route import Route
from mediaserver.call.target_sets import target_sets
from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Answered, Flow, Progress, Refused
from mediaserver.talk.orders import Greet
from support.exchange import OURS, PORT, Exchange, sdp, way
from support.virtual_time import settle, tell

type Lines = list[MutableMapping[str, Any]]
FIRST, SECOND, THIRD = OURS + 1, OURS + 2, OURS + 3
COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def end_of(lines: Lines) -> tuple[Any, ...]:
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    return ended["result"], ended["reason"], ended["sip_status"]


def phone(last: int, rank: float = 1.0, device: str | None = None) -> Route:
    host = f"198.51.100.{last}"
    return replace(way(host, None), flow=Flow("udp", (host, 5060), ("192.0.2.1", 5060)), rank=rank, device=device)


async def ringing(*phones: Route, **settings: object) -> Exchange:
    exchange = Exchange(**settings)  # type: ignore[arg-type]
    exchange.ways.known["100"] = list(phones)
    await exchange.dialled()
    return exchange


def rings(exchange: Exchange, leg: int, body: bytes | None = None) -> None:
    exchange.reception.sip(Progress(leg, 180 if body is None else 183, body, "f"))


def answers(exchange: Exchange, leg: int, body: bytes | None = None) -> None:
    exchange.network.legs[leg] = "answered"
    exchange.reception.sip(Answered(leg, body or sdp(port=5000 + leg), "f"))


def refuses(exchange: Exchange, leg: int, status: int, *contacts: str) -> None:
    exchange.network.legs[leg] = "gone"
    exchange.reception.sip(Refused(leg, status, "because", None, contacts))


def called(exchange: Exchange) -> list[str]:
    """The last octet of each address that was sent an INVITE."""
    return [invite.flow.remote[0].rpartition(".")[2] for invite in exchange.network.invites.values()]


# --- who rings -----------------------------------------------------------------------------------------------------


def test_all_ring_at_once_with_the_same_port_and_keys_of_their_own() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3))
        assert called(exchange) == ["1", "2", "3"]
        offers = [invite.sdp or b"" for invite in exchange.network.invites.values()]
        assert all(b"m=audio %d " % PORT in offer for offer in offers)
        assert len({offer.split(b"\r\n")[1] for offer in offers}) == 3, "each is a session of its own"
        exchange.reception.drop_all()
        assert exchange.network.names() == ["INVITE"] * 3 + ["CANCEL"] * 3
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_routes_are_sorted_into_sets_of_targets() -> None:
    a, b, c = phone(1, 1.0, "x"), phone(2, 1.0), phone(3, 1.0, "x")
    d, e = phone(4, 0.5), phone(5, 0.5)
    assert target_sets([a, b, c, d, e]) == [[[a, c], [b]], [[d], [e]]]
    trunks = [way("one.example", "one"), way("two.example", "two")]
    assert target_sets(trunks) == [[trunks]], "two ways to the same number"


def test_the_less_wanted_ring_when_all_of_the_others_have_refused() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3, 0.5))
        refuses(exchange, FIRST, 486)
        await settle()
        assert called(exchange) == ["1", "2"], "busy on one is not busy on the other"
        refuses(exchange, SECOND, 480)
        assert called(exchange) == ["1", "2", "3"]
        answers(exchange, THIRD)
        assert len(exchange.reception) == 1 and isinstance(exchange.plane.orders[-1], Greet)
        exchange.reception.drop_all()

    tell(story())


def test_each_rank_has_its_share_of_the_time(lines: Lines) -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2, 0.5), phone(3, 0.2), ring_timeout_s=60.0)
        rings(exchange, FIRST)
        await asyncio.sleep(19)
        assert called(exchange) == ["1"]
        await asyncio.sleep(2)
        assert called(exchange) == ["1", "2"]
        assert exchange.network.sent[-2] == ("CANCEL", 'Q.850;cause=19;text="no-answer"')
        refuses(exchange, SECOND, 404)
        await asyncio.sleep(35)
        assert len(exchange.reception) == 1, "the last one has all that is left"
        await asyncio.sleep(5)
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("unanswered", "no-answer", None)


def test_the_second_way_to_a_telephone_is_taken_only_if_the_first_fails() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1, device="x"), phone(2, device="y"), phone(3, device="x"))
        assert called(exchange) == ["1", "2"]
        refuses(exchange, FIRST, 430)
        assert called(exchange) == ["1", "2", "3"]
        refuses(exchange, THIRD, 486)
        refuses(exchange, SECOND, 486)
        assert exchange.nothing_left()

    tell(story())


# --- who gets the call -----------------------------------------------------------------------------------------------


def test_who_answers_first_has_the_call_and_the_others_are_told_so(lines: Lines) -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3))
        for leg in (FIRST, SECOND, THIRD):
            rings(exchange, leg)
        answers(exchange, SECOND)
        assert exchange.network.sent[-2:] == [("CANCEL", COMPLETED_ELSEWHERE)] * 2
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 5000 + SECOND
        assert exchange.network.legs == {FIRST: "gone", SECOND: "answered", THIRD: "gone"}
        refuses(exchange, FIRST, 487)  # what the CANCEL makes of it, which nobody cares for
        exchange.legs = SECOND
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("completed", "callee-hung-up", None)


def test_who_answers_at_the_same_moment_is_hung_up_on() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2))
        exchange.network.legs[SECOND] = "answered"  # its 200 is here, and has not been told of yet
        answers(exchange, FIRST)
        answers(exchange, SECOND)
        assert exchange.network.sent[-1] == ("BYE", COMPLETED_ELSEWHERE)
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 5000 + FIRST
        exchange.reception.drop_all()
        assert exchange.nothing_left()

    tell(story())


def test_an_answer_that_cannot_be_used_leaves_it_to_the_others() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2))
        answers(exchange, FIRST, sdp("9 18"))
        assert exchange.network.names() == ["INVITE", "INVITE", "BYE"]
        answers(exchange, SECOND)
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 5000 + SECOND
        exchange.reception.drop_all()

    tell(story())


def test_of_two_with_early_media_the_first_is_heard_until_it_gives_up() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3))
        rings(exchange, FIRST, sdp(port=4100))
        rings(exchange, SECOND, sdp(port=4200))
        assert [order.plan.remote_rtp[1] for order in exchange.plane.plans] == [4100]
        refuses(exchange, FIRST, 486)
        rings(exchange, THIRD, sdp(port=4300))
        answers(exchange, SECOND)
        ports = [order.plan.remote_rtp[1] for order in exchange.plane.plans]
        assert ports == [4100, 4300, 5000 + SECOND]
        exchange.reception.drop_all()

    tell(story())


# --- who does not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        ((486, 404), ("busy", 486)),
        ((404, 486), ("busy", 486)),
        ((503, 480), ("no-answer", 480)),
        ((480, 503), ("no-answer", 480)),
        ((404, 403), ("forbidden", 403)),
    ],
)
def test_of_several_refusals_the_most_telling_is_the_reason(
    lines: Lines, statuses: tuple[int, int], reason: tuple[str, int]
) -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2))
        for leg, status in zip((FIRST, SECOND), statuses, strict=True):
            refuses(exchange, leg, status)
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("unanswered", *reason)


def test_who_declines_for_all_ends_the_call(lines: Lines) -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3, 0.1))
        refuses(exchange, SECOND, 603)
        assert exchange.network.sent[-1] == ("CANCEL", "SIP;cause=603")
        assert exchange.nothing_left() and exchange.ways.held == []
        assert called(exchange) == ["1", "2"]

    tell(story())
    assert end_of(lines) == ("unanswered", "declined", 603)


def test_where_one_of_them_points_is_called_when_the_others_have_failed() -> None:
    async def story() -> None:
        exchange = await ringing(phone(1), phone(2), phone(3, 0.5))
        refuses(exchange, FIRST, 302, "<sip:mobile@b.example>")
        refuses(exchange, SECOND, 486)
        assert called(exchange) == ["1", "2", "3"]
        refuses(exchange, THIRD, 486)
        await settle()
        assert exchange.ways.asked[-1].number == "sip:mobile@b.example"
        exchange.answered()
        assert len(exchange.reception) == 1
        exchange.reception.drop_all()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_a_telephone_that_is_silent_is_not_waited_for_if_another_rank_follows() -> None:
    async def story() -> None:
        exchange = Exchange(response_timeout_s=6.0)
        exchange.ways.known["100"] = [phone(1), phone(2, 0.5)]
        exchange.network.silent.update({FIRST, SECOND})
        await exchange.dialled()
        await asyncio.sleep(6.1)
        assert exchange.network.names() == ["INVITE", "CANCEL", "INVITE"]
        exchange.reception.drop_all()

    tell(story())


def test_a_bug_in_one_of_them_calls_the_others_off(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [phone(1), phone(2)]
        invite = exchange.network.invite

        def breaks(route: Route, *rest: Any) -> int:
            if route.target.host.endswith("2"):
                raise LocalProtocolError("a bug")
            return invite(route, *rest)

        exchange.network.invite = breaks  # type: ignore[method-assign]
        await exchange.dialled()
        assert exchange.network.names() == ["INVITE", "CANCEL"]
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines)[:2] == ("failed", "internal-error")
