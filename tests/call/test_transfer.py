"""Transfers in virtual time: by REFER, by a second call, with a consultation; a peer's REFER and Replaces."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediaserver.call.route import RouteRefusedError
from mediaserver.sdp.plan import Direction
from mediaserver.sip.events import Ended, IncomingCall, SessionChanged, TransferAsked, TransferProgress
from mediaserver.sip.uri import NameAddr
from mediaserver.talk.orders import (
    Bridge,
    Closed,
    HangUp,
    Lost,
    Open,
    Outcome,
    Pressed,
    Ringback,
    Silent,
    TransferWanted,
)
from support.exchange import FLOW, PORT, Exchange, invite, sdp, way
from support.virtual_time import settle, tell

type Lines = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def named(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


def ends(lines: Lines) -> list[tuple[str, str]]:
    return [(line["result"], line["reason"]) for line in named(lines, "call.ended")]


def want(exchange: Exchange, style: str | None = None, *, target: str = "200", wait: bool = True) -> str:
    """The agent of the call that came wants a transfer; the call's name."""
    call = exchange.plane.opened[0].call
    wanted = TransferWanted(call, "t1", target, {"X-Case": "7"}, style, wait)  # type: ignore[arg-type]
    exchange.reception.media(wanted)
    return call


def told(exchange: Exchange) -> list[str]:
    """What the agent was told of it."""
    outcomes = [order for order in exchange.plane.orders if isinstance(order, Outcome)]
    assert all(each.tool_call == "t1" for each in outcomes)
    return [json.loads(each.text)["error"] for each in outcomes]


def progress(exchange: Exchange, status: int, reason: str = "", *, final: bool) -> None:
    exchange.reception.sip(TransferProgress(1, status, reason, final))


# --- by REFER ------------------------------------------------------------------------------------------------------


def test_a_transfer_by_refer_ends_with_a_bye_once_it_is_made(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange)
        assert exchange.network.sent[-1] == ("REFER", "sip:200@trunk.example", None, ("X-Case", "7"))
        assert exchange.ways.asked[-1].by_agent == "a" and exchange.ways.held == [], "it is the peer that calls"
        progress(exchange, 100, "Trying", final=False)
        progress(exchange, 180, "Ringing", final=False)
        assert len(exchange.reception) == 1
        progress(exchange, 200, "OK", final=True)
        assert exchange.network.sent[-1] == ("BYE", 'Q.850;cause=16;text="transferred"')
        assert exchange.nothing_left() and told(exchange) == []

    tell(story())
    assert ends(lines) == [("completed", "transferred")]


def test_a_uri_is_referred_to_as_it_is() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange, "refer", target="sip:bob@elsewhere.example;transport=tcp")
        assert exchange.network.sent[-1][1] == "sip:bob@elsewhere.example;transport=tcp"
        exchange.ended()

    tell(story())


def test_a_number_by_a_trunk_that_we_are_registered_with_by_a_connection_is_the_trunks() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["200"] = [replace(way(), flow=FLOW, outbound=True)]
        exchange.talking()
        want(exchange)
        assert exchange.network.sent[-1][:2] == ("REFER", "sip:100@trunk.example")
        exchange.ended()

    tell(story())


def test_a_phone_that_is_registered_here_is_called_by_us() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["sip:alice@here.example"] = [replace(way("203.0.113.5", None), flow=FLOW)]
        exchange.talking()
        want(exchange, "refer", target="sip:alice@here.example")
        await settle()
        assert exchange.network.names() == [180, 200, "INVITE"]
        exchange.answered()
        assert isinstance(exchange.plane.orders[-1], Bridge)
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_a_peer_that_hangs_up_once_it_has_taken_the_refer_has_been_transferred(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange)
        progress(exchange, 100, final=False)
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("completed", "transferred")]


def test_a_peer_that_hangs_up_without_taking_it_has_hung_up(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange)
        exchange.ended()

    tell(story())
    assert ends(lines) == [("completed", "caller-hung-up")]


def test_a_transfer_that_fails_gives_the_caller_back_to_the_agent_with_the_reason() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange)
        progress(exchange, 100, final=False)
        progress(exchange, 486, "Busy Here", final=True)
        assert told(exchange) == ["the transfer failed: 486 Busy Here"]
        assert exchange.network.names()[-1] == "REFER" and len(exchange.reception) == 1
        want(exchange)  # and it may try again
        assert exchange.network.names().count("REFER") == 2
        exchange.ended()

    tell(story())


def test_a_peer_that_takes_the_refer_and_never_tells_is_not_waited_for_for_ever() -> None:
    async def story() -> None:
        exchange = Exchange(transfer_timeout_s=45.0)
        exchange.talking()
        want(exchange)
        progress(exchange, 100, final=False)
        await asyncio.sleep(44)
        assert told(exchange) == []
        await asyncio.sleep(2)
        assert told(exchange) == ["the transfer failed: 408 the peer has not told the outcome within 45 s"]
        progress(exchange, 200, "OK", final=True)  # too late: the agent is speaking again
        assert len(exchange.reception) == 1
        exchange.ended()

    tell(story())


def test_an_agent_that_does_not_wait_for_the_outcome_lets_the_call_end(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange, wait=False)
        progress(exchange, 100, final=False)
        progress(exchange, 603, "Decline", final=True)
        assert exchange.network.names()[-1] == "BYE" and told(exchange) == []

    tell(story())
    assert ends(lines) == [("failed", "transfer-failed")]


def test_whom_we_may_not_call_nobody_is_referred_to() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.known["911"] = RouteRefusedError("911 is an emergency number", code="emergency-number")
        exchange.talking()
        for style in ("refer", "invite", "attended"):
            want(exchange, style, target="911")
        assert told(exchange) == ["the transfer failed: 911 is an emergency number"] * 3
        assert exchange.network.names() == [180, 200]
        exchange.ended()

    tell(story())


def test_one_transfer_at_a_time_and_none_before_the_call_stands() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.invited(sdp())
        exchange.ready()
        want(exchange)
        assert told(exchange) == ["the call cannot be transferred now"]
        exchange.acknowledged()
        want(exchange)
        want(exchange)
        assert told(exchange) == ["the call cannot be transferred now"] * 2
        assert exchange.network.names().count("REFER") == 1
        exchange.ended()

    tell(story())


@pytest.mark.parametrize("status", [405, 501, 603])
@pytest.mark.parametrize("fallback", [True, False])
def test_where_the_peer_takes_no_refer_a_second_call_does_it(status: int, fallback: bool) -> None:
    async def story() -> None:
        exchange = Exchange(transfer_fallback=fallback)
        exchange.talking()
        want(exchange)
        progress(exchange, status, "no", final=True)
        await settle()
        if fallback:
            assert exchange.network.names()[-1] == "INVITE" and told(exchange) == []
        else:
            assert exchange.network.names()[-1] == "REFER" and told(exchange) == [f"the transfer failed: {status} no"]
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_a_target_that_declines_is_not_called_again() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange)
        progress(exchange, 100, final=False)
        progress(exchange, 603, "Decline", final=True)
        await settle()
        assert exchange.network.names()[-1] == "REFER"
        exchange.ended()

    tell(story())


# --- by a second call ----------------------------------------------------------------------------------------------


async def bridged(exchange: Exchange) -> tuple[str, str]:
    """Both calls' names."""
    exchange.talking()
    want(exchange, "invite")
    await settle()
    exchange.rang()
    exchange.answered()
    first, second = (opened.call for opened in exchange.plane.opened)
    return first, second


def test_a_second_call_is_bridged_when_it_is_answered(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        first, second = await bridged(exchange)
        assert exchange.plane.opened[1] == Open(second, None)
        assert exchange.ways.asked[-1].headers == {"X-Case": "7"}
        assert exchange.plane.orders[-1] == Bridge(first, second)
        assert exchange.plane.names() == ["Connect", "Describe", "Greet", "Ringback", "Describe", "Bridge"]
        assert len(exchange.reception) == 2 and len(exchange.ways.held) == 1
        exchange.reception.media(Lost(first, "gone", "its session is over"))
        exchange.reception.media(HangUp(first, "its conversation is over"))
        assert len(exchange.reception) == 2, "the agent is no part of it any more"
        exchange.ended()
        assert exchange.network.sent[-1] == ("BYE", 'Q.850;cause=16;text="partner-hung-up"')
        assert exchange.nothing_left() and exchange.ways.held == []
        relations = {line["call"]: line["with"] for line in named(lines, "call.ended")}
        assert relations == {first: second, second: first}

    tell(story())
    assert ends(lines) == [("completed", "partner-hung-up"), ("completed", "caller-hung-up")]
    assert len(named(lines, "call.bridged")) == 2


def test_when_the_other_one_hangs_up_the_caller_is_hung_up_on(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        await bridged(exchange)
        exchange.network.legs[exchange.ours] = "gone"
        exchange.reception.sip(Ended(exchange.ours, by_peer=True, status=None, reason="Q.850;cause=16"))
        assert exchange.network.sent[-1][0] == "BYE" and exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("completed", "partner-hung-up"), ("completed", "callee-hung-up")]


def test_hold_and_keys_on_a_bridge() -> None:
    async def story() -> None:
        exchange = Exchange()
        first, _ = await bridged(exchange)
        exchange.reinvited(sdp(direction="sendonly"))
        assert exchange.network.sent[-1][:2] == ("reinvite", 200)
        exchange.reception.media(Silent(first, 30.0))
        assert len(exchange.reception) == 2, "whoever holds need not send"
        exchange.pressed("5")
        await asyncio.sleep(0.1)
        assert exchange.network.sent[-1][0] == "INFO", "no key events were agreed with the other one"
        assert not any(isinstance(order, Pressed) for order in exchange.plane.orders)
        exchange.reception.drop_all()
        assert exchange.nothing_left()

    tell(story())


@pytest.mark.parametrize("style", ["sendonly", "inactive"])
def test_nobody_is_missed_whose_partner_is_on_hold(lines: Lines, style: str) -> None:
    async def story() -> None:
        exchange = Exchange()
        _, second = await bridged(exchange)
        exchange.reinvited(sdp(direction=style))
        exchange.reception.media(Silent(second, 30.0))
        assert len(exchange.reception) == 2, "nobody would hear it"
        exchange.reinvited(sdp(direction="recvonly"))
        assert len(exchange.reception) == 2
        exchange.reception.media(Silent(second, 30.0))
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert ends(lines) == [("completed", "partner-hung-up"), ("failed", "media-timeout")]


def test_a_second_call_that_is_not_answered_is_told_and_the_agent_goes_on(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange, "invite")
        await settle()
        exchange.rang()
        exchange.rang(183)
        exchange.refused(486)
        assert [order.on for order in exchange.plane.orders if isinstance(order, Ringback)] == [True, False]
        assert told(exchange) == ["the transfer failed: busy (486 because)"]
        assert len(exchange.reception) == 1 and exchange.ways.held == []
        exchange.ended()

    tell(story())
    assert ends(lines) == [("unanswered", "busy"), ("completed", "caller-hung-up")]


def test_early_media_of_the_second_call_are_opened_whole() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange, "invite")
        await settle()
        exchange.rang(183, sdp("0", port=4100))
        assert exchange.plane.plans[-1].plan.direction.receives
        exchange.ended()

    tell(story())


def test_a_caller_who_hangs_up_meanwhile_takes_the_second_call_along(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        want(exchange, "invite")
        await settle()
        exchange.ended()
        assert exchange.network.sent[-1][0] == "CANCEL"
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert ends(lines) == [("cancelled", "cancelled"), ("completed", "caller-hung-up")]


# --- with a consultation -------------------------------------------------------------------------------------------


async def consulted(exchange: Exchange) -> None:
    exchange.talking()
    want(exchange, "attended")
    await settle()
    assert "REFER" not in exchange.network.names()
    exchange.answered()
    assert exchange.network.sent[-1] == ("REFER", "sip:200@trunk.example", exchange.ours, ("X-Case", "7"))


def test_an_attended_transfer_refers_to_the_call_that_was_answered(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        await consulted(exchange)
        progress(exchange, 100, final=False)
        exchange.network.legs[exchange.ours] = "gone"
        exchange.reception.sip(Ended(exchange.ours, by_peer=True, status=None, reason="replaced"))
        assert len(exchange.reception) == 1
        progress(exchange, 200, final=True)
        assert exchange.nothing_left() and exchange.ways.held == [] and told(exchange) == []

    tell(story())
    assert ends(lines)[-1] == ("completed", "transferred")


def test_where_it_is_made_before_the_second_call_ends_both_are_hung_up_on(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange()
        await consulted(exchange)
        progress(exchange, 200, final=True)
        assert exchange.network.names()[-2:] == ["BYE", "BYE"] and exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("completed", "transferred")] * 2


def test_where_the_peer_will_not_do_it_both_are_bridged_here() -> None:
    async def story() -> None:
        exchange = Exchange()
        await consulted(exchange)
        progress(exchange, 501, "Not Implemented", final=True)
        assert isinstance(exchange.plane.orders[-1], Bridge)
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())


def test_without_the_fallback_whom_it_was_to_go_to_is_hung_up_on_and_the_agent_told(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(transfer_fallback=False)
        await consulted(exchange)
        progress(exchange, 501, "Not Implemented", final=True)
        assert exchange.network.sent[-1] == ("BYE", 'Q.850;cause=16;text="transfer-failed"')
        assert exchange.network.legs == {1: "answered", exchange.ours: "gone"}
        assert told(exchange) == ["the transfer failed: 501 Not Implemented"]
        assert len(exchange.reception) == 1 and exchange.ways.held == []
        want(exchange)  # and it may try again
        assert exchange.network.names()[-1] == "REFER"
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("completed", "transfer-failed"), ("completed", "caller-hung-up")]


def directions(exchange: Exchange) -> list[str]:
    """What our re-INVITEs asked the caller for."""
    offers = [command[2] for command in exchange.network.sent if command[0] == "re-INVITE"]
    return [word for offer in offers for word in ("sendonly", "sendrecv") if b"a=" + word.encode() in offer]  # type: ignore[operator]


@pytest.mark.parametrize("fallback", [True, False])
def test_the_caller_may_be_put_on_hold_meanwhile(fallback: bool) -> None:
    async def story() -> None:
        exchange = Exchange(transfer_hold=True, transfer_fallback=fallback)
        await consulted(exchange)
        assert directions(exchange) == ["sendonly"]
        exchange.reception.sip(SessionChanged(1, sdp("0", direction="recvonly")))
        exchange.reception.media(Silent(exchange.plane.opened[0].call, 30.0))
        progress(exchange, 501, "Not Implemented", final=True)
        assert directions(exchange) == ["sendonly", "sendrecv"]
        exchange.reception.sip(SessionChanged(1, sdp("0")))
        assert exchange.plane.plans[-1].plan.direction is Direction.SENDRECV
        assert ("Bridge" in exchange.plane.names()) is fallback
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())


def test_a_caller_on_hold_is_given_back_when_the_other_does_not_answer() -> None:
    async def story() -> None:
        exchange = Exchange(transfer_hold=True)
        exchange.talking()
        want(exchange, "invite")
        await settle()
        assert directions(exchange) == [], "it hears it ring"
        exchange.refused(486)
        want(exchange, "attended")
        await settle()
        exchange.refused(486)
        assert directions(exchange) == ["sendonly", "sendrecv"] and len(told(exchange)) == 2
        exchange.ended()

    tell(story())


def test_whom_it_goes_to_hangs_up_before_it_is_made() -> None:
    async def story() -> None:
        exchange = Exchange()
        await consulted(exchange)
        exchange.network.legs[exchange.ours] = "gone"
        exchange.reception.sip(Ended(exchange.ours, by_peer=True, status=None, reason=""))
        progress(exchange, 481, "Call Does Not Exist", final=True)
        assert told(exchange) == ["the transfer failed: 481 Call Does Not Exist"]
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())


# --- what the peer wants -------------------------------------------------------------------------------------------


def asked(exchange: Exchange, target: str = "<sip:bob@far.example;method=INVITE?Replaces=x>", **fields: Any) -> None:
    given: dict[str, Any] = {"replaces": None, "referred_by": None} | fields
    exchange.reception.sip(TransferAsked(1, NameAddr.parse(target), **given))


def test_a_refer_of_the_peer_is_declined_unless_the_settings_allow_it() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        asked(exchange)
        assert exchange.network.sent[-1] == ("REFER refused", 603)
        exchange.ended()

    tell(story())


def test_the_conversation_goes_on_with_whom_the_peer_sends_us_to(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(accept_transfers=True)
        exchange.talking()
        asked(exchange, replaces="c9;to-tag=1;from-tag=2", referred_by="<sip:anna@example.com>")
        await settle()
        ours = exchange.ours
        (sent,) = exchange.network.invites.values()
        assert exchange.ways.asked[-1].number == "sip:bob@far.example" and exchange.ways.asked[-1].by_agent == "a"
        assert sent.headers == (("Replaces", "c9;to-tag=1;from-tag=2"), ("Referred-By", "<sip:anna@example.com>"))
        assert sent.sdp is not None and b"m=audio %d " % PORT in sent.sdp, "the same port: the agent stays where it is"
        exchange.rang()
        assert exchange.network.names()[-3:] == ["REFER taken", "INVITE", "NOTIFY"]
        exchange.answered(sdp("8", port=4700))
        assert exchange.network.sent[-1] == ("NOTIFY", 200)
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 4700
        assert exchange.plane.names() == ["Connect", "Describe", "Greet", "Describe"]
        await asyncio.sleep(3)
        assert exchange.network.sent[-1][0] == "BYE" and exchange.network.legs[1] == "gone"
        assert len(exchange.reception) == 1 and len(exchange.ways.held) == 1
        exchange.legs = ours
        exchange.reinvited(sdp("8", direction="inactive"))
        assert exchange.network.sent[-1][:2] == ("reinvite", 200)
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())
    assert ends(lines) == [("completed", "caller-hung-up")]


def test_a_peer_that_does_not_wait_for_the_outcome_does_not_end_the_conversation() -> None:
    async def story() -> None:
        exchange = Exchange(accept_transfers=True)
        exchange.talking()
        asked(exchange)
        await settle()
        exchange.ended()
        assert len(exchange.reception) == 1
        exchange.silent()
        assert len(exchange.reception) == 1, "nobody can be heard now"
        exchange.answered()
        assert exchange.network.names()[-1] == "INVITE", "there is nobody to notify"
        exchange.reception.drop_all()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_a_refer_that_leads_nowhere_leaves_the_call_as_it_is() -> None:
    async def story() -> None:
        exchange = Exchange(accept_transfers=True)
        exchange.talking()
        asked(exchange)
        await settle()
        asked(exchange)
        assert exchange.network.sent[-1] == ("REFER refused", 491)
        exchange.refused(486)
        assert exchange.network.sent[-1] == ("NOTIFY", 486)
        exchange.reinvited(sdp())
        assert exchange.network.sent[-1][:2] == ("reinvite", 200)
        exchange.ended()
        assert exchange.nothing_left() and exchange.ways.held == []

    tell(story())


def test_a_peer_that_left_for_one_who_does_not_answer_has_ended_the_call(lines: Lines) -> None:
    async def story() -> None:
        exchange = Exchange(accept_transfers=True)
        exchange.talking()
        asked(exchange)
        await settle()
        exchange.ended()
        exchange.refused(486)
        assert exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("failed", "transfer-failed")]


def test_a_refer_to_whom_we_may_not_call_is_forbidden() -> None:
    async def story() -> None:
        exchange = Exchange(accept_transfers=True)
        exchange.ways.known["sip:911@far.example"] = RouteRefusedError("no", code="emergency-number")
        exchange.talking()
        asked(exchange, "<sip:911@far.example>")
        assert exchange.network.sent[-1] == ("REFER refused", 403)
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())


def replacing(exchange: Exchange, leg: int, offer: bytes | None) -> int:
    """An INVITE that is to take the place of `leg`; its own leg."""
    exchange.legs += 1
    exchange.network.legs[exchange.legs] = "ringing"
    exchange.reception.sip(IncomingCall(exchange.legs, invite(), FLOW, offer, replaces=leg))
    return exchange.legs


@pytest.mark.parametrize("late", [False, True])
def test_a_call_that_replaces_another_takes_over_its_conversation(lines: Lines, late: bool) -> None:
    async def story() -> None:
        exchange = Exchange(max_calls=1)
        exchange.talking()
        new = replacing(exchange, 1, None if late else sdp("8", port=4800))
        assert exchange.network.names() == [180, 200, 200, "BYE"]
        assert exchange.network.legs == {1: "gone", 2: "answered"}
        answer = exchange.network.sent[2][1]
        assert isinstance(answer, bytes) and b"m=audio %d " % PORT in answer
        exchange.acknowledged(sdp("8", port=4800) if late else None)
        assert exchange.plane.plans[-1].plan.remote_rtp[1] == 4800
        assert exchange.plane.names().count("Greet") == 1 and len(exchange.plane.opened) == 1
        exchange.reception.sip(Ended(1, by_peer=False, status=200, reason="OK"))  # to our BYE
        assert len(exchange.reception) == 1
        exchange.legs = new
        exchange.ended()
        assert exchange.nothing_left()

    tell(story())
    assert ends(lines) == [("completed", "caller-hung-up")]


def test_a_call_that_replaces_none_or_with_what_we_cannot_play_is_refused() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        replacing(exchange, 77, sdp())
        assert exchange.network.sent[-1] == (481,)
        replacing(exchange, 1, sdp("9 18", profile="RTP/SAVP"))
        assert exchange.network.sent[-1] == (488,)
        exchange.invited(sdp())
        replacing(exchange, exchange.legs, sdp())
        assert exchange.network.sent[-1] == (481,), "it rings still: there is nothing to take over"
        assert len(exchange.reception) == 2
        exchange.reception.drop_all()
        assert exchange.nothing_left()

    tell(story())


def test_ways_of_a_trunk_that_takes_no_calls_of_ours_are_looked_for_elsewhere() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.legs += 1
        exchange.network.legs[1] = "ringing"
        exchange.reception.sip(IncomingCall(1, invite(), FLOW, sdp(), trunk="inbound"))
        exchange.ready()
        exchange.acknowledged()
        out = exchange.ways.out

        def only_elsewhere(wanted: Any) -> Any:
            if wanted.trunk == "inbound":
                raise RouteRefusedError("inbound takes no calls of ours", code="trunk-unknown")
            return out(wanted)

        exchange.ways.out = only_elsewhere  # type: ignore[method-assign]
        exchange.ways.known["200"] = [way("carrier.example", number="+49200")]
        want(exchange)
        assert exchange.network.sent[-1][1] == "sip:+49200@carrier.example"
        exchange.ended()
        exchange.reception.media(Closed("nobody", {}))

    tell(story())
