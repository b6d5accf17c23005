"""What passes, what is lost, what is altered."""

import pytest

from conformance.wire import Fault, Wire, counted, label
from support.sip_rig import request

INVITE = request()
OK = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nCSeq: 1 INVITE\r\nContent-Length: 3\r\n\r\na=x"


def test_messages_have_names() -> None:
    assert (label(INVITE), label(OK)) == ("INVITE", "200 INVITE")
    assert label(b"SIP/2.0 180 Ringing\r\nVia: x\r\n\r\n") == "180 ?"


def test_what_is_lost_once_passes_when_it_comes_again() -> None:
    fault = Fault("peer", "INVITE", times=1)
    wire = Wire([fault])
    assert wire.take(INVITE, "peer") is None
    assert wire.take(INVITE, "peer") == INVITE
    assert wire.take(INVITE, "server") == INVITE, "the other side's is another one"
    assert [each.delivered for each in wire.passed] == [False, True, True]
    assert wire.hits == {fault: 1}


def test_the_second_of_a_name_is_another_message_and_no_retransmission() -> None:
    wire = Wire([Fault("peer", "INVITE#2")])
    again = request(cseq=2, branch="z9hG4bKb")
    assert [wire.take(each, "peer") for each in (INVITE, INVITE, again, again, INVITE)] == [
        INVITE, INVITE, None, None, INVITE,
    ]  # fmt: skip


def test_what_is_altered_keeps_a_right_length() -> None:
    wire = Wire(
        [Fault("server", "200 INVITE", find="^a=x", put="a=longer"), Fault("server", "200 INVITE", find="nothing")]
    )
    altered = wire.take(OK, "server")
    assert altered == OK.replace(b"a=x", b"a=longer").replace(b"Length: 3", b"Length: 8")
    assert list(wire.hits.values()) == [1], "what is not there is not altered"
    assert counted(OK) == OK


def test_addresses_are_rewritten_last() -> None:
    wire = Wire(
        rewrite=lambda message, side: message.replace(b"192.0.2.9", b"192.0.2.8") if side == "peer" else message
    )
    passed = wire.take(INVITE, "peer")
    assert passed is not None and b"192.0.2.9" not in passed
    assert wire.passed[0].message == INVITE


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("peer", "ACK", times=1), "peer's ACK lost once"),
        (Fault("server"), "server's messages lost"),
        (Fault("server", "BYE", find="x", put=""), "server's BYE: x → nothing"),
    ],
)
def test_faults_are_told_in_words(fault: Fault, words: str) -> None:
    assert str(fault) == words
