"""Calls by a sips URI: only over TLS, and with contacts that promise it as well (RFC 3261 12.1.1, RFC 5630)."""

import pytest

from mediaserver.errors import LocalProtocolError
from mediaserver.sip.events import Flow, IncomingCall
from mediaserver.sip.message import Request, Response
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, Rig, request

TLS = Flow("tls", PEER, LOCAL, 7)
WSS = Flow("wss", PEER, LOCAL, 8)
WS = Flow("ws", PEER, LOCAL, 9)
SECURE_TARGET = SipUri.parse("sips:desk@example.com")
FROM = NameAddr.parse("<sip:agent@example.com>")


def answered(flow: Flow, **how: object) -> Response:
    """The 200 to a call that came by `flow`."""
    rig = Rig()
    rig.receive(request(transport=flow.transport.upper(), **how), flow)  # type: ignore[arg-type]
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, SDP, rig.now)
    *_, ok = rig.sent()
    assert isinstance(ok, Response) and ok.status == 200
    return ok


@pytest.mark.parametrize(
    ("flow", "contact"),
    [(TLS, "<sips:agent@192.0.2.1:5060>"), (WSS, "<sips:agent@192.0.2.1:5060;transport=ws>")],
)
def test_a_call_to_a_sips_uri_is_answered_by_one(flow: Flow, contact: str) -> None:
    ok = answered(flow, uri="sips:agent@192.0.2.1", contact="<sips:caller@192.0.2.9>")
    assert ok.headers.get("Contact") == contact


@pytest.mark.parametrize("flow", [UDP, TCP, WS])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nobody_is_called_by_a_sips_uri_in_the_clear(flow: Flow, method: str) -> None:
    rig = Rig()
    rig.receive(request(method, uri="sips:agent@192.0.2.1", transport=flow.transport.upper()), flow)
    assert rig.statuses() == [416] and not rig.events() and rig.is_empty()


@pytest.mark.parametrize("flow", [TLS, WSS])
def test_options_to_a_sips_uri(flow: Flow) -> None:
    rig = Rig()
    rig.receive(request("OPTIONS", uri="sips:192.0.2.1", transport=flow.transport.upper()), flow)
    assert rig.statuses() == [200]


@pytest.mark.parametrize(
    ("contact", "extra", "scheme"),
    [
        ("<sip:caller@192.0.2.9>", [], "sip"),
        ("<sips:caller@192.0.2.9>", [], "sips"),
        ("<sips:caller@192.0.2.9>", ["Record-Route: <sip:proxy.example.com;lr>"], "sip"),
        ("<sip:caller@192.0.2.9>", ["Record-Route: <sips:proxy.example.com;lr>, <sip:other.example.com;lr>"], "sips"),
    ],
)
def test_the_way_back_counts_as_well(contact: str, extra: list[str], scheme: str) -> None:
    ok = answered(TLS, contact=contact, extra=extra)
    assert ok.contact is not None and ok.contact.uri.scheme == scheme


def test_a_sips_contact_heard_in_the_clear_gets_none_that_we_could_not_keep() -> None:
    ok = answered(UDP, contact="<sips:caller@192.0.2.9>")
    assert ok.headers.get("Contact") == "<sip:agent@192.0.2.1:5060>"


@pytest.mark.parametrize("flow", [UDP, TCP, WS])
def test_we_call_no_sips_uri_in_the_clear(flow: Flow) -> None:
    rig = Rig()
    with pytest.raises(LocalProtocolError, match=f"by TLS or not at all, and this way is {flow.transport}"):
        rig.endpoint.invite(target=SECURE_TARGET, flow=flow, from_=FROM, now=rig.now, sdp=SDP)
    with pytest.raises(LocalProtocolError, match="by TLS or not at all"):
        rig.endpoint.outside.request("OPTIONS", target=SECURE_TARGET, flow=flow, from_=FROM, to=FROM, now=rig.now)
    with pytest.raises(LocalProtocolError, match="by TLS or not at all"):
        rig.endpoint.invite(
            target=FROM.uri, flow=flow, from_=FROM, now=rig.now, sdp=SDP, routes=["<sips:proxy.example.com;lr>"]
        )
    assert not rig.sent() and rig.is_empty()


def test_a_call_by_the_flow_we_are_registered_by_stays_with_it() -> None:
    rig = Rig()
    leg = rig.endpoint.invite(target=FROM.uri, flow=TLS, from_=FROM, now=rig.now, sdp=SDP, outbound=True)
    (invite,) = rig.requests()
    ok = invite.response(200, to_tag="pt")
    ok.headers.add("Contact", "<sip:desk@192.0.2.9>")
    ok.body = SDP
    rig.receive(ok, TLS)
    rig.sent()
    rig.endpoint.reinvite(leg, SDP, rig.now)
    for each in (invite, *rig.requests()):
        assert each.headers.get("Contact") == "<sip:agent@192.0.2.1:5060;transport=tls;ob>", each.method


@pytest.mark.parametrize(
    ("target", "routes", "contact"),
    [
        (SECURE_TARGET, [], "<sips:agent@192.0.2.1:5060>"),
        (FROM.uri, ["<sips:proxy.example.com;lr>"], "<sips:agent@192.0.2.1:5060>"),
        (FROM.uri, ["<sip:proxy.example.com;lr>"], "<sip:agent@192.0.2.1:5060;transport=tls>"),
        (FROM.uri, [], "<sip:agent@192.0.2.1:5060;transport=tls>"),
    ],
)
def test_our_contact_promises_what_the_call_does(target: SipUri, routes: list[str], contact: str) -> None:
    rig = Rig()
    leg = rig.endpoint.invite(target=target, flow=TLS, from_=FROM, now=rig.now, sdp=SDP, routes=routes)
    (invite,) = rig.requests()
    ringing = invite.response(180, to_tag="pt")
    ringing.headers.add("Contact", "<sips:desk@192.0.2.9>")
    rig.receive(ringing, TLS)
    ok = invite.response(200, to_tag="pt")
    ok.headers.add("Contact", "<sips:desk@192.0.2.9>")
    ok.body = SDP
    rig.receive(ok, TLS)
    rig.sent()
    rig.endpoint.reinvite(leg, SDP, rig.now)
    rig.endpoint.info(leg, "text/plain", b"x", rig.now)
    for each in (invite, *rig.requests()):
        assert isinstance(each, Request) and each.headers.get("Contact") == contact, each.method
