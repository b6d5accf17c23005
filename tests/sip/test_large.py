"""Requests too large for a datagram (RFC 3261 18.1.1)."""

import pytest

from mediaserver.sip.events import Answered, Ended, Flow, Refused
from mediaserver.sip.identity import EndpointSettings
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, Rig

STREAM = Flow("tcp", PEER, LOCAL)
LARGE = SDP + b"a=x:" + b"y" * 1300 + b"\r\n"
USER = NameAddr.parse("<sip:agent@example.com>")
TARGET = SipUri.parse("sip:desk@192.0.2.9:5070")


def invite(rig: Rig, sdp: bytes = LARGE, flow: Flow = UDP, **how: object) -> int:
    return rig.endpoint.invite(target=TARGET, flow=flow, from_=USER, now=rig.now, sdp=sdp, **how)  # type: ignore[arg-type]


def last(rig: Rig) -> tuple[Flow, Request]:
    rig.drain()
    _, flow, message = rig.wire.pop()
    rig.wire.clear()
    assert isinstance(message, Request)
    return flow, message


def ok(request: Request, status: int = 200) -> Response:
    response = request.response(status, to_tag="pt")
    response.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
    response.body = SDP if request.method == "INVITE" and status == 200 else b""
    return response


def test_a_large_invite_goes_by_tcp_and_the_dialog_by_udp() -> None:
    rig = Rig()
    leg = invite(rig)
    flow, sent = last(rig)
    assert flow == STREAM and sent.via.transport == "TCP"
    assert "transport" not in sent.contact.uri.parameters  # type: ignore[union-attr]
    rig.receive(ok(sent), TCP)
    assert rig.events() == [Answered(leg, SDP, "pt")]
    flow, ack = last(rig)
    assert (flow, ack.method, ack.via.transport) == (UDP, "ACK", "UDP")
    rig.endpoint.bye(leg, rig.now)
    flow, bye = last(rig)
    assert (flow, bye.method) == (UDP, "BYE")
    rig.receive(ok(bye))
    assert isinstance(rig.events()[0], Ended)
    rig.advance(40)
    assert rig.is_empty()


def test_a_peer_that_names_tcp_in_its_contact_is_reached_by_it_from_then_on() -> None:
    rig = Rig()
    leg = invite(rig)
    _, sent = last(rig)
    response = ok(sent)
    response.headers.set("Contact", "<sip:desk@192.0.2.9:5070;transport=TCP>")
    rig.receive(response, TCP)
    assert rig.events() == [Answered(leg, SDP, "pt")]
    flow, ack = last(rig)
    assert (flow, ack.via.transport) == (STREAM, "TCP")
    rig.endpoint.bye(leg, rig.now)
    assert last(rig)[0] == STREAM


def test_over_udp_a_contact_that_names_tcp_changes_nothing() -> None:
    rig = Rig()
    invite(rig, SDP)
    _, sent = last(rig)
    response = ok(sent)
    response.headers.set("Contact", "<sip:desk@192.0.2.9:5070;transport=TCP>")
    rig.receive(response)
    assert last(rig)[0] == UDP


@pytest.mark.parametrize(
    ("sdp", "flow", "limit"), [(SDP, UDP, 1300), (LARGE, UDP, 0), (LARGE, UDP, 9000), (LARGE, TCP, 1300)]
)
def test_what_stays_as_it_was(sdp: bytes, flow: Flow, limit: int) -> None:
    rig = Rig(EndpointSettings(max_datagram=limit))
    invite(rig, sdp, flow)
    assert last(rig)[0] == flow


def test_who_is_known_to_take_no_tcp_gets_none() -> None:
    asked: list[str] = []

    def datagrams_only(address: str) -> bool:
        asked.append(address)
        return True

    rig = Rig(EndpointSettings(datagrams_only=datagrams_only))
    invite(rig)
    assert last(rig)[0] == UDP and asked == [PEER[0]]


def test_without_tcp_there_it_goes_by_udp_as_the_same_request_and_is_repeated() -> None:
    rig = Rig()
    leg = invite(rig)
    _, by_tcp = last(rig)
    rig.advance(3)
    rig.endpoint.flow_closed(STREAM, "refused", rig.now)
    flow, by_udp = last(rig)
    assert (flow, by_udp.via.transport, by_udp.via.branch) == (UDP, "UDP", by_tcp.via.branch)
    assert (by_udp.cseq, by_udp.call_id, by_udp.body) == (by_tcp.cseq, by_tcp.call_id, LARGE)
    rig.advance(2)
    assert rig.flows() == [UDP, UDP], "timer A runs"
    rig.receive(ok(by_udp))
    assert rig.events() == [Answered(leg, SDP, "pt")]


def test_it_is_remembered_who_takes_no_tcp_but_not_for_ever() -> None:
    rig = Rig()
    invite(rig)
    rig.endpoint.flow_closed(STREAM, "refused", rig.now)
    rig.drain()
    rig.wire.clear()
    invite(rig)
    assert last(rig)[0] == UDP
    rig.advance(3601)
    invite(rig)
    assert last(rig)[0] == STREAM


def test_by_udp_after_all_nobody_answers() -> None:
    rig = Rig()
    leg = invite(rig)
    rig.advance(30)
    rig.endpoint.flow_closed(STREAM, "timeout", rig.now)
    rig.advance(33)
    assert rig.events() == [Refused(leg, 408, "timeout", None)]
    assert rig.is_empty()


def test_once_the_peer_was_heard_a_broken_connection_is_a_failure() -> None:
    rig = Rig()
    leg = invite(rig)
    _, sent = last(rig)
    rig.receive(ok(sent, 180), TCP)
    rig.events()
    rig.endpoint.flow_closed(STREAM, "reset", rig.now)
    assert [type(event) for event in rig.events()] == [Refused] and not rig.endpoint.legs
    assert leg


def test_the_cancel_goes_where_the_invite_went() -> None:
    rig = Rig()
    leg = invite(rig)
    _, sent = last(rig)
    rig.receive(ok(sent, 180), TCP)
    rig.endpoint.cancel(leg, rig.now)
    flow, cancel = last(rig)
    assert (flow, cancel.method, cancel.via) == (STREAM, "CANCEL", sent.via)


def test_after_a_challenge_the_way_is_chosen_anew() -> None:
    rig = Rig()
    invite(rig, credentials=("u", "p"))
    _, sent = last(rig)
    challenge = sent.response(401, to_tag="pt")
    challenge.headers.add("WWW-Authenticate", 'Digest realm="r", nonce="n"')
    rig.receive(challenge, TCP)
    rig.drain()
    again = [(flow, message) for _, flow, message in rig.wire if isinstance(message, Request)]
    assert [(flow, message.method) for flow, message in again] == [(STREAM, "ACK"), (STREAM, "INVITE")]
    assert "Authorization" in again[1][1].headers


def test_a_large_request_of_a_dialog_too() -> None:
    rig = Rig()
    leg = invite(rig, SDP)
    rig.receive(ok(last(rig)[1]))
    rig.wire.clear()
    rig.endpoint.info(leg, "text/plain", b"x" * 1400, rig.now)
    assert last(rig)[0] == STREAM
    rig.endpoint.flow_closed(STREAM, "refused", rig.now)
    flow, info = last(rig)
    assert (flow, info.method) == (UDP, "INFO")
    assert rig.endpoint.legs == 1
