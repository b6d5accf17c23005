"""Calls of ours, in virtual time: ways out, branches, refusals, and what the agent may say when."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.route import RouteRefusedError
from mediaserver.net.rtp_port import NoPortError
from mediaserver.sdp.plan import Direction
from mediaserver.sip.events import Flow, Reinvited
from mediaserver.talk.orders import Connect, Greet, Ready
from support.exchange import OURS, PORT, Exchange, sdp, way
from support.virtual_time import settle, tell

type Lines = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def named(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


def end_of(lines: Lines) -> tuple[Any, ...]:
    (ended,) = named(lines, "call.ended")
    return ended["result"], ended["reason"], ended["sip_status"]


def flow(last: int) -> Flow:
    return Flow("udp", (f"198.51.100.{last}", 5060), ("192.0.2.1", 5060))


def hosts(exchange: Exchange) -> list[str]:
    return [invite.route.target.host for invite in exchange.network.invites.values()]


# --- from the wish to the conversation -----------------------------------------------------------------------------


def test_the_model_is_ready_before_anybody_s_phone_rings_and_speaks_when_it_is_answered(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        seen: list[str] = []
        call = exchange.dial()
        call._watch = lambda what, fields: seen.append(what)
        await settle()
        assert exchange.plane.orders == [Connect(call.id, "PCMU")]
        assert exchange.network.sent == []
        exchange.ready()
        await settle()
        (invite,) = exchange.network.invites.values()
        assert invite.sdp is not None and b"c=IN IP4 192.0.2.1" in invite.sdp
        assert b"m=audio %d RTP/AVP 0 8" % PORT in invite.sdp
        exchange.rang()
        assert exchange.plane.names() == ["Connect"]
        exchange.answered(sdp("8"))
        assert exchange.plane.names() == ["Connect", "Describe", "Greet"]
        assert exchange.plane.plans[0].plan.send.encoding == "PCMA"
        exchange.reception.sip(Reinvited(exchange.ours, sdp(direction="sendonly")))
        assert exchange.network.sent[-1][:2] == ("reinvite", 200)
        exchange.network.legs[exchange.ours] = "gone"
        exchange.legs = exchange.ours
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []
        assert seen == ["dialling", "ringing", "answered", "ended"]

    tell(story())
    assert end_of(lines) == ("completed", "callee-hung-up", None)
    (dialling,) = named(lines, "call.dialling")
    assert (dialling["to"], dialling["trunk"], dialling["via"]) == (
        "sip:100@trunk.example",
        "t",
        "udp:198.51.100.7:5060",
    )


def test_early_media_are_opened_but_the_agent_neither_hears_nor_speaks() -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        exchange.rang(183, sdp("0", port=4100))
        (early,) = exchange.plane.plans
        assert early.plan.remote_rtp == ("198.51.100.7", 4100)
        assert early.plan.direction is Direction.SENDONLY
        assert "Greet" not in exchange.plane.names()
        exchange.answered(None)
        assert exchange.plane.plans[1].plan.direction is Direction.SENDRECV
        assert exchange.plane.plans[1].plan.remote_rtp == ("198.51.100.7", 4100)
        assert exchange.plane.names()[-1] == "Greet"

    tell(story())


def test_media_follow_the_branch_that_answers() -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        exchange.rang(183, sdp("0", port=4100), fork="a")
        exchange.rang(183, sdp("8", port=4200), fork="b")
        exchange.rang(183, sdp("8", port=4999), fork="b")  # a branch answers once
        exchange.answered(None, fork="a")
        ports = [(order.plan.remote_rtp[1], order.plan.send.encoding) for order in exchange.plane.plans]
        assert ports == [(4100, "PCMU"), (4200, "PCMA"), (4100, "PCMU")]

    tell(story())


def test_the_answer_in_the_200_counts_whatever_a_183_said() -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        exchange.rang(183, sdp("0", port=4100))
        exchange.answered(sdp("0", port=4300))
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 4300

    tell(story())


def test_early_media_may_change_before_the_answer() -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        leg = exchange.ours
        exchange.network.legs[leg] = "answered"  # what an UPDATE may be answered on
        exchange.reception.sip(Reinvited(leg, sdp("0")))
        assert exchange.network.sent[-1] == ("reinvite", 488), "nothing is agreed that could be changed"
        exchange.rang(183, sdp("0", port=4100))
        exchange.reception.sip(Reinvited(leg, sdp("0", port=4500)))
        assert exchange.network.sent[-1][:2] == ("reinvite", 200)
        exchange.answered(None)
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 4500

    tell(story())


@pytest.mark.parametrize("body", [None, sdp("9"), b"nonsense"])
def test_an_answer_that_cannot_be_used_is_hung_up_on(lines: Lines, body: bytes | None) -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        exchange.answered(body)
        assert exchange.network.names() == ["INVITE", "BYE"]
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("failed", "unacceptable-media", 200)


# --- ways out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_cannot_serve_us_is_left_for_the_next_way(lines: Lines, status: int) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        exchange.network.resolves["one.example"] = [flow(1), flow(2)]
        await exchange.dialled()
        exchange.refused(status)
        assert exchange.ways.failures == [], "the trunk has another address"
        exchange.refused(status, retry_after=30)
        assert exchange.ways.failures == [("one", status, 30)]
        assert exchange.network.avoided == [(flow(1), 30.0), (flow(2), 30)]
        await settle()
        assert [invite.flow.remote[0][-1] for invite in exchange.network.invites.values()] == ["1", "2", "7"]
        assert hosts(exchange) == ["one.example", "one.example", "two.example"]
        exchange.answered()
        assert len(exchange.reception) == 1 and len(exchange.ways.held) == 1

    tell(story())
    assert [line["sip_status"] for line in named(lines, "call.way_failed")] == [status, status]


def test_a_host_that_is_not_found_is_left_for_the_next_way() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        exchange.network.resolves["one.example"] = OSError("no such host")
        await exchange.dialled()
        assert exchange.ways.failures == [("one", 503, None)]
        assert hosts(exchange) == ["two.example"]

    tell(story())


def test_when_no_way_leads_anywhere_it_says_so(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.network.resolves["trunk.example"] = OSError("no such host: trunk.example")
        await exchange.dialled()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("unanswered", "unreachable", 503)
    assert named(lines, "call.ended")[0]["detail"] == "no such host: trunk.example"


def test_a_server_that_says_nothing_is_not_waited_for_if_there_is_another() -> None:
    async def story() -> None:
        exchange = Exchange(response_timeout_s=6.0)
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        exchange.network.silent.update({OURS + 1, OURS + 2})
        await exchange.dialled()
        await asyncio.sleep(5.9)
        assert exchange.network.names() == ["INVITE"]
        await asyncio.sleep(0.2)
        assert exchange.network.names() == ["INVITE", "CANCEL", "INVITE"]
        await asyncio.sleep(20)
        assert exchange.network.names() == ["INVITE", "CANCEL", "INVITE"], "the last one has all the time there is"

    tell(story())


def test_a_server_that_is_at_work_is_waited_for() -> None:
    async def story() -> None:
        exchange = Exchange(response_timeout_s=6.0)
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        await exchange.dialled()
        await asyncio.sleep(20)
        assert exchange.network.names() == ["INVITE"]

    tell(story())


def test_somebody_who_rang_and_then_timed_out_is_not_rung_elsewhere(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        await exchange.dialled()
        exchange.rang(180)
        exchange.refused(408)
        await settle()
        assert exchange.network.names() == ["INVITE"]

    tell(story())
    assert end_of(lines) == ("unanswered", "no-answer", 408)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "busy"),
        (600, "busy"),
        (603, "declined"),
        (480, "no-answer"),
        (404, "unknown-number"),
        (403, "forbidden"),
        (488, "unacceptable-media"),
        (599, "unavailable"),
    ],
)
def test_a_refusal_is_the_end_and_has_a_name(lines: Lines, status: int, reason: str) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [way("one.example", "one"), way("two.example", "two")]
        await exchange.dialled()
        exchange.refused(status)
        await settle()
        assert exchange.network.names() == ["INVITE"]
        assert exchange.nothing_left() and exchange.ways.held == []
        assert "Greet" not in exchange.plane.names()

    tell(story())
    assert end_of(lines) == ("unanswered", reason, status)
    assert named(lines, "call.ended")[0]["detail"] == "because"


# --- redirections --------------------------------------------------------------------------------------------------


def test_a_redirection_is_followed_by_preference_and_only_where_we_may_call() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["sip:premium@far.example"] = RouteRefusedError("no", code="forbidden-number")
        exchange.ways.known["sip:mobile@b.example"] = [way("b.example")]
        await exchange.dialled()
        exchange.refused(
            302,
            "<sip:later@c.example>;q=0.1",
            "<sip:premium@far.example?X=1>;q=0.9",
            "<sip:mobile@b.example>;q=0.5",
            "<tel:+49123>",
            "rubbish<",
        )
        await settle()
        asked = [wanted.number for wanted in exchange.ways.asked]
        assert asked == ["100", "sip:premium@far.example", "sip:mobile@b.example"]
        assert exchange.ways.asked[-1].trunk == "t"
        assert hosts(exchange) == ["trunk.example", "b.example"]
        assert len(exchange.ways.held) == 1, "the place of the first way was given back before"
        exchange.refused(503)
        await settle()
        assert exchange.ways.asked[-1].number == "sip:later@c.example"
        exchange.answered()
        assert len(exchange.reception) == 1

    tell(story())


def test_a_redirection_to_where_we_may_not_call_is_the_end(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["sip:911@far.example"] = RouteRefusedError("never", code="emergency-number")
        await exchange.dialled()
        exchange.refused(302, "<sip:911@far.example>")
        await settle()
        assert exchange.network.names() == ["INVITE"]

    tell(story())
    assert end_of(lines) == ("unanswered", "emergency-number", 302)


def test_circles_of_redirections_end(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        for number in range(9):
            if len(exchange.reception):
                exchange.refused(302, f"<sip:{number}@trunk.example>")
                await settle()
        assert len(exchange.network.invites) == 6
        assert exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("unanswered", "too-many-redirections", 302)


def test_a_redirection_to_where_we_come_from_is_not_followed_twice(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        await exchange.dialled()
        exchange.refused(302, "<sip:a@trunk.example>")
        await settle()
        exchange.refused(302, "<sip:a@trunk.example>")
        await settle()
        assert len(exchange.network.invites) == 2

    tell(story())
    assert end_of(lines)[:2] == ("unanswered", "unavailable")


# --- giving up -----------------------------------------------------------------------------------------------------


def test_it_does_not_ring_for_ever(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(ring_timeout_s=45.0)
        await exchange.dialled()
        exchange.rang()
        await asyncio.sleep(44)
        assert exchange.network.names() == ["INVITE"]
        await asyncio.sleep(2)
        assert exchange.network.sent[-1] == ("CANCEL", 'Q.850;cause=19;text="no-answer"')
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines) == ("unanswered", "no-answer", None)


ENDS: list[tuple[str, Callable[[Exchange], None], tuple[str, str]]] = [
    ("the model is lost", Exchange.lost, ("failed", "model-gone")),
    ("the server stops", lambda e: e.reception.drop_all(), ("cancelled", "shutting-down")),
    ("the agent hangs up", Exchange.hang_up, ("cancelled", "agent-hung-up")),
]


@pytest.mark.parametrize(("what", "happens", "end"), ENDS)
@pytest.mark.parametrize("dialling", [True, False])
def test_what_ends_it_before_the_answer(
    lines: Lines, what: str, happens: Callable[[Exchange], None], end: tuple[str, str], dialling: bool
) -> None:
    async def story() -> None:
        exchange = Exchange()
        if dialling:
            await exchange.dialled()
        else:
            exchange.dial()
            await settle()
        happens(exchange)
        assert exchange.network.names() == (["INVITE", "CANCEL"] if dialling else [])
        assert exchange.nothing_left() and exchange.ways.held == []
        exchange.reception.media(Ready("nobody"))
        await asyncio.sleep(100)
        assert exchange.plane.names().count("Close") == 1

    tell(story())
    assert end_of(lines)[:2] == end


def test_given_up_while_the_name_is_looked_up_nothing_is_sent() -> None:
    async def story() -> None:
        exchange = Exchange()

        async def slowly(*_: object) -> list[Flow]:
            await asyncio.sleep(3)
            return [flow(1)]

        exchange.network.resolve = slowly  # type: ignore[method-assign]
        await exchange.dialled()
        exchange.reception.drop_all()
        await asyncio.sleep(10)
        assert exchange.network.sent == [] and exchange.nothing_left()

    tell(story())


def test_a_model_that_is_not_ready_in_time_calls_nobody(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(answer_deadline_s=8.0)
        exchange.dial()
        await asyncio.sleep(9)
        assert exchange.network.sent == [] and exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines)[:2] == ("failed", "answer-deadline")


def test_without_ports_nobody_is_called(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.plane.refuses = NoPortError("none left")
        exchange.dial()
        await settle()
        assert exchange.network.sent == [] and exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines)[:2] == ("failed", "no-media")


@pytest.mark.parametrize("where", ["invite", "resolve"])
def test_a_bug_ends_the_call_and_gives_everything_back(lines: Lines, where: str) -> None:
    def breaks(*_: object) -> Any:
        raise RuntimeError("a bug")

    async def breaks_later(*_: object) -> Any:
        raise RuntimeError("a bug")

    async def story() -> None:
        exchange = Exchange()
        setattr(exchange.network, where, breaks_later if where == "resolve" else breaks)
        await exchange.dialled()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert end_of(lines)[:2] == ("failed", "internal-error")


# --- who may -------------------------------------------------------------------------------------------------------


async def no_room(exchange: Exchange) -> None:
    exchange.talking()


async def draining(exchange: Exchange) -> None:
    exchange.reception.drain()


async def forbidden(exchange: Exchange) -> None:
    exchange.ways.known["100"] = RouteRefusedError("not this one", code="forbidden-number")


@pytest.mark.parametrize(
    ("first", "code"), [(no_room, "max-calls"), (draining, "draining"), (forbidden, "forbidden-number")]
)
def test_a_call_that_may_not_be_placed_is_refused_before_anything_is_done(
    first: Callable[[Exchange], Coroutine[Any, Any, None]], code: str
) -> None:
    async def story() -> None:
        exchange = Exchange(max_calls=1)
        await first(exchange)
        opened = len(exchange.plane.opened)
        with pytest.raises(RouteRefusedError) as refusal:
            exchange.dial()
        assert refusal.value.code == code
        assert len(exchange.plane.opened) == opened

    tell(story())


def test_an_agent_that_is_not_known_cannot_call() -> None:
    async def story() -> None:
        exchange = Exchange()
        with pytest.raises(RouteRefusedError, match="no agent is named 'b': known are a"):
            exchange.reception.dialler.dial(replace(exchange.dial().wanted), "b")
        exchange.reception.drop_all()

    tell(story())


def test_the_agent_is_told_whom_it_calls() -> None:
    async def story() -> None:
        exchange = Exchange()
        known: dict[str, str] = {}

        def agent(given: Any) -> Any:
            known.update(given)
            return exchange.reception._routing.agents["a"](given)

        exchange.reception.dialler._agents = {"a": agent}
        exchange.reception.dialler.dial(replace(exchange.dial().wanted, caller="+4930"), "a", {"order": "17"})
        assert (known["callee"], known["caller"], known["agent"], known["order"]) == ("100", "+4930", "a", "17")
        exchange.reception.drop_all()

    tell(story())


def test_the_callee_may_be_asked_for_the_offer() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["100"] = [replace(way(), late_offer=True)]
        call = exchange.dial()
        await settle()
        exchange.ready()
        await settle()
        (invite,) = exchange.network.invites.values()
        assert invite.sdp is None
        exchange.answered(sdp("8"))
        assert exchange.network.names() == ["INVITE", "ACK"]
        assert exchange.plane.plans[-1].plan.send.encoding == "PCMA"
        assert exchange.plane.orders[-1] == Greet(call.id)

    tell(story())
