"""The branches of a call of ours: early dialogs, PRACKs in order, the first 2xx wins (RFC 3261 13.2.2.4, 3262 4)."""

import pytest

from mediaserver.sip.events import Answered, InfoReceived, Progress, Refused, Reinvited, TransferAsked
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from support.sip_calls import ANSWER, HOLD, OFFER, Caller, reply
from support.sip_rig import SDP


def test_each_new_reliable_response_is_acknowledged_once_and_in_order() -> None:
    caller = Caller()
    assert "100rel" in caller.invite.headers.get_all("Supported")
    caller.hear_reliably(180, 7)
    prack = caller.request()
    assert (prack.method, prack.headers.get("RAck"), prack.cseq.number) == ("PRACK", "7 1 INVITE", 2)
    assert (prack.to.tag, str(prack.uri)) == ("pt", "sip:desk@192.0.2.9:5070")
    caller.hear_reliably(180, 7)  # repeated
    caller.hear_reliably(183, 9, body=SDP)  # one is missing
    assert not caller.requests()
    caller.hear_reliably(183, 8, body=SDP)
    assert caller.request().headers.get("RAck") == "8 1 INVITE"
    assert caller.events() == [Progress(caller.leg, 180, None, "pt"), Progress(caller.leg, 183, SDP, "pt")]


def test_a_prack_is_repeated_until_it_is_answered() -> None:
    caller = Caller()
    caller.hear_reliably(180, 1)
    prack = caller.request()
    caller.rig.advance(1.6)
    assert [bytes(message) for message in caller.requests()] == [bytes(prack)] * 2
    caller.rig.receive(prack.response(200))
    caller.rig.advance(10)
    assert not caller.requests()


def test_branches_ring_for_themselves() -> None:
    caller = Caller()
    caller.hear_reliably(183, 100, tag="a", body=SDP)
    caller.hear_reliably(183, 5, tag="b", body=HOLD)
    first, second = caller.requests()
    assert (first.to.tag, first.headers.get("RAck"), first.cseq.number) == ("a", "100 1 INVITE", 2)
    assert (second.to.tag, second.headers.get("RAck"), second.cseq.number) == ("b", "5 1 INVITE", 2)
    assert caller.events() == [Progress(caller.leg, 183, SDP, "a"), Progress(caller.leg, 183, HOLD, "b")]
    caller.rig.receive(first.response(200))
    caller.rig.receive(second.response(200))

    caller.hear(200, tag="b")
    assert caller.events() == [Answered(caller.leg, HOLD, "b")]  # what it answered before
    ack = caller.request()
    assert (ack.method, ack.cseq.number, ack.to.tag) == ("ACK", 1, "b")
    caller.hear(200, tag="a")
    ack, bye = caller.requests()
    assert (ack.method, ack.to.tag, bye.method, bye.to.tag) == ("ACK", "a", "BYE", "a")
    assert bye.cseq.number == 3  # after the PRACK of that branch
    caller.rig.receive(bye.response(200))
    caller.rig.endpoint.bye(caller.leg, caller.rig.now)
    bye = caller.request()
    assert (bye.to.tag, bye.cseq.number) == ("b", 3)
    caller.rig.receive(bye.response(200))
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_the_way_and_the_target_are_those_of_the_200() -> None:
    caller = Caller()
    caller.hear(180, ("Record-Route", "<sip:192.0.2.60;lr>"))
    caller.hear(200, ("Record-Route", "<sip:192.0.2.61;lr>"), ("Contact", "<sip:moved@192.0.2.99>"), body=SDP)
    ack = caller.request()
    assert (ack.headers.get_all("Route"), str(ack.uri)) == (["<sip:192.0.2.61;lr>"], "sip:moved@192.0.2.99")


def test_199_ends_a_branch() -> None:
    caller = Caller()
    caller.hear(180, tag="a")
    caller.hear(180, tag="b")
    caller.hear(199, tag="a")
    assert caller.events()[-1] == Progress(caller.leg, 199, None, "a")
    caller.receive("INFO", "Content-Type: text/plain", tag="a", body=b"x")
    assert caller.rig.statuses() == [481]
    caller.receive("INFO", "Content-Type: text/plain", tag="b", body=b"x")
    assert caller.rig.statuses() == [200]
    assert caller.events() == [InfoReceived(caller.leg, "text/plain", b"x")]


def test_a_branch_that_hangs_up_is_not_the_call() -> None:
    caller = Caller()
    caller.hear(180, tag="a")
    caller.events()
    caller.receive("BYE", tag="a")
    assert caller.rig.statuses() == [200]
    assert not caller.events() and caller.rig.endpoint.legs == 1
    caller.hear(486)
    assert caller.events() == [Refused(caller.leg, 486, "Busy Here", None)]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_a_branch_that_rings_transfers_nobody() -> None:
    caller = Caller()
    caller.hear(180, tag="a")
    caller.events()
    caller.receive("REFER", "Refer-To: <sip:desk@example.com>", tag="a")
    assert caller.rig.statuses() == [403] and not caller.events()
    caller.receive("SUBSCRIBE", "Event: refer", tag="a")
    caller.receive("NOTIFY", "Event: refer", "Subscription-State: active", tag="a")
    assert caller.rig.statuses() == [481, 481]
    caller.hear(200, tag="a", body=SDP)
    caller.requests()
    caller.events()
    caller.receive("REFER", "Refer-To: <sip:desk@example.com>", tag="a")
    assert [type(event) for event in caller.events()] == [TransferAsked]


def test_an_offer_that_comes_early() -> None:
    caller = Caller(sdp=None)
    caller.hear_reliably(183, 1, body=SDP)
    assert caller.events() == [Progress(caller.leg, 183, SDP, "pt")]
    assert not caller.requests()
    caller.rig.endpoint.acknowledge(caller.leg, ANSWER, caller.rig.now)
    prack = caller.request()
    assert (prack.method, prack.body, prack.headers.get("Content-Type")) == ("PRACK", ANSWER, "application/sdp")
    caller.hear(200)
    assert caller.request().method == "ACK"
    assert caller.events() == [Answered(caller.leg, SDP, "pt")]


def test_an_update_of_a_branch_that_rings() -> None:
    caller = Caller()
    caller.hear_reliably(183, 1, body=SDP)
    caller.rig.receive(caller.request().response(200))
    caller.events()
    caller.receive("UPDATE", body=HOLD)
    assert caller.events() == [Reinvited(caller.leg, HOLD)]
    caller.rig.endpoint.answer_reinvite(caller.leg, ANSWER, caller.rig.now)
    ok = caller.rig.sent_one()
    assert isinstance(ok, Response) and (ok.status, ok.body) == (200, ANSWER)


def test_a_peer_that_invents_branches() -> None:
    caller = Caller()
    for number in range(200):
        caller.hear_reliably(180, 1, tag=f"b{number}")
    assert len(caller.requests()) == len(caller.events()) == 32
    caller.hear(486)
    assert len(caller.rig.endpoint._core.dialogs) == 0


def test_a_peer_that_invents_answers() -> None:
    caller = Caller()
    for number in range(200):
        caller.hear(200, tag=f"b{number}", body=SDP)
    sent = [message.method for message in caller.requests()]
    assert (sent.count("ACK"), sent.count("BYE")) == (32, 31), "what is called may lie anywhere"
    caller.hear(200, tag="b31", body=SDP)
    assert [message.method for message in caller.requests()] == ["ACK"], "one that was met is met again"


def test_insisting_on_reliability() -> None:
    assert Caller(settings=EndpointSettings(reliable="require")).invite.headers.get_all("Require") == ["100rel"]
    shy = Caller(settings=EndpointSettings(reliable="off"))
    assert "100rel" not in shy.invite.headers.get_all("Supported")
    shy.hear(421, ("Require", "100rel"))
    ack, again = shy.requests()
    assert (ack.method, again.method, again.cseq.number) == ("ACK", "INVITE", 2)
    assert "100rel" in again.headers.get_all("Supported")
    shy.invite = again
    shy.hear_reliably(180, 3)
    assert shy.request().headers.get("RAck") == "3 2 INVITE"
    shy.hear(421, ("Require", "100rel"))
    assert [event for event in shy.events() if isinstance(event, Refused)] == [
        Refused(shy.leg, 421, "Extension Required", None)
    ]


def test_what_cannot_be_met_is_refused() -> None:
    caller = Caller()
    caller.hear(421, ("Require", "precondition"))
    assert caller.events() == [Refused(caller.leg, 421, "Extension Required", None)]


def test_ringing_for_ever_is_cancelled() -> None:
    caller = Caller()
    caller.hear(180)
    caller.rig.advance(100)
    caller.hear(180)
    caller.rig.advance(184)
    assert not caller.requests()
    caller.rig.advance(1)
    cancel = caller.request()
    assert (cancel.method, "408" in (cancel.headers.get("Reason") or "")) == ("CANCEL", True)
    caller.rig.receive(cancel.response(200))
    caller.events()
    caller.hear(487)
    assert caller.events() == [Refused(caller.leg, 408, "no final response", None)]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_a_cancel_with_its_reason() -> None:
    caller = Caller()
    caller.hear(180)
    caller.rig.endpoint.cancel(caller.leg, caller.rig.now, reason='SIP;cause=200;text="Call completed elsewhere"')
    assert caller.request().headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'


@pytest.mark.parametrize("status", [300, 302, 305])
def test_a_redirection_names_the_best_contact_first(status: int) -> None:
    caller = Caller()
    caller.hear(status, ("Contact", "<sip:a@h>;q=0.3, <sip:b@h>"), ("Contact", "<sip:c@h>;q=0.7"))
    (refused,) = caller.events()
    assert isinstance(refused, Refused)
    assert refused.contacts == ("<sip:b@h>", "<sip:c@h>;q=0.7", "<sip:a@h>;q=0.3")


def test_a_preloaded_route_is_gone_by_and_a_strict_one_too() -> None:
    loose = Caller(routes=["<sip:192.0.2.9;lr>", "<sip:edge.example.com;lr>"]).invite
    assert loose.headers.get_all("Route") == ["<sip:192.0.2.9;lr>", "<sip:edge.example.com;lr>"]
    assert str(loose.uri) == "sip:desk@192.0.2.9:5070"
    strict = Caller(routes=["<sip:192.0.2.9>", "<sip:edge.example.com;lr>"])
    assert str(strict.invite.uri) == "sip:192.0.2.9"
    assert strict.invite.headers.get_all("Route") == ["<sip:edge.example.com;lr>", "<sip:desk@192.0.2.9:5070>"]
    strict.hear(180)
    strict.rig.endpoint.cancel(strict.leg, strict.rig.now)
    cancel = strict.request()
    assert cancel.headers.get_all("Route") == strict.invite.headers.get_all("Route")
    assert str(cancel.uri) == "sip:192.0.2.9"


def test_a_challenge_drops_the_branches_of_the_first_try() -> None:
    caller = Caller(credentials=("u", "p"))
    caller.hear(180, tag="a")
    caller.hear(407, ("Proxy-Authenticate", 'Digest realm="r", nonce="1"'))
    _, again = caller.requests()
    assert len(caller.rig.endpoint._core.dialogs) == 0
    caller.rig.receive(reply(again, 200, "b", body=SDP))
    assert caller.events()[-1] == Answered(caller.leg, SDP, "b")
    assert again.body == OFFER
