"""The endpoint when it is called: from INVITE to BYE, as the peer sees it on the wire."""

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Acknowledged, Cancelled, Ended, Flow, IncomingCall, InfoReceived, Reinvited
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Response
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, Rig, request

ANSWER = SDP + b"a=ours\r\n"


def ringing(flow: Flow = UDP, **how: object) -> tuple[Rig, int]:
    rig = Rig()
    rig.receive(request(transport=flow.transport.upper(), **how), flow)  # type: ignore[arg-type]
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    assert rig.statuses() == [100]
    return rig, call.leg


def answered(flow: Flow = UDP, **how: object) -> tuple[Rig, int, str]:
    rig, leg = ringing(flow, **how)
    rig.endpoint.answer(leg, ANSWER, rig.now)
    response = rig.sent_one()
    assert isinstance(response, Response)
    assert response.to.tag
    return rig, leg, response.to.tag


def confirmed(flow: Flow = UDP, **how: object) -> tuple[Rig, int, str]:
    rig, leg, tag = answered(flow, **how)
    rig.receive(request("ACK", branch="z9hG4bKack", to_tag=tag), flow)
    assert rig.events() == [Acknowledged(leg, None)]
    return rig, leg, tag


def test_a_call_from_invite_to_the_peers_bye() -> None:
    rig = Rig()
    rig.receive(request(extra=["Record-Route: <sip:p2.example.com;lr>", "Record-Route: <sip:p1.example.com;lr>"]))
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    assert call.offer == SDP and call.flow == UDP and call.request.method == "INVITE"
    trying = rig.sent_one()
    assert isinstance(trying, Response)
    assert trying.status == 100 and trying.to.tag is None

    rig.endpoint.provisional(call.leg, 180, rig.now)
    rings = rig.sent_one()
    assert isinstance(rings, Response)
    tag = rings.to.tag
    assert rings.status == 180 and tag
    assert rings.headers.get_all("Record-Route") == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]

    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    ok = rig.sent_one()
    assert isinstance(ok, Response)
    assert (ok.status, ok.to.tag, ok.body) == (200, tag, ANSWER)
    assert ok.headers.get_all("Record-Route") == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
    assert ok.contact is not None and str(ok.contact.uri) == "sip:agent@192.0.2.1:5060"
    assert ok.headers.get("Content-Type") == "application/sdp"
    assert "BYE" in ok.headers.get_all("Allow")

    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag))
    assert rig.events() == [Acknowledged(call.leg, None)]
    rig.receive(request("BYE", branch="z9hG4bKc", to_tag=tag, cseq=2, extra=['Reason: Q.850;cause=16;text="done"']))
    assert rig.statuses() == [200]
    assert rig.events() == [Ended(call.leg, True, None, 'Q.850;cause=16;text="done"')]
    rig.advance(64)
    assert rig.is_empty() and not rig.sent()


def test_our_bye_follows_the_route_set_to_the_remote_target() -> None:
    rig, leg, tag = confirmed(extra=["Record-Route: <sip:192.0.2.50:5080;lr>", "Record-Route: <sip:p1.example.com;lr>"])
    rig.endpoint.bye(leg, rig.now, reason='Q.850;cause=16;text="bye"')
    assert rig.flows() == [Flow("udp", ("192.0.2.50", 5080), LOCAL)]
    (bye,) = rig.requests()
    assert str(bye.uri) == "sip:caller@192.0.2.9:5070"
    assert bye.headers.get_all("Route") == ["<sip:192.0.2.50:5080;lr>", "<sip:p1.example.com;lr>"]
    assert (bye.from_.tag, bye.to.tag, bye.call_id) == (tag, "ft", "call-1")
    assert bye.headers.get("Reason") == 'Q.850;cause=16;text="bye"'
    assert not rig.events()
    rig.receive(bye.response(200))
    assert rig.events() == [Ended(leg, False, 200, "OK")]
    rig.advance(64)
    assert rig.is_empty()


def test_a_bye_nobody_answers_ends_the_leg_after_timer_f() -> None:
    rig, leg, _ = confirmed()
    rig.endpoint.bye(leg, rig.now)
    rig.advance(64)
    assert rig.events() == [Ended(leg, False, 408, "timeout")]
    assert rig.is_empty()


def test_both_hang_up_at_once() -> None:
    rig, leg, tag = confirmed()
    rig.endpoint.bye(leg, rig.now)
    (bye,) = rig.requests()
    rig.receive(request("BYE", branch="z9hG4bKc", to_tag=tag, cseq=2))
    assert rig.statuses() == [200]
    rig.receive(bye.response(481))
    (ended,) = rig.events()
    assert isinstance(ended, Ended) and ended.status == 481
    rig.advance(64)
    assert rig.is_empty()


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_the_200_is_repeated_until_the_ack(flow: Flow) -> None:
    rig, leg, tag = answered(flow)
    start = rig.now
    rig.advance(6)
    assert [round(at - start, 3) for at, _, _ in rig.wire] == [0.5, 1.5, 3.5]  # over TCP too: 13.3.1.4
    assert all(isinstance(message, Response) and message.body == ANSWER for message in rig.sent())
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag), flow)
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag), flow)
    assert rig.events() == [Acknowledged(leg, None)]
    rig.advance(100)
    assert not rig.sent()


def test_a_200_without_any_ack_ends_in_a_bye() -> None:
    rig, leg, _ = answered()
    start = rig.now
    rig.advance(31.9)
    times = [round(at - start, 3) for at, _, _ in rig.wire]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    rig.sent()
    rig.advance(0.2)
    (bye,) = rig.requests()
    assert bye.method == "BYE"
    assert rig.events() == [Ended(leg, False, 408, "no ACK")]
    rig.advance(64)
    assert rig.is_empty()


def test_a_bye_of_ours_waits_for_the_ack() -> None:
    rig, leg, tag = answered()
    rig.endpoint.bye(leg, rig.now)
    assert not rig.requests()
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag))
    assert [message.method for message in rig.requests()] == ["BYE"]
    assert rig.events() == [Acknowledged(leg, None)]


def test_a_repeated_invite_gets_the_last_provisional_response() -> None:
    rig, leg = ringing()
    rig.receive(request())
    assert rig.statuses() == [100]
    rig.endpoint.provisional(leg, 180, rig.now)
    rig.receive(request())
    assert rig.statuses() == [180, 180]
    rig.endpoint.answer(leg, ANSWER, rig.now)
    rig.receive(request())
    assert rig.statuses() == [200]  # absorbed: the repetition is the core's, by its own clock
    assert not rig.events()


def test_ringing_is_repeated_every_minute() -> None:
    rig, leg = ringing()
    rig.endpoint.provisional(leg, 183, rig.now, SDP)
    rig.sent()
    rig.advance(125)
    early = rig.sent()
    assert [message.status for message in early if isinstance(message, Response)] == [183, 183]
    assert early[0].body == SDP


def test_cancel_before_the_answer() -> None:
    rig, leg = ringing()
    rig.endpoint.provisional(leg, 180, rig.now)
    rig.sent()
    rig.receive(request("CANCEL", contact=None))
    ok, terminated = rig.sent()
    assert isinstance(ok, Response) and isinstance(terminated, Response)
    assert (ok.status, str(ok.cseq)) == (200, "1 CANCEL")
    assert (terminated.status, str(terminated.cseq)) == (487, "1 INVITE")
    assert ok.to.tag == terminated.to.tag
    assert rig.events() == [Cancelled(leg)]
    rig.endpoint.answer(leg, ANSWER, rig.now)  # it crossed the CANCEL: nothing happens
    rig.receive(request("ACK", to_tag=terminated.to.tag))
    assert not rig.sent() and not rig.events()
    rig.receive(request("CANCEL", contact=None))
    assert rig.statuses() == [200]
    rig.advance(6)
    assert rig.is_empty()


def test_cancel_after_the_answer_changes_nothing() -> None:
    rig, leg, tag = answered()
    rig.receive(request("CANCEL", contact=None))
    assert rig.statuses() == [200]
    assert not rig.events()
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag))
    assert rig.events() == [Acknowledged(leg, None)]


def test_cancel_of_nothing() -> None:
    rig = Rig()
    rig.receive(request("CANCEL", contact=None))
    assert rig.statuses() == [481]


@pytest.mark.parametrize(("flow", "repeated"), [(UDP, 10), (TCP, 0)])
def test_a_rejection_is_repeated_until_the_ack_and_the_ack_absorbed(flow: Flow, repeated: int) -> None:
    rig, leg = ringing(flow)
    rig.endpoint.reject(leg, 503, rig.now, reason="Busy", headers=[("Retry-After", "10")])
    refused = rig.sent_one()
    assert isinstance(refused, Response)
    assert (refused.status, refused.reason, refused.headers.get("Retry-After")) == (503, "Busy", "10")
    rig.advance(64)
    assert rig.statuses() == [503] * repeated
    assert rig.is_empty()

    rig, leg = ringing(flow)
    rig.endpoint.reject(leg, 486, rig.now)
    rig.sent()
    rig.receive(request("ACK", to_tag="t2"), flow)
    rig.advance(64)
    assert not rig.sent() and not rig.events()
    assert rig.is_empty()


def test_the_caller_hangs_up_before_the_answer() -> None:
    rig, leg = ringing()
    rig.endpoint.provisional(leg, 180, rig.now)
    (rings,) = (message for message in rig.sent() if isinstance(message, Response))
    rig.receive(request("BYE", branch="z9hG4bKb", to_tag=rings.to.tag, cseq=2))
    assert rig.statuses() == [200, 487]
    assert rig.events() == [Ended(leg, True, None, "")]


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE", "OPTIONS"])
def test_an_unknown_dialog_is_481(method: str) -> None:
    rig = Rig()
    rig.receive(request(method, to_tag="never"))
    assert rig.statuses() == [481]
    assert not rig.events() and rig.is_empty()


def test_an_ack_to_nothing_is_ignored() -> None:
    rig = Rig()
    rig.receive(request("ACK", to_tag="never"))
    assert not rig.sent() and not rig.events()


def test_late_offer() -> None:
    rig = Rig()
    rig.receive(request(body=b""))
    (call,) = rig.events()
    assert isinstance(call, IncomingCall) and call.offer is None
    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    _, ok = rig.sent()
    assert isinstance(ok, Response)
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=ok.to.tag, body=SDP))
    assert rig.events() == [Acknowledged(call.leg, SDP)]


def test_a_late_offer_that_is_not_answered_ends_the_call() -> None:
    rig, _, tag = answered(body=b"")
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=tag))
    (bye,) = rig.requests()
    assert bye.method == "BYE" and "no answer" in (bye.headers.get("Reason") or "")
    (ended,) = rig.events()
    assert isinstance(ended, Ended) and not ended.by_peer


def test_reinvite_and_target_refresh() -> None:
    rig, leg, tag = confirmed()
    hold = SDP.replace(b"audio 4000", b"audio 4002")
    moved = {"to_tag": tag, "contact": "<sip:caller@192.0.2.33:5099>"}
    rig.receive(request(branch="z9hG4bKr", cseq=2, body=hold, **moved))  # type: ignore[arg-type]
    assert rig.events() == [Reinvited(leg, hold)]
    assert rig.statuses() == [100]
    rig.endpoint.answer_reinvite(leg, ANSWER, rig.now)
    ok = rig.sent_one()
    assert isinstance(ok, Response)
    assert (ok.status, ok.body, ok.to.tag) == (200, ANSWER, tag)
    rig.advance(0.6)
    assert rig.statuses() == [200]
    rig.receive(request("ACK", branch="z9hG4bKs", cseq=2, to_tag=tag))
    assert rig.events() == [Acknowledged(leg, None)]
    rig.endpoint.bye(leg, rig.now)
    assert rig.flows() == [Flow("udp", ("192.0.2.33", 5099), LOCAL)]
    assert str(rig.requests()[0].uri) == "sip:caller@192.0.2.33:5099"


def test_a_rejected_reinvite_leaves_the_session() -> None:
    rig, leg, tag = confirmed()
    rig.receive(request(branch="z9hG4bKr", cseq=2, to_tag=tag, contact="<sip:caller@192.0.2.33:5099>"))
    rig.endpoint.reject_reinvite(leg, 488, rig.now)
    assert rig.statuses() == [100, 488]
    rig.receive(request("ACK", branch="z9hG4bKr", cseq=2, to_tag=tag))
    rig.endpoint.bye(leg, rig.now)
    assert rig.flows() == [UDP]  # the refused target is not taken


def test_a_reinvite_taken_back() -> None:
    rig, leg, tag = confirmed()
    rig.receive(request(branch="z9hG4bKr", cseq=2, to_tag=tag))
    rig.sent()
    rig.receive(request("CANCEL", branch="z9hG4bKr", cseq=2, to_tag=tag, contact=None))
    assert rig.statuses() == [200, 487]
    assert rig.events() == [Reinvited(leg, SDP)]
    rig.endpoint.answer_reinvite(leg, ANSWER, rig.now)
    assert not rig.sent()


def test_a_reinvite_that_is_never_acked_ends_the_call() -> None:
    rig, leg, tag = confirmed()
    rig.receive(request(branch="z9hG4bKr", cseq=2, to_tag=tag))
    rig.endpoint.answer_reinvite(leg, ANSWER, rig.now)
    rig.advance(33)
    assert Ended(leg, False, 408, "no ACK") in rig.events()


def test_reinvites_that_come_too_soon() -> None:
    rig, leg, tag = confirmed()
    rig.receive(request(branch="z9hG4bKr", cseq=3, to_tag=tag))
    rig.sent()
    rig.receive(request(branch="z9hG4bKs", cseq=4, to_tag=tag))
    later = rig.sent_one()
    assert isinstance(later, Response)
    assert later.status == 500 and 0 <= int(later.headers.get("Retry-After") or "-1") <= 10  # 14.2
    rig.endpoint.answer_reinvite(leg, ANSWER, rig.now)
    rig.sent()
    rig.receive(request(branch="z9hG4bKu", cseq=5, to_tag=tag))
    assert rig.statuses() == [491]  # our answer is not ACKed yet
    rig.receive(request("ACK", branch="z9hG4bKv", cseq=3, to_tag=tag))
    rig.events()
    rig.receive(request(branch="z9hG4bKw", cseq=6, to_tag=tag))
    assert rig.statuses() == [100]
    assert rig.events() == [Reinvited(leg, SDP)]


def test_a_lower_cseq_is_500() -> None:
    rig, _, tag = answered(cseq=10)
    rig.receive(request("ACK", branch="z9hG4bKb", cseq=10, to_tag=tag))
    rig.events()
    rig.receive(request(branch="z9hG4bKr", cseq=9, to_tag=tag))
    late = rig.sent_one()
    assert isinstance(late, Response)
    assert late.status == 500 and late.headers.get("Retry-After") is not None
    assert not rig.events()


def test_info_both_ways() -> None:
    rig, leg, tag = confirmed()
    rig.receive(
        request(
            "INFO",
            branch="z9hG4bKi",
            cseq=2,
            to_tag=tag,
            body=b"Signal=5",
            extra=["Content-Type: application/dtmf-relay"],
        )
    )
    assert rig.statuses() == [200]
    assert rig.events() == [InfoReceived(leg, "application/dtmf-relay", b"Signal=5")]
    rig.endpoint.info(leg, "application/dtmf-relay", b"Signal=6", rig.now)
    rig.endpoint.info(leg, "application/dtmf-relay", b"Signal=7", rig.now)
    first, second = rig.requests()
    assert (first.body, second.body) == (b"Signal=6", b"Signal=7")
    assert second.cseq.number == first.cseq.number + 1
    rig.receive(first.response(200))
    rig.receive(second.response(501))
    assert not rig.events()


@pytest.mark.parametrize("status", [408, 481])
def test_a_dialog_the_peer_no_longer_knows_is_ended(status: int) -> None:
    rig, leg, _ = confirmed()
    rig.endpoint.info(leg, "text/plain", b"?", rig.now)
    (info,) = rig.requests()
    rig.receive(info.response(status))
    (ended,) = rig.events()
    assert isinstance(ended, Ended) and ended.status == status and not ended.by_peer
    assert [message.method for message in rig.requests()] == ["BYE"]
    rig.advance(64)
    assert rig.is_empty()


def test_options_within_and_without_a_dialog() -> None:
    rig, _, tag = confirmed()
    rig.receive(request("OPTIONS", branch="z9hG4bKo", cseq=2, to_tag=tag))
    rig.receive(request("OPTIONS", branch="z9hG4bKp", call_id="other", max_forwards=0))
    for answer in rig.sent():
        assert isinstance(answer, Response)
        assert answer.status == 200 and answer.to.tag
        assert answer.headers.get_all("Accept") == ["application/sdp"]
        assert set(answer.headers.get_all("Allow")) >= {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO"}
        assert "Supported" in answer.headers
    assert not rig.events()


def test_an_rfc_2543_caller() -> None:
    rig = Rig()
    old = {"branch": None, "from_tag": None}
    rig.receive(request(**old))  # type: ignore[arg-type]
    rig.receive(request(**old))  # type: ignore[arg-type]
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    *_, ok = rig.sent()
    rig.receive(request("ACK", to_tag=ok.to.tag, **old))  # type: ignore[arg-type]
    assert rig.events() == [Acknowledged(call.leg, None)]
    rig.receive(request("BYE", to_tag=ok.to.tag, cseq=2, **old))  # type: ignore[arg-type]
    assert rig.events() == [Ended(call.leg, True, None, "")]
    rig.advance(64)
    assert rig.is_empty()


def test_a_lost_connection_ends_a_call_that_rings() -> None:
    rig, leg = ringing(TCP)
    rig.endpoint.flow_closed(TCP, None, rig.now)
    assert rig.events() == [Ended(leg, True, None, "connection lost")]
    assert rig.is_empty()


def test_a_call_survives_its_connection_and_opens_another_to_say_bye() -> None:
    rig, leg, _ = confirmed(TCP, contact="<sip:caller@192.0.2.9:5099;transport=tcp>")
    rig.endpoint.flow_closed(TCP, None, rig.now)
    assert not rig.events()
    rig.endpoint.bye(leg, rig.now)
    (flow,) = rig.flows()
    assert flow == Flow("tcp", ("192.0.2.9", 5099), LOCAL, 0)  # where it listens
    rig.endpoint.flow_closed(flow, "refused", rig.now)
    assert rig.events() == [Ended(leg, False, 503, "refused")]
    rig.advance(64)
    assert rig.is_empty()


def test_the_dialog_moves_to_the_connection_the_peer_uses() -> None:
    rig, leg, tag = confirmed(TCP)
    rig.endpoint.flow_closed(TCP, None, rig.now)
    fresh = Flow("tcp", ("192.0.2.9", 40000), LOCAL, 8)
    rig.receive(request("INFO", branch="z9hG4bKi", cseq=2, to_tag=tag, transport="TCP"), fresh)
    rig.sent()
    rig.endpoint.bye(leg, rig.now)
    assert rig.flows() == [fresh]


@pytest.mark.parametrize(
    ("via", "flow", "where", "marks"),
    [
        ("192.0.2.9:5070;branch=z9hG4bKa", UDP, ("192.0.2.9", 5070), {}),
        ("10.0.0.3:5060;branch=z9hG4bKa", UDP, ("192.0.2.9", 5060), {"received": "192.0.2.9"}),
        ("10.0.0.3;branch=z9hG4bKa", UDP, ("192.0.2.9", 5060), {"received": "192.0.2.9"}),
        ("10.0.0.3:5060;rport;branch=z9hG4bKa", UDP, PEER, {"received": "192.0.2.9", "rport": "5070"}),
        ("pc.example.com;maddr=203.0.113.5;branch=z9hG4bKa", UDP, ("192.0.2.9", 5060), {"received": "192.0.2.9"}),
        ("10.0.0.3:5060;branch=z9hG4bKa", TCP, PEER, {"received": "192.0.2.9"}),
    ],
)
def test_where_responses_go(via: str, flow: Flow, where: tuple[str, int], marks: dict[str, str]) -> None:
    rig = Rig()
    rig.receive(request(via=f"Via: SIP/2.0/{flow.transport.upper()} {via}"), flow)
    assert [sent.remote for sent in rig.flows()] == [where]
    parameters = rig.sent_one().via.parameters
    assert {name: parameters.get(name) for name in ("received", "rport") if name in parameters} == marks


@pytest.mark.parametrize(
    ("via", "contact", "remote", "where"),
    [
        # Contact and sent-by agree and are not where it comes from: a NAT, so keep to the flow.
        ("10.0.0.3:5060;rport", "<sip:c@10.0.0.3:5060>", ("203.0.113.9", 31000), ("203.0.113.9", 31000)),
        # It asks for its flow to be kept (RFC 5626).
        ("198.51.100.1:5060", "<sip:c@198.51.100.77:5066;ob>", ("198.51.100.1", 5060), ("198.51.100.1", 5060)),
        # Another public address: a proxy that stays out of the dialog.
        ("198.51.100.1:5060", "<sip:c@198.51.100.77:5066>", ("198.51.100.1", 5060), ("198.51.100.77", 5066)),
        # A private Contact behind a public address cannot be reached.
        ("198.51.100.1:5060", "<sip:c@10.0.0.3:5060>", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        # A name: resolving it is not for the core, the flow is the best address known.
        ("198.51.100.1:5060", "<sip:c@phone.example.com>", ("198.51.100.1", 5060), ("198.51.100.1", 5060)),
        # The other family: the socket the peer was heard on cannot send there.
        ("198.51.100.1:5060", "<sip:c@[2001:db8::7]:5066>", ("198.51.100.1", 5060), ("198.51.100.1", 5060)),
        ("[2001:db8::1]:5060", "<sip:c@198.51.100.7:5066>", ("2001:db8::1", 5060), ("2001:db8::1", 5060)),
        ("[2001:db8::1]:5060", "<sip:c@[2001:db8::7]:5066>", ("2001:db8::1", 5060), ("2001:db8::7", 5066)),
    ],
)
def test_where_requests_in_the_dialog_go(
    via: str, contact: str, remote: tuple[str, int], where: tuple[str, int]
) -> None:
    rig = Rig()
    flow = Flow("udp", remote, LOCAL)
    rig.receive(request(via=f"Via: SIP/2.0/UDP {via};branch=z9hG4bKa", contact=contact), flow)
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    *_, ok = rig.sent()
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=ok.to.tag), flow)
    rig.endpoint.bye(call.leg, rig.now)
    assert [sent.remote for sent in rig.flows()] == [where]


def test_a_route_of_the_other_family_is_not_followed() -> None:
    rig = Rig()
    rig.receive(request(extra=["Record-Route: <sip:[2001:db8::1];lr>"]))
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    *_, ok = rig.sent()
    rig.receive(request("ACK", branch="z9hG4bKb", to_tag=ok.to.tag))
    rig.endpoint.bye(call.leg, rig.now)
    assert [sent.remote for sent in rig.flows()] == [UDP.remote]


def test_contact_names_the_transport_and_the_advertised_address() -> None:
    rig = Rig(EndpointSettings(advertised_host="203.0.113.7", advertised_port=6060))
    rig.receive(request(transport="TCP"), TCP)
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, ANSWER, rig.now)
    *_, ok = rig.sent()
    assert ok.contact is not None
    assert str(ok.contact.uri) == "sip:agent@203.0.113.7:6060;transport=tcp"


def test_commands_the_state_does_not_allow() -> None:
    rig, leg = ringing()
    with pytest.raises(LocalProtocolError):
        rig.endpoint.answer(leg + 1, ANSWER, rig.now)
    with pytest.raises(LocalProtocolError):
        rig.endpoint.bye(leg, rig.now)
    with pytest.raises(LocalProtocolError):
        rig.endpoint.provisional(leg, 200, rig.now)
    with pytest.raises(LocalProtocolError):
        rig.endpoint.reject(leg, 200, rig.now)
    rig.endpoint.answer(leg, ANSWER, rig.now)
    with pytest.raises(LocalProtocolError):
        rig.endpoint.answer(leg, ANSWER, rig.now)
    with pytest.raises(LocalProtocolError):
        rig.endpoint.acknowledge(leg, ANSWER, rig.now)
    assert rig.statuses() == [200]


def test_a_repeated_bye_is_answered_again() -> None:
    rig, _, tag = confirmed()
    bye = request("BYE", branch="z9hG4bKc", to_tag=tag, cseq=2)
    rig.receive(bye)
    rig.receive(bye)
    assert rig.statuses() == [200, 200]  # the dialog is gone, the transaction still answers
    assert len(rig.events()) == 1
    assert rig.endpoint.legs == 0
