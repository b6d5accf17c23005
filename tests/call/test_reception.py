import asyncio
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from mediaserver.call.routing import Routing
from mediaserver.sip.events import Ended, IncomingCall
from mediaserver.sip.message import Request
from mediaserver.talk.orders import Agent, Close, Closed, Connect, Describe, Greet, Order, Ready
from support.exchange import AGENT, FLOW, PORT, Exchange, invite, sdp
from support.virtual_time import tell

type Lines = list[MutableMapping[str, Any]]
BUSY = (503, ("Retry-After", "5"))


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def test_calls_up_to_the_limit_and_again_when_one_has_ended(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(max_calls=2)
        for _ in range(3):
            exchange.invited(sdp())
        assert exchange.network.sent == [(180,), (180,), BUSY]
        assert len(exchange.reception) == 2 and exchange.reception.refused == 1
        assert len(exchange.plane.opened) == 2, "a refused call takes no ports"
        exchange.reception.sip(Ended(1, by_peer=True, status=None, reason=""))
        exchange.invited(sdp())
        assert exchange.network.sent[-1] == (180,)

    tell(story())
    (refused,) = [line for line in lines if line["event"] == "call.refused"]
    assert (refused["reason"], refused["calls"]) == ("max-calls", 2)


def test_draining_takes_no_new_call_and_keeps_the_others(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.reception.drain()
        exchange.reception.sip(Ended(99, by_peer=True, status=None, reason=""))  # of a leg nobody knows
        assert len(exchange.reception) == 1
        exchange.invited(sdp())
        assert exchange.network.sent[-1] == BUSY
        exchange.reception.drop_all()
        assert len(exchange.reception) == 0

    tell(story())
    assert [line["reason"] for line in lines if line["event"] == "call.refused"] == ["draining"]


def test_a_server_that_is_late_takes_no_new_call_and_keeps_the_others(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        late = False
        exchange.reception._late = lambda: late
        exchange.talking()
        late = True
        exchange.invited(sdp())
        assert exchange.network.sent[-1] == BUSY and len(exchange.reception) == 1
        late = False
        exchange.invited(sdp())
        assert len(exchange.reception) == 2

    tell(story())
    assert [line["reason"] for line in lines if line["event"] == "call.refused"] == ["overloaded"]


def test_events_and_reports_reach_their_own_call() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.invited(sdp())
        exchange.invited(sdp())
        first, second = (opened.call for opened in exchange.plane.opened)
        assert first != second
        exchange.reception.media(Ready(second))
        answer = exchange.network.sent[-1][1]
        assert isinstance(answer, bytes) and b"m=audio %d " % (PORT + 2) in answer
        exchange.reception.media(Ready("nobody"))
        exchange.reception.media(Closed("nobody", {}))
        assert exchange.network.legs == {1: "ringing", 2: "answered"}
        exchange.cancelled()
        assert [call for call in (first, second) if exchange.reception._calls.alive(call)] == [first]

    tell(story())


def test_who_answers_is_chosen_by_the_trunk_the_call_came_by_and_the_account_it_is_from() -> None:
    async def story() -> None:
        exchange = Exchange()
        asked: list[tuple[str | None, str | None]] = []

        def agent(call: str, request: Request, trunk: str | None, user: str | None) -> Agent:
            asked.append((trunk, user))
            return AGENT

        with patch.object(Routing, "agent", lambda routing, *given: agent(*given)):
            for leg, (trunk, user) in enumerate([("carrier", None), (None, "alice"), (None, None)], 1):
                exchange.network.legs[leg] = "ringing"
                exchange.reception.sip(IncomingCall(leg, invite(), FLOW, sdp(), trunk, user))
        assert asked == [("carrier", None), (None, "alice"), (None, None)]

    tell(story())


def failures(lines: Lines) -> list[str]:
    return [repr(line["exc_info"]) for line in lines if line["event"] == "call.failed"]


def end_of(lines: Lines) -> tuple[Any, ...]:
    (ended,) = [line for line in lines if line["event"] == "call.ended"]
    return ended["result"], ended["reason"], ended["sip_status"]


def breaks(*_: object, **__: object) -> Any:
    raise RuntimeError("a bug")


def nothing_left(exchange: Exchange) -> bool:
    return exchange.nothing_left()


def no_address(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "address", breaks)


def no_port(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.plane.refuses = RuntimeError("a bug")


def no_negotiation(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.sdp.negotiate.answer", breaks)


def no_name(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediaserver.call.reception._who", breaks)


def no_ringing(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange.network, "provisional", breaks)


@pytest.mark.parametrize("what", [no_address, no_port, no_negotiation, no_name, no_ringing])
def test_a_bug_while_a_call_arrives_is_a_500_and_leaves_nothing(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, what: Callable[[Exchange, pytest.MonkeyPatch], None]
) -> None:
    async def story() -> None:
        exchange = Exchange(max_calls=1)
        with monkeypatch.context() as patched:
            what(exchange, patched)
            exchange.invited(sdp())
        assert exchange.network.sent == [(500,)]
        assert exchange.plane.names() == ["Close"], "the port goes back"
        assert nothing_left(exchange)
        exchange.plane.refuses = None
        exchange.invited(sdp())
        assert exchange.network.sent[-1] == (180,), "the one place is free again"

    tell(story())
    assert failures(lines) == ["RuntimeError('a bug')"]
    assert end_of(lines) == ("failed", "internal-error", 500)


def order_breaks(exchange: Exchange, monkeypatch: pytest.MonkeyPatch, kind: type[Order]) -> None:
    """The media plane fails at one kind of order."""
    order = exchange.plane.order

    def take(given: Order) -> None:
        if isinstance(given, kind):
            breaks()
        order(given)

    monkeypatch.setattr(exchange.plane, "order", take)


@pytest.mark.parametrize(
    ("kind", "sent"), [(Connect, [180, 500]), (Describe, [180, 200, "BYE"]), (Greet, [180, 200, "BYE"])]
)
def test_a_bug_at_an_event_or_a_report_ends_that_call_alone(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, kind: type[Order], sent: list[object]
) -> None:
    async def story() -> None:
        exchange = Exchange()
        order_breaks(exchange, monkeypatch, kind)
        exchange.talking()
        assert exchange.network.names() == sent
        assert nothing_left(exchange)
        monkeypatch.undo()
        exchange.talking()
        assert len(exchange.reception) == 1

    tell(story())
    assert failures(lines) == ["RuntimeError('a bug')"]
    assert end_of(lines) == ("failed", "internal-error", 500 if 500 in sent else None)
    assert [line["log_level"] for line in lines if line["event"] == "call.failed"] == ["error"]


def test_a_200_that_cannot_be_sent_becomes_a_500(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        exchange = Exchange()
        monkeypatch.setattr(exchange.network, "answer", breaks)
        exchange.invited(sdp())
        exchange.ready()
        assert exchange.network.names() == [180, 500]
        assert nothing_left(exchange)

    tell(story())
    assert end_of(lines) == ("failed", "internal-error", 500)


def test_a_bug_at_a_timer_ends_the_call_too(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        exchange = Exchange(answer_deadline_s=8.0)
        exchange.invited(sdp())
        monkeypatch.setattr(exchange.network, "reject", breaks)
        await asyncio.sleep(9)
        assert nothing_left(exchange) and exchange.plane.names()[-1] == "Close"

    tell(story())
    assert end_of(lines) == ("failed", "internal-error", None)


def test_media_that_cannot_let_go_keep_no_call(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        order_breaks(exchange, monkeypatch, Close)
        exchange.ended()
        assert nothing_left(exchange)

    tell(story())
    assert failures(lines) == ["RuntimeError('a bug')"]
    assert end_of(lines) == ("completed", "caller-hung-up", None)


def test_one_call_that_cannot_be_dropped_does_not_save_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.talking()
        bye = exchange.network.bye

        def breaks_once(leg: int, reason: str) -> None:
            breaks() if leg == 1 else bye(leg, reason)

        monkeypatch.setattr(exchange.network, "bye", breaks_once)
        exchange.reception.drop_all()
        assert nothing_left(exchange) and exchange.network.legs[2] == "gone"

    tell(story())


def test_who_calls_whom_from_where_is_logged(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.ended()

    tell(story())
    incoming = next(line for line in lines if line["event"] == "call.incoming")
    assert incoming["caller"] == "sip:anna@example.com" and incoming["called"] == "sip:desk@example.net"
    assert incoming["source"] == "198.51.100.7" and incoming["sip_call_id"] == "c1@198.51.100.7"
    assert {line["call"] for line in lines if line["event"].startswith("call.")} == {incoming["call"]}
