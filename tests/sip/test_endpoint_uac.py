"""The endpoint when it calls: INVITE, CANCEL, ACK, challenges and forks, as the peer sees it on the wire."""

import pytest

from mediaserver.sip.authenticator import DigestAuthenticator, Verdict
from mediaserver.sip.events import Answered, Ended, Flow, Progress, Refused, Reinvited
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, Rig, request

TARGET = SipUri.parse("sip:desk@192.0.2.9:5070")
OFFER = SDP + b"a=offer\r\n"


def calling(flow: Flow = UDP, sdp: bytes | None = OFFER, **how: object) -> tuple[Rig, int, Request]:
    rig = Rig()
    leg = rig.endpoint.invite(
        target=TARGET,
        flow=flow,
        from_=NameAddr.parse('"Agent" <sip:agent@example.com>'),
        now=rig.now,
        sdp=sdp,
        **how,  # type: ignore[arg-type]
    )
    (invite,) = rig.requests()
    return rig, leg, invite


def reply(
    invite: Request,
    status: int,
    tag: str = "pt",
    *,
    body: bytes = b"",
    contact: str = "<sip:desk@192.0.2.9:5070>",
    extra: tuple[tuple[str, str], ...] = (),
) -> Response:
    response = invite.response(status, to_tag=tag)
    if status < 300:
        response.headers.add("Contact", contact)
    for name, value in extra:
        response.headers.add(name, value)
    response.body = body
    return response


def connected(flow: Flow = UDP) -> tuple[Rig, int, Request]:
    rig, leg, invite = calling(flow)
    rig.receive(reply(invite, 200, body=SDP), flow)
    assert rig.events() == [Answered(leg, SDP, "pt")]
    return rig, leg, invite


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_call_from_invite_to_our_bye(flow: Flow) -> None:
    rig, leg, invite = calling(flow, headers=[("X-Trace", "7")])
    assert str(invite.uri) == "sip:desk@192.0.2.9:5070"
    assert invite.via.branch is not None and invite.via.branch.startswith("z9hG4bK")
    assert (invite.via.transport, "rport" in invite.via.parameters) == (flow.transport.upper(), True)
    assert invite.from_.tag and invite.to.tag is None and invite.max_forwards == 70
    assert invite.headers.get("X-Trace") == "7" and invite.body == OFFER

    rig.receive(reply(invite, 100), flow)
    rig.receive(reply(invite, 180), flow)
    rig.receive(reply(invite, 183, body=SDP), flow)
    assert rig.events() == [Progress(leg, 180, None, "pt"), Progress(leg, 183, SDP, "pt")]
    routes = (("Record-Route", "<sip:p1.example.com;lr>, <sip:192.0.2.60:5082;lr>"),)
    rig.receive(reply(invite, 200, body=SDP, extra=routes), flow)
    assert rig.events() == [Answered(leg, SDP, "pt")]
    assert rig.flows() == [flow if flow.reliable else Flow("udp", ("192.0.2.60", 5082), LOCAL)]
    (ack,) = rig.requests()
    assert (ack.method, ack.cseq.number, ack.to.tag) == ("ACK", 1, "pt")
    assert ack.via.branch != invite.via.branch
    assert ack.headers.get_all("Route") == ["<sip:192.0.2.60:5082;lr>", "<sip:p1.example.com;lr>"]

    rig.endpoint.bye(leg, rig.now)
    (bye,) = rig.requests()
    assert (bye.method, bye.cseq.number, bye.from_.tag) == ("BYE", 2, invite.from_.tag)
    rig.receive(bye.response(200), flow)
    assert rig.events() == [Ended(leg, False, 200, "OK")]
    rig.advance(64)
    assert rig.is_empty()


def test_a_repeated_200_is_acked_again_even_after_the_bye() -> None:
    rig, leg, invite = connected()
    (ack,) = rig.requests()
    rig.receive(reply(invite, 200, body=SDP))
    (again,) = rig.requests()
    assert bytes(again) == bytes(ack)
    rig.endpoint.bye(leg, rig.now)
    (bye,) = rig.requests()
    rig.receive(bye.response(200))
    rig.receive(reply(invite, 200, body=SDP))
    assert [bytes(message) for message in rig.requests()] == [bytes(ack)]
    rig.events()
    rig.advance(64)
    rig.receive(reply(invite, 200, body=SDP))
    assert not rig.sent() and rig.is_empty()


def test_a_forked_call_keeps_the_first_answer() -> None:
    rig, _, invite = connected()
    rig.sent()
    rig.receive(reply(invite, 200, "other", body=SDP, contact="<sip:desk@192.0.2.44:5060>"))
    ack, bye = rig.requests()
    assert (ack.method, ack.to.tag, ack.cseq.number) == ("ACK", "other", 1)
    assert (bye.method, bye.to.tag, bye.cseq.number) == ("BYE", "other", 2)
    assert str(bye.uri) == "sip:desk@192.0.2.44:5060"
    assert not rig.events() and rig.endpoint.legs == 1
    rig.receive(bye.response(200))
    assert not rig.events()


@pytest.mark.parametrize(
    ("status", "extra", "retry_after"),
    [
        (486, (), None),
        (503, (("Retry-After", "18 (in a while);duration=9"),), 18),
        (302, (("Contact", "<sip:elsewhere@example.com>"),), None),
        (401, (("WWW-Authenticate", 'Digest realm="x", nonce="1"'),), None),
    ],
)
def test_refusals(status: int, extra: tuple[tuple[str, str], ...], retry_after: int | None) -> None:
    rig, leg, invite = calling()
    refusal = reply(invite, status, extra=extra)
    rig.receive(refusal)
    rig.receive(refusal)
    assert [message.method for message in rig.requests()] == ["ACK", "ACK"]
    contacts = tuple(refusal.headers.get_all("Contact")) if status == 302 else ()
    assert rig.events() == [Refused(leg, status, refusal.reason, retry_after, contacts)]
    rig.advance(64)
    assert rig.is_empty()


def test_no_answer_at_all() -> None:
    rig, leg, _ = calling()
    rig.advance(33)
    assert rig.events() == [Refused(leg, 408, "timeout", None)]
    assert rig.is_empty()


def test_a_connection_that_breaks() -> None:
    rig, leg, _ = calling(TCP)
    rig.endpoint.flow_closed(TCP, "reset", rig.now)
    assert rig.events() == [Refused(leg, 503, "reset", None)]
    assert rig.is_empty()


def test_cancel_waits_for_a_provisional_response() -> None:
    rig, leg, invite = calling()
    rig.endpoint.cancel(leg, rig.now)
    rig.endpoint.cancel(leg, rig.now)
    assert not rig.sent()
    rig.receive(reply(invite, 100))
    rig.receive(reply(invite, 180))
    (cancel,) = rig.requests()
    assert (cancel.method, str(cancel.cseq), cancel.via) == ("CANCEL", "1 CANCEL", invite.via)
    assert not rig.events()
    rig.receive(cancel.response(200))
    rig.receive(reply(invite, 487))
    assert [message.method for message in rig.requests()] == ["ACK"]
    assert rig.events() == [Refused(leg, 487, "Request Terminated", None)]
    rig.advance(64)
    assert rig.is_empty()


def test_a_call_hung_up_before_the_answer_is_cancelled() -> None:
    rig, leg, invite = calling()
    rig.receive(reply(invite, 180))
    rig.endpoint.bye(leg, rig.now)
    assert [message.method for message in rig.requests()] == ["CANCEL"]


def test_an_answer_that_crossed_the_cancel_is_acked_and_ended() -> None:
    rig, leg, invite = calling()
    rig.receive(reply(invite, 180))
    rig.endpoint.cancel(leg, rig.now)
    rig.sent()
    rig.events()
    rig.receive(reply(invite, 200, body=SDP))
    assert [message.method for message in rig.requests()] == ["ACK", "BYE"]
    assert rig.events() == [Refused(leg, 487, "Request Terminated", None)]
    rig.advance(64)
    assert rig.is_empty()


def test_a_cancel_nobody_heeds_is_given_up() -> None:
    rig, leg, invite = calling()
    rig.receive(reply(invite, 180))
    rig.events()
    rig.endpoint.cancel(leg, rig.now)
    rig.advance(31)
    assert not rig.events()
    rig.advance(2)
    assert rig.events() == [Refused(leg, 487, "Request Terminated", None)]
    assert rig.is_empty()


@pytest.mark.parametrize(
    ("status", "asked", "answered"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_a_challenge_is_answered_once(status: int, asked: str, answered: str) -> None:
    guard = DigestAuthenticator("example.com", {"agent": "secret"}, b"key")
    rig, _, invite = calling(credentials=("agent", "secret"))
    challenge = tuple((asked, value) for value in guard.challenge(rig.now))
    rig.receive(reply(invite, status, extra=challenge))
    ack, again = rig.requests()
    assert ack.method == "ACK" and again.method == "INVITE"
    assert (again.cseq.number, again.call_id, again.from_.tag) == (2, invite.call_id, invite.from_.tag)
    assert again.via.branch != invite.via.branch and again.body == OFFER
    assert guard.verify("INVITE", again.headers.get(answered) or "", rig.now) is Verdict.OK
    assert not rig.events()
    rig.receive(reply(again, status, extra=challenge))
    refused = rig.events()
    assert len(refused) == 1 and isinstance(refused[0], Refused) and refused[0].status == status
    assert [message.method for message in rig.requests()] == ["ACK"]


def test_the_dialog_goes_on_from_the_challenged_invite() -> None:
    guard = DigestAuthenticator("example.com", {"agent": "secret"}, b"key")
    rig, leg, invite = calling(credentials=("agent", "secret"))
    challenge = tuple(("WWW-Authenticate", value) for value in guard.challenge(rig.now))
    rig.receive(reply(invite, 401, extra=challenge))
    _, again = rig.requests()
    rig.receive(reply(again, 200, body=SDP))
    (ack,) = rig.requests()
    assert ack.cseq.number == 2 and "Authorization" in ack.headers
    rig.endpoint.bye(leg, rig.now)
    (bye,) = rig.requests()
    rig.receive(reply(bye, 401, extra=challenge))
    (authorized,) = rig.requests()
    assert (authorized.method, authorized.cseq.number) == ("BYE", bye.cseq.number + 1)
    assert rig.events() == [Answered(leg, SDP, "pt")]
    rig.receive(authorized.response(200))
    assert rig.events() == [Ended(leg, False, 200, "OK")]


def test_an_invite_without_offer() -> None:
    rig, leg, invite = calling(sdp=None)
    assert not invite.body and "Content-Type" not in invite.headers
    rig.receive(reply(invite, 200, body=SDP))
    rig.receive(reply(invite, 200, body=SDP))
    assert rig.events() == [Answered(leg, SDP, "pt")]
    assert not rig.sent()
    rig.endpoint.acknowledge(leg, OFFER, rig.now)
    (ack,) = rig.requests()
    assert (ack.method, ack.body, ack.headers.get("Content-Type")) == ("ACK", OFFER, "application/sdp")
    rig.receive(reply(invite, 200, body=SDP))
    assert [bytes(message) for message in rig.requests()] == [bytes(ack)]


def test_hanging_up_an_offer_that_was_not_answered() -> None:
    rig, leg, invite = calling(sdp=None)
    rig.receive(reply(invite, 200, body=SDP))
    rig.receive(request(to_tag=invite.from_.tag, from_tag="pt", call_id=invite.call_id, branch="z9hG4bKr"))
    assert rig.statuses() == [491]  # their offer is still open
    rig.endpoint.bye(leg, rig.now)
    assert [(message.method, message.body) for message in rig.requests()] == [("ACK", b""), ("BYE", b"")]


def test_the_callee_reinvites_and_hangs_up() -> None:
    rig, leg, invite = connected()
    rig.sent()
    theirs = {"to_tag": invite.from_.tag, "from_tag": "pt", "call_id": invite.call_id}
    rig.receive(request(branch="z9hG4bKr", cseq=100, **theirs))  # type: ignore[arg-type]
    assert rig.events() == [Reinvited(leg, SDP)]
    rig.endpoint.answer_reinvite(leg, OFFER, rig.now)
    assert rig.statuses() == [100, 200]
    rig.receive(request("ACK", branch="z9hG4bKs", cseq=100, **theirs))  # type: ignore[arg-type]
    rig.events()
    rig.receive(request("BYE", branch="z9hG4bKt", cseq=101, **theirs))  # type: ignore[arg-type]
    assert rig.statuses() == [200]
    assert rig.events() == [Ended(leg, True, None, "")]
    rig.advance(64)
    assert rig.is_empty()


def test_responses_that_are_not_ours() -> None:
    rig, leg, invite = calling()
    stray = reply(invite, 200, body=SDP)
    stray.headers.replace_first("Via", str(invite.via.with_parameter("branch", "z9hG4bKnobody")))
    rig.receive(stray)
    two_hops = reply(invite, 200, body=SDP)
    two_hops.headers.add("Via", "SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKzz")
    rig.receive(two_hops)
    assert not rig.sent() and not rig.events()
    assert rig.endpoint.legs == 1 and leg == 1


def test_a_200_whose_contact_cannot_be_called() -> None:
    rig, leg, invite = calling()
    rig.receive(reply(invite, 200, body=SDP, contact="<tel:+1555>"))
    (refused,) = rig.events()
    assert isinstance(refused, Refused) and (refused.leg, refused.status) == (leg, 502)
    assert UDP.remote == PEER
