"""Who may speak to the server, and as whom."""

from dataclasses import replace
from typing import Any

import pytest

from mediaserver.call.door import DoorSettings, FrontDoor
from mediaserver.call.trunks import Trunks
from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest import answer
from mediaserver.sip.door import Admission, Verdict
from mediaserver.sip.events import Flow
from mediaserver.sip.message import Request
from support.trunks import asked, trunk

LOCAL = ("203.0.113.7", 5060)
USERS = {"alice": "a", "bob": "b", "sbc": "s"}
URI = "sip:desk@example.net"


def flow(host: str = "198.51.100.7", port: int = 5060, *, transport: Any = "udp", key: int = 0) -> Flow:
    return Flow(transport, (host, port), LOCAL, key)


def door(*trunks: Any, users: bool = False, **options: Any) -> FrontDoor:
    authenticator = DigestAuthenticator("mediaserver", USERS, b"s" * 32, algorithms=("MD5",)) if users else None
    settings = {name: options.pop(name) for name in ("allow", "known_only", "phones") if name in options}
    return FrontDoor(DoorSettings(**settings), Trunks(trunks), authenticator, **options)


def proved(door_: FrontDoor, request: Request, source: Flow, user: str, now: float = 0.0) -> Admission:
    """What the door says once its challenge is answered."""
    challenged = door_.admit(request, source, now)
    assert (challenged.verdict, challenged.status) == (Verdict.REFUSE, 401), challenged
    (field,) = challenged.headers
    request.headers.set("Authorization", answer(field[1], request.method, URI, user, USERS.get(user, "x"), "cnonce", 1))
    return door_.admit(request, source, now)


def test_everybody_where_nothing_is_configured() -> None:
    for method in ("INVITE", "OPTIONS", "BYE"):
        assert door().admit(asked(method), flow(), 0.0).verdict is Verdict.WELCOME
    assert door().admit(asked("REGISTER"), flow(), 0.0).status == 403


def test_networks_and_users_as_ever() -> None:
    only = door(allow=("198.51.100.0/24",))
    assert only.admit(asked(), flow(), 0.0).verdict is Verdict.WELCOME
    assert only.admit(asked(), flow("::ffff:198.51.100.9"), 0.0).verdict is Verdict.WELCOME
    assert only.admit(asked("OPTIONS"), flow("192.0.2.1"), 0.0).verdict is Verdict.TURN_AWAY
    both = door(allow=("198.51.100.0/24",), users=True)
    assert both.admit(asked(), flow("192.0.2.1"), 0.0).verdict is Verdict.TURN_AWAY
    assert proved(both, asked(), flow(), "alice").user == "alice"
    assert both.admit(asked("OPTIONS"), flow(), 0.0).verdict is Verdict.WELCOME, "asking what is there costs nothing"


@pytest.mark.parametrize(
    ("allow", "host", "admitted"),
    [
        ((), "203.0.113.9", True),
        (("192.0.2.0/24",), "192.0.2.77", True),
        (("192.0.2.0/24",), "203.0.113.9", False),
        (("192.0.2.0/24", "203.0.113.9"), "203.0.113.9", True),
        (("192.0.2.0/24",), "2001:db8::1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("192.0.2.1/24",), "192.0.2.2", True),
    ],
)
def test_networks_that_may_call(allow: tuple[str, ...], host: str, admitted: bool) -> None:
    verdict = door(allow=allow).admit(asked(), flow(host), 0.0).verdict
    assert verdict is (Verdict.WELCOME if admitted else Verdict.TURN_AWAY)


def test_a_trunk_is_known_by_its_address_and_not_challenged() -> None:
    line = trunk("sbc", networks=("192.0.2.0/28",))
    known = door(line, users=True, allow=("198.51.100.0/24",), known_only=True)
    assert known.admit(asked(), flow("192.0.2.3"), 0.0) == Admission(Verdict.WELCOME, trunk="sbc")
    assert known.admit(asked(), flow("192.0.2.77"), 0.0).verdict is Verdict.TURN_AWAY
    assert known.admit(asked(), flow(), 0.0).status == 401


def test_a_trunk_is_known_by_what_its_host_stands_for() -> None:
    line, other = trunk("a"), trunk("b", from_host=False)
    line.addresses = other.addresses = frozenset({"192.0.2.3"})
    assert door(line, other, known_only=True).admit(asked(), flow("192.0.2.3"), 0.0).trunk == "a"


def test_nobody_but_trunks_is_heard_where_there_are_only_trunks() -> None:
    known = door(trunk(networks=("192.0.2.3",)), known_only=True)
    for method in ("INVITE", "OPTIONS", "REGISTER", "BYE"):
        assert known.admit(asked(method), flow(), 0.0).verdict is Verdict.TURN_AWAY
    assert known.admit(asked("OPTIONS"), flow("127.0.0.1"), 0.0).verdict is Verdict.WELCOME, "a health check"
    assert known.admit(asked("INVITE"), flow("127.0.0.1"), 0.0).status == 403


def test_trunks_behind_one_address_are_told_apart() -> None:
    first = trunk("a", host="one.example", register=True, user="u1")
    second = trunk("b", host="two.example", register=True, user="u2")
    third = trunk("c", host="three.example", domains=("other.example",))
    for each in (first, second, third):
        each.addresses = frozenset({"192.0.2.3"})
    known = door(first, second, third, known_only=True)
    source = flow("192.0.2.3")
    assert known.admit(asked(line_uri="sip:u2@203.0.113.7"), source, 0.0).trunk == "b"
    assert known.admit(asked(To="<sip:x@OTHER.example>"), source, 0.0).trunk == "c"
    assert known.admit(asked(From="<sip:x@one.example>;tag=1"), source, 0.0).trunk == "a"
    assert known.admit(asked(line_uri="sip:u2@one.example"), flow("198.51.100.9"), 0.0).trunk is None, "says anybody"


def test_the_closest_network_and_the_own_connection() -> None:
    wide, close = trunk("wide", networks=("192.0.2.0/24",)), trunk("close", networks=("192.0.2.3/32",))
    known = door(wide, close, known_only=True)
    assert known.admit(asked(), flow("192.0.2.3"), 0.0).trunk == "close"
    assert known.admit(asked(), flow("192.0.2.4"), 0.0).trunk == "wide"
    ours = replace(flow("192.0.2.4", transport="tls", key=4), profile="close")
    assert known.admit(asked(), ours, 0.0).trunk == "close"


def test_the_flow_a_trunk_is_registered_by_is_its_own() -> None:
    first, second = (trunk(name, user=name, register=True, from_host=False) for name in ("u1", "u2"))
    by = flow("192.0.2.3", 5060, transport="tcp")
    first.registered_by = second.registered_by = by
    known = door(first, second, known_only=True)
    came = replace(by, key=7)
    assert known.admit(asked(line_uri="sip:u2@203.0.113.7"), came, 0.0).trunk == "u2"
    assert known.admit(asked(line_uri="sip:u1@203.0.113.7"), came, 0.0).trunk == "u1"
    other = flow("192.0.2.3", 5099, transport="tcp", key=8)
    assert known.admit(asked(line_uri="sip:u1@203.0.113.7"), other, 0.0).verdict is Verdict.TURN_AWAY


def test_a_trunk_may_have_to_prove_itself() -> None:
    line = trunk("sbc", networks=("192.0.2.3",), inbound_user="sbc", inbound_password="s")
    known = door(line, users=True, known_only=True)
    assert known.admit(asked(), flow("192.0.2.3"), 0.0).status == 401
    assert proved(known, asked(), flow("192.0.2.3"), "alice").status == 401, "a user, but not this trunk"
    assert proved(known, asked(), flow("192.0.2.3"), "sbc").trunk == "sbc"
    assert proved(known, asked(), flow("198.51.100.99"), "sbc").trunk == "sbc", "from anywhere"


def test_phones_register_and_call() -> None:
    known = door(users=True, phones=("alice",), known_only=True)
    assert proved(known, asked("REGISTER"), flow(), "alice").user == "alice"
    assert proved(known, asked("REGISTER"), flow(), "bob").status == 403, "a user without a phone"
    assert proved(known, asked(), flow(), "bob").user == "bob"
    assert proved(known, asked(), flow(), "mallory").status == 401


def test_a_registered_connection_is_its_phones_and_a_datagram_proves_nothing() -> None:
    connection, datagrams = flow(transport="wss", key=9), flow("192.0.2.3", 4711)
    at = {connection: "alice", datagrams: "bob"}
    known = door(trunk(networks=("192.0.2.3",)), users=True, phones=("alice", "bob"), known_only=True, at_home=at.get)
    assert known.admit(asked(From="<sip:alice@a>;tag=1"), connection, 0.0) == Admission(Verdict.WELCOME, user="alice")
    assert known.admit(asked("REGISTER"), connection, 0.0).status == 401
    assert known.admit(asked(), datagrams, 0.0).status == 401, "a phone behind the address of a trunk"
    assert known.admit(asked("REGISTER"), flow("192.0.2.3", 4712), 0.0).status == 401
    assert known.admit(asked(), flow("192.0.2.3", 4712), 0.0).trunk == "carrier"


def test_whoever_else_speaks_by_a_registered_connection_proves_himself() -> None:
    connection, alice = flow(transport="tcp", key=9), "<sip:alice@example.net>;tag=1"
    known = door(users=True, phones=("alice", "bob"), known_only=True, at_home={connection: "alice"}.get)
    further = "SIP/2.0/TCP proxy.example.net;branch=z9hG4bK1, SIP/2.0/UDP 203.0.113.66;branch=z9hG4bK2"
    assert known.admit(asked(From=alice), connection, 0.0).user == "alice"
    assert known.admit(asked(From="<sip:mallory@example.net>;tag=1"), connection, 0.0).status == 401
    assert known.admit(asked(From=alice, Via=further), connection, 0.0).status == 401, "by a proxy of many"
    assert proved(known, asked(From="<sip:bob@example.net>;tag=1"), connection, "bob").user == "bob"


def test_calls_at_once_beyond_the_limit_of_a_trunk() -> None:
    calls = {"carrier": 1}
    line = trunk(networks=("192.0.2.3",), max_calls=2)
    known = door(line, incoming=calls.__getitem__, known_only=True)
    source = flow("192.0.2.3")
    assert known.admit(asked(Call_ID="1"), source, 0.0).verdict is Verdict.WELCOME
    line.outgoing = 1
    over = known.admit(asked(Call_ID="2"), source, 0.0)
    assert (over.verdict, over.status, over.headers) == (Verdict.REFUSE, 503, [("Retry-After", "5")])
    assert known.admit(asked("OPTIONS"), source, 0.0).verdict is Verdict.WELCOME
    line.outgoing = 0
    assert known.admit(asked(Call_ID="2"), source, 1.0).status == 503, "its repetition, which hears the same"
    assert known.admit(asked(Call_ID="3"), source, 1.0).verdict is Verdict.WELCOME
    assert known.admit(asked(Call_ID="2"), source, 40.0).verdict is Verdict.WELCOME
    assert known.over_limit == {"carrier": 2}


def test_calls_a_second_beyond_the_limit_of_a_trunk() -> None:
    known = door(trunk(networks=("192.0.2.3",), max_calls_per_s=2), known_only=True)
    verdicts = [known.admit(asked(Call_ID=str(n)), flow("192.0.2.3"), 10.0 + n / 8).verdict for n in range(16)]
    # Two at once, then one each half second.
    assert verdicts.count(Verdict.WELCOME) == 5


@pytest.mark.parametrize("missing", ["From", "To", "Call-ID", "CSeq"])
def test_a_malformed_request_is_judged_all_the_same(missing: str) -> None:
    request = asked()
    request.headers.remove(missing)
    two = (trunk("a", networks=("192.0.2.3",)), trunk("b", networks=("192.0.2.3",), max_calls=1))
    for known in (door(users=True), door(*two, known_only=True, incoming=lambda name: 9)):
        for source in (flow(), flow("192.0.2.3")):
            known.admit(request, source, 0.0)


def test_only_who_was_asked_can_fail() -> None:
    blamed: list[str] = []
    known = door(users=True, phones=("alice",), failed=lambda by, now: blamed.append(by.remote[0]))
    attacker, victim = flow("198.51.100.66"), flow("198.51.100.7")

    def wrong(challenge: Admission) -> Request:
        request = asked("REGISTER")
        request.headers.set("Authorization", answer(challenge.headers[0][1], "REGISTER", URI, "alice", "x", "c", 1))
        return request

    challenge = known.admit(asked("REGISTER"), attacker, 0.0)
    forged = known.admit(wrong(challenge), victim, 0.0)
    assert "stale=true" in forged.headers[0][1] and not blamed, "a nonce of somebody else"
    nonsense = asked("REGISTER")
    nonsense.headers.set("Authorization", 'Digest username="alice", realm="mediaserver"')
    assert known.admit(nonsense, victim, 0.0).status == 401 and not blamed
    assert known.admit(wrong(challenge), attacker, 0.0).status == 401
    assert blamed == ["198.51.100.66"]
    assert proved(known, asked("REGISTER"), victim, "alice").user == "alice"
