"""What strangers may cost: limits, bans, and how much is sent to whom who may not be there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.sip.authenticator import DigestAuthenticator
from mediaserver.sip.digest_door import DigestDoor
from mediaserver.sip.events import Flow, IncomingCall
from mediaserver.sip.guard import Guard, GuardSettings, Notice, Pass
from mediaserver.sip.scanners import SCANNERS, finder
from mediaserver.sip.sources import source_of
from mediaserver.sip.uri import NameAddr, SipUri
from support.sip_messages import REFUSED
from support.sip_rig import LOCAL, SDP, TCP, UDP, Rig, request

OPTIONS = request("OPTIONS", contact=None)
INVITE = request()
FEW = GuardSettings(calls_per_s=2, others_per_s=5, total_calls_per_s=20, total_others_per_s=50)


def stranger(number: int) -> Flow:
    return Flow("udp", (f"198.51.{number // 250}.{number % 250 + 1}", 5060), LOCAL)


def admitted(guard: Guard, data: bytes, flow: Flow, now: float, count: int) -> int:
    return sum(guard.judge(data, flow, now) is Pass.ADMIT for _ in range(count))


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_stranger_has_a_burst_and_then_its_rate() -> None:
    guard = Guard(FEW)
    assert admitted(guard, INVITE, UDP, 100.0, 50) == 6
    assert admitted(guard, INVITE, UDP, 101.0, 50) == 2
    assert admitted(guard, OPTIONS, UDP, 101.0, 50) == 10  # another bucket
    assert admitted(guard, INVITE, UDP, 1000.0, 50) == 6
    assert guard.flooded == 3 * 50 - 14 + 40


def test_over_udp_a_stranger_hears_nothing_and_over_tcp_503() -> None:
    guard = Guard(FEW)
    admitted(guard, INVITE, UDP, 100.0, 50)
    assert guard.judge(INVITE, UDP, 100.0) is Pass.DROP
    admitted(guard, INVITE, TCP, 200.0, 50)
    assert guard.judge(INVITE, TCP, 200.0) is Pass.REFUSE


def test_all_strangers_together_have_a_limit_and_the_proven_are_not_in_it() -> None:
    guard = Guard(FEW)
    guard.vouch(UDP, 100.0)
    counts = [admitted(guard, INVITE, stranger(number), 100.0, 10) for number in range(100)]
    assert sum(counts) == 40 and counts[0] == 6  # first come, first served
    assert admitted(guard, INVITE, UDP, 100.0, 100) == 100


def test_the_proven_have_a_limit_of_their_own_and_are_told() -> None:
    guard = Guard(GuardSettings(proven_calls_per_s=10))
    guard.vouch(UDP, 100.0)
    assert admitted(guard, INVITE, UDP, 100.0, 50) == 20
    assert guard.judge(INVITE, UDP, 100.0) is Pass.REFUSE


def test_who_is_trusted_has_no_limit_and_is_never_banned() -> None:
    friends = {"192.0.2.9"}
    guard = Guard(FEW, friends.__contains__)
    assert admitted(guard, INVITE, UDP, 100.0, 10_000) == 10_000
    assert guard.judge(INVITE.replace(b"Max", b"User-Agent: friendly-scanner\r\nMax"), UDP, 100.0) is Pass.ADMIT
    for _ in range(100):
        guard.failed(UDP, 100.0)
    assert guard.judge(INVITE, UDP, 100.0) is Pass.ADMIT and not any(guard.counters().values())
    friends.clear()  # its trunk has another address now
    assert admitted(guard, INVITE, UDP, 120.0, 10_000) == 6


def test_proof_lasts_an_hour_after_the_last() -> None:
    guard = Guard(FEW)
    guard.vouch(UDP, 100.0)
    guard.vouch(UDP, 3000.0)
    assert admitted(guard, INVITE, UDP, 6500.0, 100) == 100
    assert admitted(guard, INVITE, UDP, 6700.0, 100) == 6


def test_memory_is_bounded_whoever_comes() -> None:
    guard = Guard(GuardSettings(sources=100))
    for number in range(5000):
        guard.judge(INVITE, stranger(number), 100.0 + number)
        if number % 3 == 0:
            guard.vouch(stranger(number), 100.0 + number)
    assert len(guard._strangers) <= 100 and len(guard._known) <= 100
    assert guard.judge(INVITE, stranger(0), 6000.0) is Pass.ADMIT


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_is_one_source(address: str, source: str) -> None:
    assert source_of(address) == source


def test_the_addresses_of_one_ipv6_customer_share_a_limit() -> None:
    guard = Guard(FEW)
    flows = [Flow("udp", (f"2001:db8::{number:x}", 5060), ("2001:db8:f::1", 5060)) for number in range(1, 100)]
    assert sum(guard.judge(INVITE, flow, 100.0) is Pass.ADMIT for flow in flows) == 6


# --- scanners and passwords -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "User-Agent: friendly-scanner",
        "user-agent:sipcli/v1.8",
        "USER-AGENT:  VaxSIPUserAgent/3.1",
        "User-Agent: iWar",
        "User-Agent: sundayddr",
        "User-Agent: pplsip",
        'From: "sipvicious"<sip:100@1.1.1.1>;tag=6134',
        "f: <sip:100@1.1.1.1>;tag=6134",
    ],
)
def test_a_scanner_is_not_answered_and_banned(line: str) -> None:
    told: list[Notice] = []
    rig = Rig(guard=Guard(tell=told.append))
    data = OPTIONS.replace(b"Max-Forwards", line.encode() + b"\r\nMax-Forwards")
    rig.receive(data)
    rig.receive(OPTIONS)
    assert not rig.sent() and told == [Notice("192.0.2.9", "scanner", 600.0)]
    rig.now += 601
    rig.receive(OPTIONS)
    assert rig.statuses() == [200]
    rig.receive(data)
    rig.now += 700
    rig.receive(OPTIONS)
    assert not rig.sent() and told[-1].seconds == 1200.0  # the second ban is longer
    rig.receive(data, TCP)
    assert not rig.sent()


@pytest.mark.parametrize(
    "line",
    [
        "From: <sip:siwar@example.com>;tag=1",
        'From: "Kiwara" <sip:100@example.com>;tag=1',
        "To: <sip:sipcli@example.com>",
        "X-Note: friendly-scanner",
        "User-Agent: smapper",
    ],
)
def test_others_are_no_scanners(line: str) -> None:
    assert not finder(SCANNERS)(OPTIONS.replace(b"Max-Forwards", line.encode() + b"\r\nMax-Forwards"))


def test_a_proxy_that_has_calls_is_not_banned_for_what_it_passes_on() -> None:
    guard = Guard()
    guard.vouch(UDP, 100.0)
    assert guard.judge(b"OPTIONS sip:a@b SIP/2.0\r\nUser-Agent: sipvicious\r\n", UDP, 100.0) is Pass.DROP
    assert guard.judge(INVITE, UDP, 100.0) is Pass.ADMIT and guard.banned == 0


@given(st.binary(max_size=6000))
def test_any_bytes_can_be_judged(data: bytes) -> None:
    assert Guard().judge(data, UDP, 1.0) in Pass


def test_wrong_passwords_are_counted_within_five_minutes() -> None:
    guard = Guard()
    guard.judge(INVITE, UDP, 100.0)
    for number in range(40):
        guard.failed(UDP, 100.0 + 301 * number)
    assert guard.banned == 0
    for _ in range(10):
        guard.failed(UDP, 20_000.0)
    assert guard.banned == 1 and guard.judge(INVITE, UDP, 20_001.0) is Pass.DROP
    assert guard.judge(INVITE, stranger(1), 20_001.0) is Pass.ADMIT


def test_a_log_is_not_flooded() -> None:
    told: list[Notice] = []
    guard = Guard(GuardSettings(calls_per_s=1), tell=told.append)
    for second in range(120):
        admitted(guard, INVITE, UDP, 100.0 + second, 10)
    assert len(told) == 2
    for number in range(1000):
        admitted(guard, INVITE, stranger(number), 300.0, 10)
    assert len(told) <= 32


# --- the endpoint -----------------------------------------------------------------------------------------------------


def test_over_the_limit_every_new_invite_gets_one_503_and_what_was_let_in_goes_on() -> None:
    rig = Rig(guard=Guard(GuardSettings(calls_per_s=0.1)))
    rig.receive(request(), TCP)
    (call,) = rig.events()
    assert isinstance(call, IncomingCall)
    rig.endpoint.answer(call.leg, SDP, rig.now)
    rig.drain()
    tag = rig.sent()[-1].to.tag
    rig.receive(request(branch="z9hG4bKlate", call_id="late"), TCP)
    refusal = rig.sent_one()
    assert (refusal.status, refusal.headers.get("Retry-After")) == (503, "5")  # type: ignore[union-attr]
    rig.receive(request("ACK", branch="z9hG4bKack", to_tag=tag), TCP)
    rig.receive(request("BYE", branch="z9hG4bKbye", to_tag=tag, cseq=2), TCP)
    assert rig.statuses() == [200] and len(rig.events()) == 2


def test_an_acknowledged_call_proves_the_caller() -> None:
    guard = Guard(FEW)
    rig = Rig(guard=guard)
    rig.receive(request())
    (call,) = rig.events()
    rig.endpoint.answer(call.leg, SDP, rig.now)  # type: ignore[union-attr]
    tag = rig.sent()[-1].to.tag
    assert guard._known.peek("192.0.2.9") is None
    rig.receive(request("ACK", branch="z9hG4bKack", to_tag=tag))
    assert admitted(guard, INVITE, UDP, rig.now, 100) == 100


def test_a_call_says_whether_its_caller_is_proven() -> None:
    rig = Rig(guard=Guard(FEW, {"192.0.2.77"}.__contains__))

    def proven(number: int, flow: Flow) -> bool:
        rig.receive(request(branch=f"z9hG4bK{number}", call_id=f"c{number}"), flow)
        (call,) = rig.events()
        assert isinstance(call, IncomingCall)
        rig.endpoint.answer(call.leg, SDP, rig.now)
        rig.drain()
        return call.proven

    assert not proven(1, UDP)
    tag = rig.sent()[-1].to.tag
    assert proven(2, TCP) and proven(3, Flow("udp", ("192.0.2.77", 5060), LOCAL))
    rig.receive(request("ACK", branch="z9hG4bKack", call_id="c1", to_tag=tag))
    rig.events()
    assert proven(4, UDP), "its ACK has shown that it hears us"


def test_a_call_of_his_own_proves_no_address_that_a_caller_forges() -> None:
    guard = Guard(FEW)
    rig = Rig(guard=guard)
    rig.receive(request())
    (call,) = rig.events()
    rig.endpoint.answer(call.leg, SDP, rig.now)  # type: ignore[union-attr]
    rig.drain()
    tag = rig.sent()[-1].to.tag
    rig.receive(request("ACK", branch="z9hG4bKack", to_tag=tag))
    inform = request("INFO", branch="z9hG4bKinfo", to_tag=tag, cseq=2)
    rig.receive(inform, stranger(1))
    assert rig.statuses() == [200] and guard._known.peek("198.51.0.2") is None
    assert guard.room(stranger(1)) <= 3 * len(inform)
    by_connection = Flow("tcp", ("198.51.0.3", 5060), LOCAL, 3)
    rig.receive(request("INFO", branch="z9hG4bKinfo2", to_tag=tag, cseq=3), by_connection)
    assert guard._known.peek("198.51.0.3") is not None, "nobody forges a connection"


def test_an_answer_to_a_request_of_ours_proves_who_gives_it() -> None:
    guard = Guard(FEW)
    rig = Rig(guard=guard)
    us = NameAddr(None, SipUri("sip", "us", "192.0.2.1"))
    target = SipUri("sip", "x", "192.0.2.9")
    rig.endpoint.outside.request("OPTIONS", target=target, flow=UDP, from_=us, to=us, now=rig.now)
    (ours,) = rig.requests()
    rig.receive(bytes(ours.response(200, to_tag="x")).replace(b";branch=", b";branch=z9hG4bKwrong"))
    assert guard._known.peek("192.0.2.9") is None
    rig.receive(ours.response(100), stranger(1))
    assert guard._known.peek("198.51.0.2") is None, "who asks us for requests may answer them by any address"
    rig.receive(ours.response(200, to_tag="x"))
    assert guard._known.peek("192.0.2.9") is not None


# --- amplification ----------------------------------------------------------------------------------------------------

SHORT = (
    b"OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
    b"f:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n"
)
CORPUS = {
    "options": OPTIONS,
    "the shortest OPTIONS": SHORT,
    "a method unknown": SHORT.replace(b"OPTIONS", b"X"),
    "no such call": request("BYE", to_tag="x"),
    "an invitation challenged": request(),
    "a registration": request("REGISTER"),
    **{name: data for name, (data, _) in REFUSED.items()},
}


@pytest.mark.parametrize("name", CORPUS)
def test_no_refusal_is_much_larger_than_what_it_refuses(name: str) -> None:
    users = DigestAuthenticator("a" * 60, {"anna": "x"}, b"key", algorithms=("SHA-512-256", "SHA-256", "MD5"))
    guard = Guard()
    rig = Rig(guard=guard, door=DigestDoor(authenticator=users))
    data = CORPUS[name]
    for number in range(5):
        rig.receive(data)
        rig.advance(40.0)
        assert rig.octets <= 3 * len(data) * (number + 1)


def test_the_shortest_request_is_answered_by_a_short_response() -> None:
    rig = Rig(guard=Guard())
    rig.receive(SHORT)
    (response,) = rig.sent()
    assert response.status == 200  # type: ignore[union-attr]
    assert len(bytes(response)) <= 3 * len(SHORT)


def test_a_call_nobody_acknowledges_is_not_repeated_for_ever() -> None:
    """A forged source that is made to call us would otherwise hear our 200 eleven times."""
    guard = Guard()
    rig = Rig(guard=guard)
    rig.receive(request())
    (call,) = rig.events()
    rig.endpoint.provisional(call.leg, 180, rig.now)  # type: ignore[union-attr]
    rig.endpoint.answer(call.leg, SDP, rig.now)  # type: ignore[union-attr]
    rig.drain()
    first = rig.octets
    rig.advance(31.0)
    copies = sum(getattr(message, "status", 0) == 200 for message in rig.sent())
    assert 4 <= copies <= 9 and guard.withheld
    assert first < rig.octets <= 3 * len(request()) + 4000
