"""Where requests of a dialog go when its next hop is a name, or its connection is closed (RFC 3261 12.2, RFC 3263)."""

import pytest

from mediaserver.sip.events import Acknowledged, Answered, Flow, IncomingCall, Resolve
from mediaserver.sip.message import Request
from mediaserver.sip.uri import SipUri
from support.sip_calls import Caller
from support.sip_rig import LOCAL, PEER, SDP, TCP, UDP, Rig, request

NAMED = "Record-Route: <sip:edge.example.com;lr>"
FOUND = Flow("udp", ("192.0.2.77", 5060), LOCAL)


def wanted(leg: int, host: str = "edge.example.com", transport: str = "udp", port: int | None = None) -> Resolve:
    return Resolve(leg, SipUri("sip", None, host, port, {"transport": transport}), "")


class Call:
    """A call that has come and stands."""

    def __init__(self, *extra: str, flow: Flow = UDP, **how: object) -> None:
        self.rig, self.flow = Rig(), flow
        self.rig.receive(request(extra=extra, transport=flow.transport.upper(), **how), flow)  # type: ignore[arg-type]
        (call,) = self.rig.events()
        assert isinstance(call, IncomingCall)
        self.leg = call.leg
        self.rig.endpoint.answer(self.leg, SDP, self.rig.now)
        *_, ok = self.rig.sent()
        self.tag = ok.to.tag
        assert not self.rig.wanted, "who is not answered is looked up by nobody"
        self.rig.receive(request("ACK", branch="z9hG4bKack", to_tag=self.tag), flow)
        assert self.rig.events() == [Acknowledged(self.leg, None)]

    def resolved(self, *ways: Flow) -> None:
        self.rig.endpoint.resolved(self.leg, ways, self.rig.now)

    def bye_to(self) -> Flow:
        self.rig.endpoint.bye(self.leg, self.rig.now)
        (flow,) = self.rig.flows()
        return flow


def test_a_route_by_name_is_looked_up_and_followed() -> None:
    call = Call(NAMED)
    assert call.rig.wanted == [wanted(call.leg)]
    call.resolved(FOUND)
    assert call.bye_to() == FOUND


def test_until_it_is_found_and_if_it_is_not_it_is_where_it_was_heard() -> None:
    assert Call(NAMED).bye_to() == UDP


@pytest.mark.parametrize(
    "ways",
    [
        pytest.param([Flow("udp", ("192.0.2.77", 5060), LOCAL), UDP], id="it was heard at one of them"),
        pytest.param([Flow("udp", ("10.0.0.1", 5060), LOCAL)], id="a private address"),
        pytest.param([Flow("udp", ("127.0.0.1", 5060), LOCAL)], id="this machine"),
        pytest.param([Flow("udp", ("2001:db8::1", 5060), LOCAL)], id="another family"),
        pytest.param([Flow("tcp", ("192.0.2.77", 5060), LOCAL)], id="another transport"),
        pytest.param([], id="nowhere"),
    ],
)
def test_what_is_found_and_not_followed(ways: list[Flow]) -> None:
    # A public address; those of the documentation count as private.
    heard = Flow("udp", ("8.8.8.8", 5070), LOCAL)
    ways = [heard if way == UDP else way for way in ways]
    call = Call(NAMED, flow=heard)
    call.resolved(*ways)
    assert call.bye_to() == heard


def test_a_contact_by_name() -> None:
    call = Call(contact="<sip:caller@pbx.example.com:5090>")
    assert call.rig.wanted == [wanted(call.leg, "pbx.example.com", port=5090)]


@pytest.mark.parametrize(
    "contact",
    ["<sip:caller@192.0.2.9:5070>", "<sip:x@df7jal23ls0d.invalid;transport=ws>", "<sip:caller@pbx.example.com;ob>"],
)
def test_what_nobody_looks_up(contact: str) -> None:
    assert not Call(contact=contact).rig.wanted


def test_a_connection_is_kept_and_its_peer_looked_up_once_it_is_closed() -> None:
    call = Call(NAMED, flow=TCP)
    assert not call.rig.wanted
    call.rig.endpoint.flow_closed(TCP, None, call.rig.now)
    call.rig.drain()
    assert call.rig.wanted == [wanted(call.leg, transport="tcp")]
    there = Flow("tcp", ("192.0.2.77", 5060), LOCAL)
    call.resolved(there)
    assert call.bye_to() == there


def test_a_peer_that_has_connected_again_meanwhile_is_not_looked_for() -> None:
    call = Call(NAMED, flow=TCP)
    call.rig.endpoint.flow_closed(TCP, None, call.rig.now)
    again = Flow("tcp", ("192.0.2.9", 6000), LOCAL, 8)
    call.rig.receive(request("OPTIONS", branch="z9hG4bKo", cseq=2, to_tag=call.tag, transport="TCP"), again)
    call.rig.sent()
    call.resolved(Flow("tcp", ("192.0.2.77", 5060), LOCAL))
    assert call.bye_to() == again


@pytest.mark.parametrize(("transport", "port"), [("tcp", 5060), ("tls", 5061), ("ws", 80), ("wss", 443)])
def test_a_closed_connection_is_opened_at_the_port_of_its_transport(transport: str, port: int) -> None:
    flow = Flow(transport, PEER, LOCAL, 7)  # type: ignore[arg-type]
    call = Call(f"Record-Route: <sip:192.0.2.50;transport={transport};lr>", flow=flow)
    call.rig.endpoint.flow_closed(flow, None, call.rig.now)
    assert call.bye_to() == Flow(transport, ("192.0.2.50", port), LOCAL)  # type: ignore[arg-type]


def test_a_call_of_ours_and_a_target_that_moves() -> None:
    caller = Caller()
    caller.hear(200, ("Contact", "<sip:desk@pbx.example.com>"), body=SDP)
    assert caller.events() == [Answered(caller.leg, SDP, "pt")]
    assert [each.uri.host for each in caller.rig.wanted] == ["pbx.example.com"]
    caller.requests()
    caller.receive("UPDATE", body=b"")
    caller.rig.wanted.clear()
    caller.rig.endpoint.reinvite(caller.leg, SDP, caller.rig.now)
    reinvite = next(each for each in caller.requests() if each.method == "INVITE")
    assert isinstance(reinvite, Request)
    ok = reinvite.response(200)
    ok.headers.add("Contact", "<sip:desk@other.example.com>")
    ok.body = SDP
    caller.rig.receive(ok)
    assert [each.uri.host for each in caller.rig.wanted] == ["other.example.com"]


def test_a_call_that_has_ended_meanwhile() -> None:
    call = Call(NAMED)
    call.rig.receive(request("BYE", branch="z9hG4bKb", cseq=2, to_tag=call.tag))
    call.resolved(FOUND)
    call.rig.advance(64)
    assert call.rig.is_empty()
