"""ICMP errors as the endpoint takes them: by the branch they quote, and by nothing else (RFC 3261 18.4)."""

import pytest

from mediaserver.sip.events import Ended, Refused, Replied
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_calls import Caller
from support.sip_rig import TCP, UDP, Rig

WHY = "connection refused"


def bounce(caller: Caller, quoted: bytes) -> None:
    caller.rig.endpoint.undelivered(quoted, WHY, caller.rig.now)


@pytest.mark.parametrize("length", [548, 10_000])
def test_an_invite_that_comes_back_has_failed(length: int) -> None:
    caller = Caller()
    bounce(caller, bytes(caller.invite)[:length])
    assert caller.events() == [Refused(caller.leg, 503, WHY, None)]
    bounce(caller, bytes(caller.invite)[:length])
    assert not caller.events() and caller.rig.is_empty()


def test_what_quotes_no_branch_of_ours_is_nobodys() -> None:
    caller = Caller()
    wire = bytes(caller.invite)
    branch = (caller.invite.via.branch or "").encode()
    cut = wire.index(branch) + len(branch) - 1
    for quoted in (b"", wire[:8], wire[:cut], wire.replace(branch, b"z9hG4bKother"), b"\xff" + wire, b"SIP/2.0 200 OK"):
        bounce(caller, quoted)
    bounce(caller, wire.replace(b"INVITE", b"BYE"))
    assert not caller.events() and caller.rig.endpoint.legs == 1


def test_what_goes_by_a_connection_does_not_come_back_so() -> None:
    caller = Caller(flow=TCP)
    bounce(caller, bytes(caller.invite))
    assert not caller.events()


def test_a_call_that_stands_goes_on_and_its_bye_ends_it() -> None:
    caller = Caller().connect()
    caller.rig.endpoint.info(caller.leg, "text/plain", b"x", caller.rig.now)
    bounce(caller, bytes(caller.request()))
    bounce(caller, bytes(caller.invite))
    assert not caller.events() and caller.rig.endpoint.legs == 1
    caller.rig.endpoint.bye(caller.leg, caller.rig.now)
    bounce(caller, bytes(caller.request()))
    assert caller.events() == [Ended(caller.leg, False, 503, WHY)]


def test_a_request_outside_of_calls() -> None:
    rig, who = Rig(), NameAddr.parse("<sip:agent@example.com>")
    target = SipUri.parse("sip:h")
    number = rig.endpoint.outside.request("OPTIONS", target=target, flow=UDP, from_=who, to=who, now=rig.now)
    (options,) = rig.requests()
    rig.endpoint.undelivered(bytes(options), WHY, rig.now)
    assert rig.events() == [Replied(number, 503, WHY, None)]
    assert rig.is_empty()
