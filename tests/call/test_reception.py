from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.sip.events import Ended
from mediaserver.talk.orders import Closed, Ready
from support.exchange import PORT, Exchange, sdp
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
        assert [call.id for call in exchange.reception._by_leg.values()] == [first]

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
