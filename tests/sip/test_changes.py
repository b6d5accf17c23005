"""Our changes of a session: re-INVITE and UPDATE, glare, late offers, and what ends the call (RFC 3261 14.1)."""

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Answered, ChangeRefused, Ended, Flow, Reinvited, SessionChanged
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from support.sip_calls import ANSWER, HOLD, OFFER, Callee, Caller, reply
from support.sip_rig import LOCAL, SDP, TCP, request


def test_offered_agreed_and_acknowledged() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    change = caller.request()
    assert (change.method, change.cseq.number, change.to.tag, change.body) == ("INVITE", 2, "pt", HOLD)
    assert change.contact is not None and change.headers.get("Content-Type") == "application/sdp"
    caller.rig.receive(reply(change, 100))
    caller.rig.receive(reply(change, 200, body=SDP))
    ack = caller.request()
    assert (ack.method, ack.cseq.number, ack.body) == ("ACK", 2, b"")
    assert caller.events() == [SessionChanged(caller.leg, SDP)]
    caller.rig.receive(reply(change, 200, body=SDP))  # its ACK was lost
    assert [bytes(message) for message in caller.requests()] == [bytes(ack)]
    assert not caller.events()


def test_as_the_one_who_was_called() -> None:
    callee = Callee().confirm()
    callee.rig.endpoint.reinvite(callee.leg, HOLD, callee.rig.now)
    (change,) = callee.rig.requests()
    assert (change.method, str(change.uri), change.to.tag) == ("INVITE", "sip:caller@192.0.2.9:5070", "ft")
    callee.rig.receive(reply(change, 200, "ft", body=SDP))
    assert [message.method for message in callee.rig.requests()] == ["ACK"]
    assert callee.rig.events() == [SessionChanged(callee.leg, SDP)]


def test_a_late_offer() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, None, caller.rig.now)
    change = caller.request()
    assert not change.body and "Content-Type" not in change.headers
    caller.rig.receive(reply(change, 200, body=HOLD))
    caller.rig.receive(reply(change, 200, body=HOLD))
    assert caller.events() == [SessionChanged(caller.leg, HOLD)]
    assert not caller.requests()
    caller.rig.endpoint.acknowledge(caller.leg, ANSWER, caller.rig.now)
    assert caller.request().body == ANSWER
    with pytest.raises(LocalProtocolError):
        caller.rig.endpoint.acknowledge(caller.leg, ANSWER, caller.rig.now)


def test_a_bye_answers_for_a_late_offer() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, None, caller.rig.now)
    caller.rig.receive(reply(caller.request(), 200, body=HOLD))
    caller.rig.endpoint.bye(caller.leg, caller.rig.now)
    assert [(message.method, message.body) for message in caller.requests()] == [("ACK", b""), ("BYE", b"")]


@pytest.mark.parametrize("status", [488, 403, 503, 500])
def test_refused_the_session_stays(status: int) -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    refusal = reply(caller.request(), status)
    caller.rig.receive(refusal)
    assert caller.request().method == "ACK"
    assert caller.events() == [ChangeRefused(caller.leg, status, refusal.reason)]
    caller.rig.endpoint.reinvite(caller.leg, SDP, caller.rig.now)
    assert caller.request().body == SDP


@pytest.mark.parametrize("status", [408, 481])
def test_what_shows_the_dialog_to_be_dead_ends_the_call(status: int) -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    refusal = reply(caller.request(), status)
    caller.rig.receive(refusal)
    assert [message.method for message in caller.requests()] == ["ACK", "BYE"]
    assert caller.events() == [Ended(caller.leg, False, status, refusal.reason)]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_no_answer_at_all_ends_the_call() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    caller.rig.advance(33)
    assert caller.events() == [Ended(caller.leg, False, 408, "timeout")]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


@pytest.mark.parametrize("ours", [True, False])
def test_after_a_491_it_is_tried_again_when_the_rfc_says(ours: bool) -> None:
    waits = []
    for number in range(20):
        party = Caller().connect() if ours else Callee().confirm()
        for _ in range(number):
            party.rig.endpoint._core.token()
        party.rig.endpoint.reinvite(party.leg, HOLD, party.rig.now)
        (change,) = party.rig.requests()
        party.rig.receive(reply(change, 491, "pt" if ours else "ft"))
        party.rig.sent()
        start = party.rig.now
        party.rig.advance(4.01)
        at, _, again = party.rig.wire[0]
        waits.append(round(at - start, 4))
        assert (again.cseq.number, again.body) == (change.cseq.number + 1, HOLD)
        assert not party.rig.events()
    low, high = (2.1, 4.0) if ours else (0.0, 2.0)
    assert low <= min(waits) < max(waits) <= high
    assert all(round(wait * 100, 4).is_integer() for wait in waits)  # in steps of 10 ms


def test_a_peer_that_is_always_busy() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    sent = set()
    for _ in range(20):
        for change in caller.requests():
            if change.method == "INVITE":
                sent.add(change.cseq.number)
                caller.rig.receive(reply(change, 491))
        caller.rig.advance(4)
    assert len(sent) == 8
    assert caller.events() == [ChangeRefused(caller.leg, 491, "Request Pending")]


def test_both_change_at_once() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    change = caller.request()
    caller.receive("INVITE", body=SDP)
    assert caller.rig.statuses() == [491]
    caller.rig.receive(reply(change, 491))
    caller.rig.sent()
    # The peer waits for less long: its own comes first, ours after it is acknowledged.
    caller.receive("INVITE", body=SDP)
    assert caller.events() == [Reinvited(caller.leg, SDP)]
    caller.rig.sent()
    caller.rig.advance(4)
    assert not caller.requests()
    caller.rig.endpoint.answer_reinvite(caller.leg, ANSWER, caller.rig.now)
    caller.acknowledge()
    caller.rig.sent()
    caller.rig.advance(1.5)
    assert [message.body for message in caller.requests()][:1] == [HOLD]


def test_one_after_the_other() -> None:
    caller = Caller().connect()
    for sdp in (HOLD, ANSWER):
        caller.rig.endpoint.reinvite(caller.leg, sdp, caller.rig.now)
    first = caller.request()
    assert first.body == HOLD
    caller.rig.receive(reply(first, 488))
    _, second = caller.requests()
    assert second.body == ANSWER
    caller.rig.receive(reply(second, 200, body=SDP))
    refused, changed = caller.events()
    assert isinstance(refused, ChangeRefused) and changed == SessionChanged(caller.leg, SDP)


def test_what_is_wanted_before_the_answer_waits_for_it() -> None:
    caller = Caller()
    caller.hear(180)
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    assert not caller.requests()
    caller.hear(200, body=SDP)
    assert [message.method for message in caller.requests()] == ["ACK", "INVITE"]
    callee = Callee()
    callee.answer()
    callee.rig.endpoint.reinvite(callee.leg, HOLD, callee.rig.now)
    assert not callee.rig.requests()
    callee.receive("ACK", cseq=1)
    assert [message.method for message in callee.rig.requests()] == ["INVITE"]


def test_a_challenge_is_answered() -> None:
    caller = Caller(credentials=("u", "p")).connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    caller.rig.receive(reply(caller.request(), 401, extra=(("WWW-Authenticate", 'Digest realm="r", nonce="1"'),)))
    ack, again = caller.requests()
    assert (ack.method, again.method, again.cseq.number, again.body) == ("ACK", "INVITE", 3, HOLD)
    assert "Authorization" in again.headers
    caller.rig.receive(reply(again, 200, body=SDP))
    ack = caller.request()
    assert ack.cseq.number == 3 and "Authorization" in ack.headers
    assert caller.events() == [SessionChanged(caller.leg, SDP)]


def test_a_bye_crosses_it() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    change = caller.request()
    caller.receive("BYE")
    assert caller.rig.statuses() == [200]
    assert caller.events() == [Ended(caller.leg, True, None, "")]
    caller.rig.receive(reply(change, 200, body=SDP))
    assert caller.request().method == "ACK"  # a 2xx is ACKed whatever became of the call
    assert not caller.events()
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_we_hang_up_while_it_is_under_way() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    change = caller.request()
    caller.rig.endpoint.bye(caller.leg, caller.rig.now)
    bye = caller.request()
    caller.rig.receive(reply(change, 487))
    assert caller.request().method == "ACK"
    caller.rig.receive(bye.response(200))
    assert caller.events() == [Ended(caller.leg, False, 200, "OK")]
    caller.rig.advance(64)
    assert caller.rig.is_empty()


def test_one_that_only_rings_is_taken_back() -> None:
    caller = Caller(settings=EndpointSettings(timer_c=20)).connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    change = caller.request()
    caller.rig.receive(reply(change, 183))
    caller.rig.advance(20)
    cancel = caller.request()
    assert (cancel.method, cancel.via) == ("CANCEL", change.via)
    caller.rig.receive(cancel.response(200))
    caller.rig.receive(reply(change, 487))
    assert caller.events() == [ChangeRefused(caller.leg, 487, "Request Terminated")]


def test_the_peer_moves_by_its_200() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    caller.rig.receive(reply(caller.request(), 200, body=SDP, contact="<sip:desk@192.0.2.77:5062>"))
    assert caller.rig.flows() == [Flow("udp", ("192.0.2.77", 5062), LOCAL)]
    caller.rig.sent()
    caller.rig.endpoint.bye(caller.leg, caller.rig.now)
    assert str(caller.request().uri) == "sip:desk@192.0.2.77:5062"


def test_before_the_call_is_answered_it_goes_by_update() -> None:
    callee = Callee("Supported: 100rel", "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE")
    early = callee.provisional(183, ANSWER)
    callee.prack(early)
    callee.rig.sent()
    callee.rig.endpoint.reinvite(callee.leg, HOLD, callee.rig.now)
    (update,) = callee.rig.requests()
    assert (update.method, update.body) == ("UPDATE", HOLD)
    callee.rig.receive(reply(update, 200, "ft", body=SDP))
    assert callee.rig.events() == [SessionChanged(callee.leg, SDP)]

    caller = Caller()
    caller.hear(183, ("Require", "100rel"), ("RSeq", "1"), ("Allow", "INVITE, UPDATE, PRACK"), body=SDP)
    caller.rig.receive(caller.request().response(200))
    caller.events()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    update = caller.request()
    assert update.method == "UPDATE"
    caller.hear(200)  # the call is answered while the UPDATE is under way
    assert caller.events() == [Answered(caller.leg, SDP, "pt")]
    caller.requests()
    caller.rig.receive(reply(update, 200, body=ANSWER))
    assert caller.events() == [SessionChanged(caller.leg, ANSWER)]
    caller.rig.endpoint.reinvite(caller.leg, OFFER, caller.rig.now)
    assert caller.request().method == "INVITE"


def test_a_late_offer_asked_of_us() -> None:
    callee = Callee().confirm()
    callee.receive("INVITE")
    assert callee.rig.events() == [Reinvited(callee.leg, None)]
    callee.rig.sent()
    callee.rig.endpoint.answer_reinvite(callee.leg, ANSWER, callee.rig.now)
    ok = callee.rig.sent_one()
    assert isinstance(ok, Response) and ok.body == ANSWER
    callee.rig.endpoint.reinvite(callee.leg, HOLD, callee.rig.now)
    assert not callee.rig.requests()  # our offer waits for the ACK
    callee.rig.receive(request("ACK", branch="z9hG4bKz", to_tag=callee.tag, cseq=2, body=SDP))
    assert [message.body for message in callee.rig.requests()] == [HOLD]


def test_a_connection_that_breaks_under_it() -> None:
    caller = Caller(flow=TCP).connect()
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    caller.requests()
    caller.rig.endpoint.flow_closed(TCP, "reset", caller.rig.now)
    assert caller.events() == [ChangeRefused(caller.leg, 503, "transport")]
    caller.rig.endpoint.reinvite(caller.leg, HOLD, caller.rig.now)
    assert caller.rig.flows() == [Flow("tcp", ("192.0.2.9", 5070), LOCAL, 0)]  # over another one
