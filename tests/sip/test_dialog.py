"""Dialogs: what makes them, and what their requests look like (RFC 3261 12)."""

import pytest

from mediaserver.errors import RemoteProtocolError
from mediaserver.sip.dialog import Dialog
from mediaserver.sip.message import Request, parse
from support.sip_rig import request


def invite(**how: object) -> Request:
    message = parse(request(**how))  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return message


ROUTES = ["Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>"]


def test_of_the_callee() -> None:
    dialog = Dialog.of_callee(invite(extra=ROUTES, cseq=7), "mine")
    assert dialog.id == ("call-1", "mine", "ft")
    assert [str(route) for route in dialog.route_set] == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert dialog.remote_cseq == 7
    bye = dialog.request("BYE")
    assert str(bye.uri) == "sip:caller@192.0.2.9:5070"
    assert bye.headers.get("From") == "<sip:agent@192.0.2.1>;tag=mine"
    assert bye.headers.get("To") == "<sip:caller@example.com>;tag=ft"
    assert (bye.call_id, str(bye.cseq), bye.max_forwards) == ("call-1", "1 BYE", 70)


def test_of_the_caller_the_route_set_is_reversed() -> None:
    sent = invite(extra=ROUTES, cseq=3)
    response = sent.response(200, to_tag="theirs")
    response.headers.add("Contact", "<sip:desk@192.0.2.70>")
    dialog = Dialog.of_caller(sent, response)
    assert dialog.id == ("call-1", "ft", "theirs")
    ack = dialog.request("ACK", dialog.invite_cseq)
    assert ack.headers.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
    assert (str(ack.cseq), str(ack.uri)) == ("3 ACK", "sip:desk@192.0.2.70")
    assert [dialog.request(method).cseq.number for method in ("INFO", "INFO", "BYE")] == [4, 5, 6]


def test_a_strict_router_gets_the_request_uri() -> None:
    dialog = Dialog.of_callee(
        invite(extra=["Record-Route: <sip:strict.example.com;transport=udp>, <sip:p2.example.com;lr>"]), "mine"
    )
    bye = dialog.request("BYE")
    assert str(bye.uri) == "sip:strict.example.com;transport=udp"
    assert bye.headers.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:caller@192.0.2.9:5070>"]
    assert dialog.next_hop.host == "strict.example.com"


def test_the_order_of_the_peers_requests() -> None:
    dialog = Dialog.of_callee(invite(cseq=7), "mine")
    assert [dialog.in_order(number) for number in (7, 6, 9, 8, 10)] == [False, False, True, False, True]


def test_a_new_contact_moves_the_target_and_not_the_routes() -> None:
    dialog = Dialog.of_callee(invite(extra=ROUTES), "mine")
    dialog.refresh_target(invite(contact="<sip:moved@192.0.2.200:5099>", extra=["Record-Route: <sip:new;lr>"]))
    assert str(dialog.remote_target) == "sip:moved@192.0.2.200:5099"
    assert len(dialog.route_set) == 2
    dialog.refresh_target(invite(contact=None))
    dialog.refresh_target(invite(contact="<tel:+1>"))
    assert str(dialog.remote_target) == "sip:moved@192.0.2.200:5099"


@pytest.mark.parametrize("contact", [None, "<tel:+1555>", "*"])
def test_a_callee_cannot_do_without_a_contact(contact: str | None) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        Dialog.of_callee(invite(contact=contact), "mine")
    assert raised.value.status == 400


def test_a_caller_of_rfc_2543_is_where_its_from_is() -> None:
    dialog = Dialog.of_callee(invite(contact=None, from_tag=None), "mine")
    assert str(dialog.remote_target) == "sip:caller@example.com"
    assert dialog.id == ("call-1", "mine", "")


def test_what_may_not_stand_in_a_request_uri_is_left_out_of_it() -> None:
    dialog = Dialog.of_callee(invite(contact="<sip:c@192.0.2.9;method=INVITE;ob?Subject=x>"), "mine")
    assert str(dialog.request("BYE").uri) == "sip:c@192.0.2.9;ob"
    dialog.refresh_target(invite(contact="<sip:d@192.0.2.9?Subject=x>"))
    assert str(dialog.request("BYE").uri) == "sip:d@192.0.2.9"


def test_a_record_route_that_is_no_sip_uri_makes_no_dialog() -> None:
    sent = invite(extra=["Record-Route: <tel:+1555>"])
    with pytest.raises(RemoteProtocolError):
        Dialog.of_callee(sent, "mine")
    response = sent.response(200, to_tag="theirs")
    with pytest.raises(RemoteProtocolError):
        Dialog.of_caller(sent, response)


def test_parameters_of_from_and_to_survive() -> None:
    message = invite()
    message.headers.set("From", '"Anna, A." <sip:anna@example.com;user=phone>;epid=77;tag=ft')
    bye = Dialog.of_callee(message, "mine").request("BYE")
    assert bye.to.display == "Anna, A."
    assert bye.to.parameters == {"epid": "77", "tag": "ft"}
