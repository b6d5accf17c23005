"""The peer's UPDATE, before and after the answer (RFC 3311 5.2)."""

import pytest

from mediaserver.sip.events import Flow, Reinvited
from mediaserver.sip.message import Response
from support.sip_calls import ANSWER, HOLD, Callee, Caller
from support.sip_rig import LOCAL, SDP, request


def test_without_offer_it_is_answered_at_once_and_moves_the_target() -> None:
    callee = Callee().confirm()
    callee.rig.receive(
        request("UPDATE", branch="z9hG4bKu", to_tag=callee.tag, cseq=2, contact="<sip:caller@192.0.2.44:5099>")
    )
    ok = callee.answered_with()
    assert ok.status == 200 and not ok.body and ok.contact is not None
    assert not callee.rig.events()
    callee.rig.endpoint.bye(callee.leg, callee.rig.now)
    assert callee.rig.flows() == [Flow("udp", ("192.0.2.44", 5099), LOCAL)]


def test_an_offer_is_for_the_user_to_answer_or_refuse() -> None:
    callee = Callee().confirm()
    callee.receive("UPDATE", body=HOLD)
    assert callee.rig.events() == [Reinvited(callee.leg, HOLD)]
    callee.rig.endpoint.answer_reinvite(callee.leg, ANSWER, callee.rig.now)
    ok = callee.answered_with()
    assert (ok.status, ok.body, str(ok.cseq)) == (200, ANSWER, "2 UPDATE")
    callee.receive("UPDATE", body=HOLD)
    callee.rig.endpoint.reject_reinvite(callee.leg, 488, callee.rig.now)
    assert callee.answered_with().status == 488
    callee.rig.endpoint.answer_reinvite(callee.leg, ANSWER, callee.rig.now)  # too late: nothing happens
    assert not callee.rig.sent()


def test_an_offer_nobody_answers_is_refused() -> None:
    callee = Callee().confirm()
    callee.receive("UPDATE", body=HOLD)
    callee.rig.advance(9)
    assert not callee.rig.sent()
    callee.rig.advance(2)
    assert callee.rig.statuses() == [500]
    callee.receive("UPDATE", body=HOLD)
    assert len(callee.rig.events()) == 2  # the next is heard


def test_one_at_a_time() -> None:
    callee = Callee().confirm()
    callee.receive("UPDATE", body=HOLD)
    callee.receive("UPDATE", body=SDP)
    callee.receive("INVITE", body=SDP)
    for refused in callee.rig.sent():
        assert isinstance(refused, Response)
        assert refused.status == 500 and refused.headers.get("Retry-After") is not None


def test_before_the_invites_own_offer_is_answered() -> None:
    callee = Callee("Supported: 100rel")
    callee.provisional(180)
    callee.receive("UPDATE", body=HOLD)
    later = callee.answered_with()
    assert later.status == 500 and later.headers.get("Retry-After") is not None
    early = callee.provisional(183, ANSWER)
    callee.prack(early)
    callee.rig.sent()
    callee.receive("UPDATE", body=HOLD)
    assert callee.rig.events() == [Reinvited(callee.leg, HOLD)]
    callee.rig.endpoint.answer_reinvite(callee.leg, SDP, callee.rig.now)
    assert callee.answered_with().body == SDP
    assert callee.answer().body == b""


@pytest.mark.parametrize("reliable", [True, False])
def test_while_our_own_offer_is_open_it_is_491(reliable: bool) -> None:
    callee = Callee("Supported: 100rel", body=b"")
    if reliable:
        callee.provisional(183, ANSWER)
    else:
        callee.answer()
    callee.receive("UPDATE", body=HOLD)
    assert callee.rig.statuses() == [491]
    callee.receive("UPDATE")
    assert callee.rig.statuses() == [200]  # without an offer nothing collides


def test_before_a_branch_has_answered_our_offer_it_is_491() -> None:
    caller = Caller()
    caller.hear(183, body=SDP)  # not reliable: no answer yet
    caller.receive("UPDATE", body=HOLD)
    assert caller.rig.statuses() == [491]


def test_of_an_unknown_body_or_an_unknown_dialog() -> None:
    callee = Callee().confirm()
    callee.receive("UPDATE", "Content-Type: text/plain", body=b"x")
    assert callee.rig.statuses() == [415]
    callee.rig.receive(request("UPDATE", to_tag="never", call_id="other"))
    assert callee.rig.statuses() == [481]


def test_a_bye_ends_what_waits() -> None:
    callee = Callee().confirm()
    callee.receive("UPDATE", body=HOLD)
    callee.receive("BYE")
    assert sorted(callee.rig.statuses()) == [200, 487]
    callee.rig.advance(64)
    assert callee.rig.is_empty()


def test_a_change_the_branch_asked_for_is_answered_after_it_has_won() -> None:
    caller = Caller()
    caller.hear_reliably(183, 1, body=SDP)
    caller.rig.receive(caller.request().response(200))
    caller.receive("UPDATE", body=HOLD)
    caller.hear(200)
    caller.rig.sent()
    caller.rig.endpoint.answer_reinvite(caller.leg, ANSWER, caller.rig.now)
    (ok,) = caller.rig.sent()
    assert isinstance(ok, Response) and (ok.status, ok.body) == (200, ANSWER)
