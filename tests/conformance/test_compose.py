"""Scenarios out of what a case says."""

import re
from xml.etree import ElementTree

from conformance.case import cases
from conformance.compose import scenario


def composed(inner: str, role: str = "caller") -> ElementTree.Element:
    text = scenario("name", ElementTree.fromstring(f"<{role}>{inner}</{role}>"))
    return ElementTree.fromstring(text.encode())


def sent(root: ElementTree.Element) -> list[list[str]]:
    """The lines of each message that is sent."""
    return [[line.strip() for line in (each.text or "").strip().splitlines()] for each in root.findall("send")]


def test_a_call_is_an_invite_and_its_ack_in_one_dialog() -> None:
    root = composed('<call sdp="PCMU telephone-event=96"/><hang-up ms="5"/>')
    invite, ack, bye = sent(root)
    assert invite[0] == "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0"
    assert "m=audio [media_port] RTP/AVP 0 96" in invite and "a=fmtp:96 0-15" in invite
    assert (ack[0], "CSeq: 1 ACK" in ack) == ("ACK [next_url] SIP/2.0", True)
    assert (bye[0], "CSeq: 2 BYE" in bye, "[routes]" in bye) == ("BYE [next_url] SIP/2.0", True, True)
    assert len({line for message in (invite, ack, bye) for line in message if line.startswith("Via")}) == 3
    assert [each.get("retrans") for each in root.findall("send")] == ["500", None, "500"]


def test_the_ack_of_a_refusal_is_of_its_invites_transaction() -> None:
    root = composed('<call status="486"/>')
    invite, ack = sent(root)
    assert [line for line in invite if line.startswith("Via")] == [line for line in ack if line.startswith("Via")]
    assert ack[0] == invite[0].replace("INVITE", "ACK")


def test_lines_of_the_case_take_the_place_of_the_usual_ones() -> None:
    (message,) = sent(composed('<send request="OPTIONS" without="Contact">Max-Forwards: 0\nX-Y: z</send>'))
    assert [line for line in message if line.startswith(("Max", "X-", "Contact"))] == ["Max-Forwards: 0", "X-Y: z"]


def test_a_response_is_to_the_invite_though_something_came_since() -> None:
    inner = """
    <recv request="INVITE"/><send response="183" sdp="PCMU">RSeq: 1</send><recv request="PRACK"/><send response="200"/>
    <send response="200" of="INVITE"/>
    """
    early, prack, final = sent(composed(inner, "callee"))
    assert "CSeq: [$asked]" in early and "CSeq: [$asked]" in final
    assert "[last_CSeq:]" in prack
    assert any(line.startswith("To: [$ours];tag=") for line in final)


def test_what_is_sought_is_checked() -> None:
    root = composed(
        '<send request="OPTIONS"/><recv response="200"><expect header="Allow" like="A|B"/><unless body="x"/></recv>'
    )
    seen, unseen = root.findall("recv/action/ereg")
    assert (seen.get("check_it"), seen.get("header"), seen.get("regexp")) == ("true", "Allow:", "A|B")
    assert (unseen.get("check_it_inverse"), unseen.get("search_in")) == ("true", "body")
    (reference,) = root.findall("Reference")
    assert (reference.get("variables") or "").split(",") == [seen.get("assign_to"), unseen.get("assign_to")]


def test_every_case_can_be_composed_and_says_what_it_shows() -> None:
    names = []
    for case in cases():
        names.append(case.name)
        assert re.fullmatch(r"[\w-]+", case.name)
        assert case.shows and case.rfc and (case.breaks or case.variants)
        for party in case.parties:
            ElementTree.fromstring(scenario(case.name, party).encode())
    assert len(names) == len(set(names))
