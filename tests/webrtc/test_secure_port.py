"""A protected port: what goes through to the session and what to the wire, by keys told, by DTLS, and with ICE."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.net.rtp_port import PortRange
from mediaserver.rtp.packet import build
from mediaserver.sdp.ice import Ice
from mediaserver.sdp.plan import Direction, MediaPlan, PayloadFormat
from mediaserver.sdp.security import SUITES, Dtls, Sdes
from mediaserver.webrtc.identity import Identity
from mediaserver.webrtc.patience import USUAL, Patience
from mediaserver.webrtc.secure_port import Address, Arrived, SecurePort

ONE, TWO, STRANGER = ("192.0.2.1", 4000), ("192.0.2.2", 5000), ("203.0.113.66", 6666)
PCMU = PayloadFormat(0, "PCMU", 8000)
REPORT = bytes.fromhex("80c90001000000070000000080ca000200000007")[:8] + bytes(8)
SUITE = "AES_CM_128_HMAC_SHA1_80"
ICE = Ice("ours", "p" * 24, "their")


def voice(number: int = 1) -> bytes:
    return build(0, number, 160 * number, 7, bytes(range(160)))


def keyed(ours: int, theirs: int, suite: str = SUITE) -> Sdes:
    size = SUITES[suite]
    return Sdes(suite, bytes([ours]) * size, bytes([theirs]) * size)


def plan(remote: Address = TWO, **changes: object) -> MediaPlan:
    whole = MediaPlan(PCMU, (PCMU,), 20, Direction.SENDRECV, remote, (remote[0], remote[1] + 1))
    return replace(whole, **changes)  # type: ignore[arg-type]


class Wire:
    """A pair of sockets that remembers what is sent."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.unsent = 0
        self.rtp: list[tuple[bytes, Address]] = []
        self.rtcp: list[tuple[bytes, Address]] = []
        self.closed = 0

    def listen(self, rtp: Arrived, rtcp: Arrived) -> None:
        self.rtp_arrived, self.rtcp_arrived = rtp, rtcp

    def send_rtp(self, packet: bytes, destination: Address) -> None:
        self.rtp.append((packet, destination))

    def send_rtcp(self, packet: bytes, destination: Address) -> None:
        self.rtcp.append((packet, destination))

    def close(self) -> None:
        self.closed += 1


class Side:
    """A protected port on such a wire, at an address."""

    def __init__(self, at: Address = ONE, identity: Identity | None = None, patience: Patience = USUAL) -> None:
        self.at = at
        self.now = 100.0
        self.wire = Wire(at[1])
        self.failures: list[str] = []
        self.port = SecurePort(self.wire, identity, self.failures.append, lambda: self.now, patience=patience)
        self.rtp: list[tuple[bytes, Address]] = []
        self.rtcp: list[tuple[bytes, Address]] = []
        self.port.listen(
            lambda packet, source, now: self.rtp.append((packet, source)),
            lambda packet, source, now: self.rtcp.append((packet, source)),
        )

    def follow(self, agreed: MediaPlan) -> None:
        self.port.follow(agreed, self.now)


def carry(one: Side, two: Side) -> None:
    """Everything sent arrives, until nobody sends any more."""
    for _ in range(40):
        moved = False
        for sender, receiver in ((one, two), (two, one)):
            for kind in ("rtp", "rtcp"):
                waiting = getattr(sender.wire, kind)
                setattr(sender.wire, kind, [])
                source = (sender.at[0], sender.at[1] + (kind == "rtcp"))
                for packet, _destination in waiting:
                    moved = True
                    getattr(receiver.wire, f"{kind}_arrived")(packet, source, receiver.now)
        if not moved:
            return
    raise AssertionError("they never come to rest")


@pytest.mark.parametrize("suite", SUITES)
def test_media_go_sealed_and_come_opened(suite: str) -> None:
    one, two = Side(ONE), Side(TWO)
    one.follow(plan(TWO, security=keyed(1, 2, suite)))
    two.follow(plan(ONE, security=keyed(2, 1, suite)))
    one.port.send_rtp(voice(), TWO)
    one.port.send_rtcp(REPORT, (TWO[0], TWO[1] + 1))
    ((sealed, to),) = one.wire.rtp
    assert to == TWO and voice()[12:] not in sealed and REPORT not in one.wire.rtcp[0][0]
    carry(one, two)
    assert two.rtp == [(voice(), ONE)] and two.rtcp == [(REPORT, (ONE[0], ONE[1] + 1))]
    two.port.send_rtp(REPORT, ONE)  # multiplexed
    carry(one, two)
    assert one.rtp == [(REPORT, TWO)] and one.port.suite == suite


def test_what_is_not_the_peers_is_counted_and_kept_out() -> None:
    one, two, other = Side(ONE), Side(TWO), Side(STRANGER)
    one.follow(plan(TWO, security=keyed(1, 2)))
    two.follow(plan(ONE, security=keyed(2, 1)))
    other.follow(plan(ONE, security=keyed(9, 9)))
    other.port.send_rtp(voice(), ONE)
    carry(other, one)
    one.wire.rtp_arrived(voice(), STRANGER, 100.0)
    one.wire.rtp_arrived(REPORT, STRANGER, 100.0)
    two.port.send_rtp(voice(), ONE)
    ((sealed, _),) = two.wire.rtp
    carry(one, two)
    one.wire.rtp_arrived(sealed, STRANGER, 100.0)
    one.wire.rtp_arrived(b"", STRANGER, 100.0)
    one.wire.rtp_arrived(b"hello", STRANGER, 100.0)
    assert one.rtp == [(voice(), TWO)]
    assert one.port.counters() == {"unauthentic": 3, "replayed": 1, "strange": 2}


def test_a_new_key_of_the_peer_is_taken_with_a_little_patience_for_the_old() -> None:
    one, two = Side(ONE), Side(TWO)
    one.follow(plan(TWO, security=keyed(1, 2)))
    two.follow(plan(ONE, security=keyed(2, 1)))
    for number in range(1, 4):
        two.port.send_rtp(voice(number), ONE)
    late = two.wire.rtp
    two.wire.rtp = []
    one.follow(plan(TWO, security=keyed(1, 3)))
    two.follow(plan(ONE, security=keyed(3, 1)))
    two.port.send_rtp(voice(4), ONE)
    carry(one, two)
    for now, (packet, _) in zip((100.5, 101.9, 102.1), late, strict=True):
        one.wire.rtp_arrived(packet, TWO, now)
    assert [packet for packet, _ in one.rtp] == [voice(4), voice(1), voice(2)]
    assert one.port.counters()["unauthentic"] == 1


def test_our_key_that_stays_goes_on_where_it_was() -> None:
    one, two = Side(ONE), Side(TWO)
    agreed = plan(TWO, security=keyed(1, 2))
    two.follow(plan(ONE, security=keyed(2, 1)))
    for number in (0xFFFE, 0xFFFF, 0, 1):  # the rollover counter is kept over re-INVITEs, and with a key come back to
        one.follow(plan(TWO, security=keyed(8, 2)))
        one.follow(replace(agreed, direction=Direction.SENDONLY))
        one.port.send_rtp(voice(number), TWO)
    carry(one, two)
    assert [packet for packet, _ in two.rtp] == [voice(number) for number in (0xFFFE, 0xFFFF, 0, 1)]


def test_encryption_may_be_given_up_by_agreement() -> None:
    one = Side(ONE)
    one.follow(plan(TWO, security=keyed(1, 2)))
    one.follow(plan(TWO))
    one.port.send_rtp(voice(), TWO)
    one.wire.rtp_arrived(voice(2), TWO, 100.0)
    assert one.wire.rtp == [(voice(), TWO)] and one.rtp == [(voice(2), TWO)]


def test_what_cannot_be_sealed_is_lost_and_counted() -> None:
    one = Side(ONE)
    one.follow(plan(TWO, security=keyed(1, 2)))
    one.port.send_rtp(bytes(4000), TWO)
    one.port.send_rtp(voice(5), TWO)
    one.port.send_rtp(voice(5), TWO)  # the same key stream twice
    assert one.port.unsent == 2 and len(one.wire.rtp) == 1


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError):
        Side(ONE).follow(plan(TWO, security=Sdes(SUITE, b"short", b"short")))


# --- DTLS -------------------------------------------------------------------------------------------------------------


def prints(identity: Identity) -> tuple[tuple[str, str], ...]:
    function, _, digest = identity.fingerprint.partition(" ")
    return ((function, digest),)


def shake(one: Side, two: Side, ours: Identity, theirs: Identity, **changes: object) -> None:
    two.follow(plan(ONE, security=Dtls(False, prints(ours)), **changes))
    one.follow(plan(TWO, security=Dtls(True, prints(theirs)), **changes))


@pytest.mark.parametrize("mux", [True, False])
async def test_a_handshake_gives_both_sides_keys(mux: bool, ours: Identity, theirs: Identity) -> None:
    one, two = Side(ONE, ours), Side(TWO, theirs)
    shake(one, two, ours, theirs, rtcp_mux=mux)
    assert bool(one.wire.rtcp) is not mux  # its own handshake (RFC 5764 4.2)
    one.port.send_rtp(voice(0), TWO)
    assert one.port.unsent == 1 and one.port.suite is None
    carry(one, two)
    for number in range(1, 4):
        one.port.send_rtp(voice(number), TWO)
        two.port.send_rtp(voice(number), ONE)
    for side in (one, two):
        (side.port.send_rtp if mux else side.port.send_rtcp)(REPORT, ONE)
    carry(one, two)
    reports = [[packet for packet, _ in (side.rtp[3:] if mux else side.rtcp)] for side in (one, two)]
    assert [packet for packet, _ in one.rtp[:3]] == [packet for packet, _ in two.rtp[:3]] == [*map(voice, (1, 2, 3))]
    assert reports == [[REPORT], [REPORT]] and one.port.suite == "AEAD_AES_256_GCM"
    assert one.failures == two.failures == []
    one.port.close()
    two.port.close()


async def test_the_same_agreement_again_keeps_the_keys_and_another_certificate_gets_new_ones(
    ours: Identity, theirs: Identity
) -> None:
    one, two = Side(ONE, ours), Side(TWO, theirs)
    shake(one, two, ours, theirs, rtcp_mux=True)
    carry(one, two)
    shake(one, two, ours, theirs, rtcp_mux=True)  # a re-INVITE
    assert one.wire.rtp == []
    one.port.send_rtp(voice(1), TWO)
    carry(one, two)
    moved = Identity()
    three = Side(TWO, moved)
    shake(one, three, ours, moved, rtcp_mux=True)
    carry(one, three)
    one.port.send_rtp(voice(2), TWO)
    carry(one, three)
    assert [two.rtp, three.rtp] == [[(voice(1), ONE)], [(voice(2), ONE)]]
    one.port.close()


async def test_another_certificate_than_described_is_told_once_and_nothing_is_heard(
    ours: Identity, theirs: Identity
) -> None:
    one, two = Side(ONE, ours), Side(TWO, theirs)
    two.follow(plan(ONE, security=Dtls(False, prints(theirs)), rtcp_mux=True))
    one.follow(plan(TWO, security=Dtls(True, prints(theirs)), rtcp_mux=True))
    carry(one, two)
    one.port.send_rtp(voice(1), TWO)
    carry(one, two)
    assert len(two.failures) == 1 and "certificate" in two.failures[0]
    assert two.rtp == []
    one.port.close()
    two.port.close()


def test_dtls_without_a_certificate_of_ours_is_a_fault(theirs: Identity) -> None:
    with pytest.raises(ValueError, match="certificate"):
        Side(ONE).follow(plan(TWO, security=Dtls(False, prints(theirs))))


async def test_over_real_sockets_with_the_first_flight_lost(ours: Identity, theirs: Identity) -> None:
    loop = asyncio.get_running_loop()
    ports = PortRange("127.0.0.1", 39_000, 39_010)
    pairs = [ports.take(loop) for _ in range(2)]
    one, two = SecurePort(pairs[0], ours), SecurePort(pairs[1], theirs)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    at = [("127.0.0.1", pair.number) for pair in pairs]
    one.listen(lambda *_: None, lambda *_: None)
    one.follow(plan(at[1], security=Dtls(True, prints(theirs)), rtcp_mux=True), loop.time())
    pairs[1].listen(lambda *_: heard.put_nowait(b"lost"), lambda *_: None)
    assert await asyncio.wait_for(heard.get(), 5) == b"lost"  # nobody answers it
    two.follow(plan(at[0], security=Dtls(False, prints(ours)), rtcp_mux=True), loop.time())
    two.listen(lambda packet, source, now: heard.put_nowait(packet), lambda *_: None)
    number = 0
    async with asyncio.timeout(20):
        while heard.empty():
            number += 1
            one.send_rtp(voice(number), at[1])
            await asyncio.sleep(0.02)
    assert heard.get_nowait()[12:] == voice()[12:]
    for port in (one, two):
        port.close()


# --- ICE --------------------------------------------------------------------------------------------------------------


def check(*, use: bool = True) -> bytes:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes |= {"USERNAME": "ours:their", "PRIORITY": 1, "ICE-CONTROLLING": 7}
    if use:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(ICE.password.encode())
    return bytes(request)


NATTED = ("203.0.113.1", 61000)


def test_with_ice_media_go_where_they_are_wanted_and_come_from_whom_a_check_proved() -> None:
    one = Side(ONE)
    one.follow(plan(TWO, ice=ICE, rtcp_mux=True))
    one.port.send_rtp(voice(1), TWO)
    one.wire.rtp_arrived(voice(1), NATTED, 100.0)
    assert one.wire.rtp == [] and one.rtp == [] and one.port.unsent == 1
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    one.port.send_rtp(voice(2), TWO)
    one.wire.rtp_arrived(voice(2), NATTED, 100.0)
    one.wire.rtp_arrived(voice(3), STRANGER, 100.0)
    assert [to for _, to in one.wire.rtp] == [NATTED, NATTED] and one.wire.rtp[1][0] == voice(2)
    assert one.rtp == [(voice(2), TWO)]  # by the described address, as others know the peer
    one.now = 131.0
    one.port.send_rtp(voice(3), TWO)
    assert len(one.wire.rtp) == 2 and one.port.unsent == 2
    assert one.port.counters()["strange"] == 2


def test_it_is_open_once_there_is_a_key_and_a_way_and_tells_so_once() -> None:
    told: list[bool] = []
    one = Side(ONE)
    one.port.opened = lambda: told.append(one.port.open)
    one.follow(plan(TWO, ice=ICE, rtcp_mux=True, security=keyed(1, 2)))
    assert not one.port.open and not told
    one.wire.rtp_arrived(check(use=False), NATTED, 100.0)
    assert not one.port.open and not told
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    assert one.port.open and told == [True]
    two = Side(TWO)
    two.port.opened = lambda: told.append(two.port.open)
    two.follow(plan(ONE, security=keyed(2, 1)))
    assert told == [True, True], "keys that are told in the descriptions are there at once"


async def test_it_is_open_when_the_handshake_is_done(ours: Identity, theirs: Identity) -> None:
    told: list[str] = []
    one, two = Side(ONE, ours), Side(TWO, theirs)
    one.port.opened, two.port.opened = (lambda: told.append("one")), (lambda: told.append("two"))
    one.follow(plan(TWO, rtcp_mux=True, security=Dtls(True, prints(theirs))))
    two.follow(plan(ONE, rtcp_mux=True, security=Dtls(False, prints(ours))))
    assert not one.port.open and not told
    carry(one, two)
    assert one.port.open and two.port.open and sorted(told) == ["one", "two"]
    one.port.close()
    two.port.close()


def test_rtcp_on_its_own_port_is_proved_and_wanted_for_itself() -> None:
    one = Side(ONE)
    one.follow(plan(TWO, ice=ICE))
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    one.port.send_rtcp(REPORT, TWO)
    assert one.wire.rtcp == []
    one.wire.rtcp_arrived(check(), (NATTED[0], 61001), 100.0)
    one.port.send_rtcp(REPORT, TWO)
    one.wire.rtcp_arrived(REPORT, (NATTED[0], 61001), 100.0)
    assert one.wire.rtcp[1:] == [(REPORT, (NATTED[0], 61001))]
    assert one.rtcp == [(REPORT, (TWO[0], TWO[1] + 1))]


@pytest.mark.parametrize("active", [True, False])
async def test_with_ice_the_handshake_waits_for_a_check(active: bool, ours: Identity, theirs: Identity) -> None:
    one, two = Side(ONE, ours), Side(NATTED, theirs)
    one.follow(plan(("0.0.0.0", 9), ice=ICE, rtcp_mux=True, security=Dtls(active, prints(theirs))))
    two.follow(plan(ONE, rtcp_mux=True, security=Dtls(not active, prints(ours))))
    early, two.wire.rtp = two.wire.rtp, []
    for datagram, _ in early:
        one.wire.rtp_arrived(datagram, NATTED, 100.0)
    assert one.wire.rtp == []
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    one.wire.rtp = [sent for sent in one.wire.rtp if sent[0][0] > 3]  # all but the answer to the check
    for datagram, _ in early:
        one.wire.rtp_arrived(datagram, NATTED, 100.0)
    assert {to for _, to in one.wire.rtp} == {NATTED}
    carry(one, two)
    one.port.send_rtp(voice(1), TWO)
    two.port.send_rtp(voice(2), ONE)
    carry(one, two)
    assert [packet for packet, _ in two.rtp] == [voice(1)] and [packet for packet, _ in one.rtp] == [voice(2)]
    one.port.close()
    two.port.close()


# --- who does not come, falls silent, or leaves ---------------------------------------------------------------------

PATIENCE = Patience(connect_s=10.0, consent_s=15.0, leave_s=2.0)


class Told:
    """What a side is told of its peer."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.gone: list[float | str] = []
        self._listen(side.port)

    def _listen(self, port: SecurePort) -> None:
        port.vanished = self.gone.append
        port.left = lambda: self.gone.append("left")

    def at(self, now: float) -> list[float | str]:
        """What has been told by then, looked at once a second."""
        while self.side.now < now:
            self.side.now += 1.0
            self.side.port.watch(self.side.now)
        return self.gone


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda prints: {"ice": ICE}, "no way to the peer was found (ICE) within 10 s: can it reach UDP port 4000"),
        (lambda prints: {"ice": ICE, "security": keyed(1, 2)}, "(ICE)"),
        (lambda prints: {"ice": ICE, "security": Dtls(False, prints)}, "(ICE)"),
        (lambda prints: {"security": Dtls(False, prints)}, "no DTLS handshake within 10 s"),
    ],
)
async def test_who_does_not_come_in_time_is_told_of_once(
    make: Callable[[tuple[tuple[str, str], ...]], dict[str, object]], why: str, ours: Identity, theirs: Identity
) -> None:
    one = Side(ONE, ours, PATIENCE)
    told = Told(one)
    one.follow(plan(TWO, rtcp_mux=True, **make(prints(theirs))))
    told.at(109.0)
    assert one.failures == []
    told.at(140.0)
    assert len(one.failures) == 1 and why in one.failures[0] and told.gone == []
    one.port.close()


async def test_a_check_without_a_handshake_is_not_enough(ours: Identity, theirs: Identity) -> None:
    one = Side(ONE, ours, PATIENCE)
    one.follow(plan(TWO, rtcp_mux=True, ice=ICE, security=Dtls(False, prints(theirs))))
    one.wire.rtp_arrived(check(), NATTED, 101.0)
    Told(one).at(111.0)
    assert one.failures == ["no DTLS handshake within 10 s"]
    one.port.close()


def test_who_comes_in_time_may_come_again() -> None:
    one = Side(ONE, None, PATIENCE)
    told = Told(one)
    one.follow(plan(TWO, rtcp_mux=True, ice=ICE))
    told.at(109.0)
    one.wire.rtp_arrived(check(), NATTED, 109.0)
    assert told.at(120.0) == [] and one.failures == []


def test_what_needs_no_finding_is_not_waited_for() -> None:
    one = Side(ONE, None, PATIENCE)
    one.follow(plan(TWO, security=keyed(1, 2)))
    assert Told(one).at(200.0) == [] and one.failures == []


@pytest.mark.parametrize("sealed", [True, False])
def test_without_consent_nothing_is_sent_and_that_is_told_once(sealed: bool) -> None:
    one, two = Side(ONE, None, PATIENCE), Side(NATTED)
    one.follow(plan(TWO, rtcp_mux=True, ice=ICE, security=keyed(1, 2) if sealed else None))
    two.follow(plan(ONE, rtcp_mux=True, security=keyed(2, 1) if sealed else None))
    told = Told(one)
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    one.wire.rtp.clear()
    told.at(110.0)
    two.port.send_rtp(voice(1), ONE)
    carry(two, one)  # what is the peer's is a sign that it is there
    assert told.at(124.0) == []
    one.port.send_rtp(voice(1), TWO)
    assert len(one.wire.rtp) == 1
    assert told.at(150.0) == [15.0]
    one.port.send_rtp(voice(2), TWO)
    assert len(one.wire.rtp) == 1 and one.port.unsent == 1
    one.wire.rtp_arrived(check(), NATTED, 150.0)  # a laptop that slept
    one.port.send_rtp(voice(3), TWO)
    assert one.wire.rtp[-1][1] == NATTED and told.at(160.0) == [15.0]


def test_what_is_not_the_peers_is_no_sign_of_it() -> None:
    """A forged source would have a stream sent to its victim for ever."""
    one = Side(ONE, None, PATIENCE)
    one.follow(plan(TWO, rtcp_mux=True, ice=ICE, security=keyed(1, 2)))
    one.wire.rtp_arrived(check(), NATTED, 100.0)
    told = Told(one)
    for now in range(101, 131):
        one.wire.rtp_arrived(voice(now), NATTED, float(now))
        one.wire.rtp_arrived(b"\x16\xfe\xfd", NATTED, float(now))
    assert told.at(130.0) == [15.0]


@pytest.mark.parametrize("mux", [True, False])
async def test_who_closes_its_media_has_left(mux: bool, ours: Identity, theirs: Identity) -> None:
    one, two = Side(ONE, ours, PATIENCE), Side(TWO, theirs)
    shake(one, two, ours, theirs, rtcp_mux=mux)
    carry(one, two)
    told = Told(one)
    assert told.at(103.0) == []
    two.port.close()
    two.port.close()
    carry(one, two)
    assert told.at(105.0) == [], "signalling may say it first"
    assert told.at(120.0) == ["left"] and one.failures == []
    one.port.close()


async def test_who_closes_and_begins_anew_has_not_left(ours: Identity, theirs: Identity) -> None:
    one, two = Side(ONE, ours, PATIENCE), Side(TWO, theirs)
    one.follow(plan(TWO, security=Dtls(False, prints(theirs)), rtcp_mux=True))
    two.follow(plan(ONE, security=Dtls(True, prints(ours)), rtcp_mux=True))
    carry(one, two)
    told = Told(one)
    two.port.close()
    carry(one, two)
    again = Side(TWO, theirs)
    again.follow(plan(ONE, security=Dtls(True, prints(ours)), rtcp_mux=True))
    carry(one, again)
    assert told.at(120.0) == []
    for side in (one, again):
        side.port.close()


async def test_who_never_had_keys_says_no_goodbye(ours: Identity, theirs: Identity) -> None:
    one = Side(ONE, ours)
    one.follow(plan(TWO, security=Dtls(False, prints(theirs)), rtcp_mux=True))
    one.port.close()
    assert one.wire.rtp == []


# --- whatever comes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda ours: plan(TWO),
        lambda ours: plan(TWO, security=keyed(1, 2)),
        lambda ours: plan(TWO, ice=ICE),
        lambda ours: plan(TWO, ice=ICE, rtcp_mux=True, security=Dtls(False, prints(ours))),
        lambda ours: plan(TWO, security=Dtls(False, prints(ours))),
    ],
)
@given(garbage=st.binary(max_size=120), first=st.integers(0, 255))
def test_garbage_is_borne(make: Callable[[Identity], MediaPlan], garbage: bytes, first: int, ours: Identity) -> None:
    async def bear() -> None:
        one = Side(ONE, ours)
        agreed = make(ours)
        one.follow(agreed)
        for datagram in (garbage, bytes([first]) + garbage):
            one.wire.rtp_arrived(datagram, STRANGER, 100.0)
            one.wire.rtcp_arrived(datagram, STRANGER, 100.0)
        assert (agreed.security is None and agreed.ice is None) or one.rtp == one.rtcp == []
        assert one.failures == []
        one.port.close()

    asyncio.run(bear())
