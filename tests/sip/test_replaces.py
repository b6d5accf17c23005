"""INVITEs that are to take the place of a dialog (RFC 3891), and requests within dialogs that nobody wants."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.events import Acknowledged, IncomingCall
from mediaserver.sip.message import Response
from mediaserver.sip.replaces import Replaces
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_rig import SDP, UDP, Rig, request


def talking(rig: Rig, call_id: str = "old", from_tag: str | None = "ft") -> tuple[int, str]:
    """A call of the peer that stands: its leg and our tag."""
    rig.receive(request(call_id=call_id, branch=f"z9hG4bK{call_id}", from_tag=from_tag))
    leg = max(rig.endpoint._core.legs)
    rig.endpoint.answer(leg, SDP, rig.now)
    *_, ok = rig.sent()
    tag = ok.to.tag or ""
    rig.receive(request("ACK", call_id=call_id, branch=f"z9hG4bKa{call_id}", from_tag=from_tag, to_tag=tag))
    rig.events()
    return leg, tag


def taking(rig: Rig, *extra: str) -> tuple[list[int], list[int | None]]:
    """An INVITE with these fields: the statuses it gets and the legs it is to replace."""
    rig.receive(request(call_id="new", branch="z9hG4bKnew", from_tag="new", extra=extra))
    return rig.statuses(), [event.replaces for event in rig.events() if isinstance(event, IncomingCall)]


def test_a_dialog_that_stands_is_replaced() -> None:
    rig = Rig()
    leg, tag = talking(rig)
    other, _ = talking(rig, "other")
    assert leg != other
    named = f"Replaces: old;from-tag=ft;to-tag={tag}"
    assert taking(rig, named, "Require: replaces") == ([100], [leg])
    assert rig.endpoint.legs == 3, "whoever is told hangs the old one up"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["Replaces: old;to-tag=nobody;from-tag=ft"], 481),
        (["Replaces: old;to-tag={tag};from-tag=nobody"], 481),
        (["Replaces: OLD;to-tag={tag};from-tag=ft"], 481),
        (["Replaces: old;to-tag={tag};from-tag=ft;early-only"], 486),
        (["Replaces: old;to-tag={tag}"], 400),
        (["Replaces: ;to-tag={tag};from-tag=ft"], 400),
        (["Replaces: old;to-tag={tag};from-tag=ft;to-tag=x"], 400),
        (["Replaces: old;to-tag={tag};from-tag=ft"] * 2, 400),
        (["Replaces: old;to-tag={tag};from-tag=ft", "Join: old;to-tag={tag};from-tag=ft"], 400),
    ],
)
def test_what_cannot_be_replaced(fields: list[str], status: int) -> None:
    rig = Rig()
    _, tag = talking(rig)
    assert taking(rig, *(field.format(tag=tag) for field in fields)) == ([status], [])
    assert rig.endpoint.legs == 1


def test_a_call_of_the_peers_that_only_rings_is_not_for_others_to_take() -> None:
    rig = Rig()
    rig.receive(request(call_id="old", branch="z9hG4bKold"))
    rig.endpoint.provisional(1, 180, rig.now)
    *_, ringing = rig.sent()
    rig.events()
    assert taking(rig, f"Replaces: old;to-tag={ringing.to.tag};from-tag=ft") == ([481], [])


def test_a_call_of_ours_that_rings_there_may_be_taken_over() -> None:
    rig = Rig()
    me, target = NameAddr.parse("<sip:agent@192.0.2.1>"), SipUri.parse("sip:desk@192.0.2.9:5070")
    leg = rig.endpoint.invite(target=target, flow=UDP, from_=me, now=rig.now, sdp=SDP)
    (invite,) = rig.requests()
    ringing = invite.response(180, to_tag="pt")
    ringing.headers.add("Contact", "<sip:desk@192.0.2.9:5070>")
    rig.receive(ringing)
    rig.events()
    named = f"Replaces: {invite.call_id};to-tag={invite.from_.tag};from-tag=pt;early-only"
    assert taking(rig, named) == ([100], [leg])


def test_a_dialog_that_has_ended_or_ends_is_not_replaced() -> None:
    rig = Rig()
    leg, tag = talking(rig)
    rig.endpoint.bye(leg, rig.now)
    (bye,) = rig.requests()
    assert taking(rig, f"Replaces: old;to-tag={tag};from-tag=ft") == ([481], [])
    rig.receive(bye.response(200))
    rig.events()
    assert taking(rig, f"Replaces: old;to-tag={tag};from-tag=ft") == ([481], [])


def test_a_peer_without_a_tag_is_named_by_zero() -> None:
    rig = Rig()
    leg, tag = talking(rig, from_tag=None)
    assert rig.endpoint.transfers.replaces_of(leg) == f"old;to-tag=0;from-tag={tag}"
    assert taking(rig, f"Replaces: old;to-tag={tag};from-tag=0") == ([100], [leg])


def test_the_name_of_a_dialog_is_read_as_it_is_written() -> None:
    for text in ("c@h;to-tag=1;from-tag=2", "c@h;to-tag=1;from-tag=2;early-only"):
        assert str(Replaces.parse(text)) == text


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='c@h;to-agfrm=12early"<>, \udcff', max_size=60))
def test_a_replaces_of_any_shape_is_read_or_refused(text: str) -> None:
    try:
        named = Replaces.parse(text)
    except RemoteProtocolError as fault:
        assert fault.status == 400
    else:
        assert Replaces.parse(str(named)) == named


# What nobody wants within a dialog


@pytest.mark.parametrize(
    ("method", "extra", "status", "header"),
    [
        ("MESSAGE", [], 405, "Allow"),
        ("PUBLISH", [], 405, "Allow"),
        ("REGISTER", [], 405, "Allow"),
        ("INFO", ["Info-Package: conference"], 469, "Recv-Info"),
        ("INFO", ["Content-Type: application/dtmf-relay"], 200, "Server"),
        ("OPTIONS", [], 200, "Allow"),
        ("OPTIONS", ["Require: novel"], 420, "Unsupported"),
        ("NOTIFY", ["Event: refer", "Subscription-State: active"], 481, "Server"),
        ("SUBSCRIBE", ["Event: presence"], 489, "Allow-Events"),
    ],
)
def test_requests_within_a_call(method: str, extra: list[str], status: int, header: str) -> None:
    rig = Rig()
    _, tag = talking(rig)
    rig.receive(request(method, branch="z9hG4bKx", call_id="old", cseq=9, to_tag=tag, extra=extra))
    response = rig.sent_one()
    assert isinstance(response, Response) and response.status == status
    assert response.headers.get_all(header) is not None and rig.endpoint.legs == 1
    if header != "Recv-Info":
        assert header in response.headers
    assert not [event for event in rig.events() if isinstance(event, Acknowledged)]
    rig.receive(request(method, branch="z9hG4bKy", call_id="old", cseq=8, to_tag=tag, extra=extra))
    assert rig.statuses() == [500], "out of order (12.2.2)"
