"""Reliable provisional responses when we are called (RFC 3262 3 and 5)."""

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Acknowledged, Cancelled, EarlyAnswer, Ended, Reinvited
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from support.sip_calls import ANSWER, HOLD, Callee
from support.sip_rig import SDP, Rig, request

REQUIRED = "Require: 100rel"
SUPPORTED = "Supported: 100rel"


def rseq(response: Response) -> int:
    assert response.headers.get_all("Require") == ["100rel"]
    return int(response.headers.get("RSeq") or 0)


@pytest.mark.parametrize(
    ("header", "body", "reliable"),
    [
        (REQUIRED, None, True),
        (REQUIRED, ANSWER, True),
        (SUPPORTED, ANSWER, True),
        (SUPPORTED, None, False),
        ("Supported: timer", ANSWER, False),
    ],
)
def test_what_is_sent_reliably(header: str, body: bytes | None, reliable: bool) -> None:
    response = Callee(header).provisional(183, body)
    assert (response.headers.get("RSeq") is not None) is reliable
    assert ("Require" in response.headers) is reliable
    assert response.body == (body or b"")


def test_the_settings_can_say_no() -> None:
    off = EndpointSettings(reliable="off")
    assert "RSeq" not in Callee(SUPPORTED, settings=off).provisional(183, ANSWER).headers
    rig = Rig(off)
    rig.receive(request(extra=[REQUIRED]))
    (refused,) = rig.sent()
    assert isinstance(refused, Response)
    assert (refused.status, refused.headers.get("Unsupported")) == (420, "100rel")


def test_callers_that_cannot_are_refused_where_the_settings_insist() -> None:
    rig = Rig(EndpointSettings(reliable="require"))
    rig.receive(request())
    (refused,) = rig.sent()
    assert isinstance(refused, Response)
    assert (refused.status, refused.headers.get("Require")) == (421, "100rel")
    Callee(SUPPORTED, settings=EndpointSettings(reliable="require"))


def test_it_is_repeated_until_the_prack() -> None:
    callee = Callee(REQUIRED)
    first = callee.provisional(183, ANSWER)
    start = callee.rig.now
    callee.rig.advance(8)
    assert [round(at - start, 3) for at, _, _ in callee.rig.wire] == [0.5, 1.5, 3.5, 7.5]
    assert {bytes(message) for message in callee.rig.sent()} == {bytes(first)}
    callee.prack(first)
    assert callee.rig.statuses() == [200]
    callee.rig.advance(40)
    assert not callee.rig.sent()


def test_without_a_prack_the_call_ends_with_504() -> None:
    callee = Callee(REQUIRED)
    callee.provisional(180)
    callee.rig.advance(31)
    callee.rig.sent()
    callee.rig.advance(2)
    assert 504 in callee.rig.statuses()
    assert callee.rig.events() == [Ended(callee.leg, False, 504, "no PRACK")]
    callee.rig.advance(64)
    assert callee.rig.is_empty()


def test_the_next_one_waits_for_the_prack_of_the_last() -> None:
    callee = Callee(REQUIRED)
    first = callee.provisional(180)
    for status, body in ((181, None), (183, ANSWER)):
        callee.rig.endpoint.provisional(callee.leg, status, callee.rig.now, body)
    assert not callee.rig.sent()
    callee.prack(first)
    ok, second = callee.rig.sent()
    assert isinstance(ok, Response) and isinstance(second, Response)
    assert (ok.status, str(ok.cseq), second.status) == (200, "2 PRACK", 181)
    assert rseq(second) == rseq(first) + 1
    callee.prack(second)
    _, third = callee.rig.sent()
    assert isinstance(third, Response)
    assert (third.status, third.body, rseq(third)) == (183, ANSWER, rseq(first) + 2)


@pytest.mark.parametrize("rack", ["{other} 1 INVITE", "{rseq} 2 INVITE", "{rseq} 1 BYE", "x", ""])
def test_a_prack_for_something_else(rack: str) -> None:
    callee = Callee(REQUIRED)
    first = callee.provisional(180)
    number = rseq(first)
    callee.receive("PRACK", "RAck: " + rack.format(rseq=number, other=number + 1))
    assert callee.rig.statuses() == [481]
    callee.rig.advance(0.6)
    assert callee.rig.statuses() == [180]  # still waited for
    callee.prack(first)
    assert callee.rig.statuses() == [200]
    callee.prack(first)
    assert callee.rig.statuses() == [481]  # acknowledged already


def test_a_prack_of_no_reliable_response_at_all() -> None:
    callee = Callee(SUPPORTED)
    callee.provisional(180)
    callee.receive("PRACK", "RAck: 1 1 INVITE")
    assert callee.rig.statuses() == [481]


def test_the_200_waits_for_the_prack_of_the_answer_and_does_not_say_it_again() -> None:
    callee = Callee(SUPPORTED)
    early = callee.provisional(183, ANSWER)
    callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    assert not callee.rig.sent()
    with pytest.raises(LocalProtocolError):
        callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    callee.prack(early)
    ok, answered = callee.rig.sent()
    assert isinstance(ok, Response) and isinstance(answered, Response)
    assert (str(ok.cseq), str(answered.cseq)) == ("2 PRACK", "1 INVITE")
    assert (answered.status, answered.body) == (200, b"")
    callee.receive("ACK", cseq=1)
    assert callee.rig.events() == [Acknowledged(callee.leg, None)]


def test_the_200_does_not_wait_for_the_prack_of_mere_ringing() -> None:
    callee = Callee(REQUIRED)
    rings = callee.provisional(180)
    answered = callee.answer()
    assert (answered.status, answered.body) == (200, ANSWER)
    callee.prack(rings)
    assert callee.rig.statuses() == [200]
    callee.rig.advance(0.6)
    assert callee.rig.statuses() == [200]  # the 2xx alone is repeated


def test_a_bye_while_the_200_waits_follows_it() -> None:
    callee = Callee(SUPPORTED)
    early = callee.provisional(183, ANSWER)
    callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    callee.rig.endpoint.bye(callee.leg, callee.rig.now)
    callee.prack(early)
    assert callee.rig.statuses() == [200, 200]
    callee.receive("ACK", cseq=1)
    assert [message.method for message in callee.rig.requests()] == ["BYE"]


def test_an_offer_in_the_prack_is_answered_in_its_200() -> None:
    callee = Callee(SUPPORTED)
    early = callee.provisional(183, ANSWER)
    callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    callee.prack(early, body=HOLD)
    assert callee.rig.events() == [Reinvited(callee.leg, HOLD)]
    assert not callee.rig.sent()
    callee.rig.endpoint.answer_reinvite(callee.leg, SDP, callee.rig.now)
    ok, answered = callee.rig.sent()
    assert isinstance(ok, Response) and isinstance(answered, Response)
    assert (str(ok.cseq), ok.body) == ("2 PRACK", SDP)
    assert (str(answered.cseq), answered.body) == ("1 INVITE", b"")


def test_our_offer_in_a_183_is_answered_in_the_prack() -> None:
    callee = Callee(SUPPORTED, body=b"")
    early = callee.provisional(183, ANSWER)
    callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    assert not callee.rig.sent()
    callee.prack(early, body=SDP)
    assert callee.rig.events() == [EarlyAnswer(callee.leg, SDP)]
    ok, answered = callee.rig.sent()
    assert isinstance(ok, Response) and isinstance(answered, Response)
    assert (ok.body, answered.status, answered.body) == (b"", 200, b"")
    callee.receive("ACK", cseq=1)
    assert callee.rig.events() == [Acknowledged(callee.leg, None)]


def test_an_offer_the_prack_does_not_answer_ends_the_call() -> None:
    callee = Callee(SUPPORTED, body=b"")
    early = callee.provisional(183, ANSWER)
    callee.prack(early)
    assert callee.rig.statuses() == [200, 488]
    assert callee.rig.events() == [Ended(callee.leg, False, 488, "no answer in the PRACK")]


def test_ringing_on_is_another_response_each_minute() -> None:
    callee = Callee(REQUIRED)
    first = callee.provisional(180)
    callee.prack(first)
    callee.rig.sent()
    callee.rig.advance(61)
    again = callee.rig.sent()[0]
    assert isinstance(again, Response)
    assert (again.status, rseq(again)) == (180, rseq(first) + 1)


def test_a_cancel_ends_it_all() -> None:
    callee = Callee(REQUIRED)
    early = callee.provisional(183, ANSWER)
    callee.rig.endpoint.answer(callee.leg, ANSWER, callee.rig.now)
    callee.rig.receive(request("CANCEL", contact=None, extra=['Reason: SIP;cause=200;text="Call completed elsewhere"']))
    assert callee.rig.statuses() == [200, 487]
    assert callee.rig.events() == [Cancelled(callee.leg, 'SIP;cause=200;text="Call completed elsewhere"')]
    callee.prack(early)
    assert callee.rig.statuses()[:1] == [481]
    callee.rig.receive(request("ACK", to_tag=callee.tag))
    callee.rig.advance(64)
    assert callee.rig.is_empty()


def test_an_invite_that_expires() -> None:
    callee = Callee("Expires: 30")
    callee.provisional(180)
    callee.rig.advance(29)
    assert not callee.rig.events()
    callee.rig.advance(1)
    assert callee.rig.statuses() == [487]
    (cancelled,) = callee.rig.events()
    assert isinstance(cancelled, Cancelled) and "expired" in cancelled.reason
    answered = Callee("Expires: 30").confirm()
    answered.rig.advance(60)
    assert not answered.rig.sent() and not answered.rig.events()
