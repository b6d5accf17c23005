"""A session and the networks between: private addresses, ports that change, and strangers, for RTP and RTCP."""

from mediaproviders.contract import PCMU
from mediaserver.rtp.packet import build
from mediaserver.rtp.plan import Address, StreamPlan
from mediaserver.rtp.playout import Playout
from mediaserver.rtp.session import MediaSession

PRIVATE, PUBLIC, REBOUND, MOVED = (
    ("10.0.0.5", 4000),
    ("203.0.113.9", 61000),
    ("203.0.113.9", 61777),
    ("198.51.100.4", 5500),
)
STRANGER = ("203.0.113.66", 6666)


def report(ssrc: int = 7) -> bytes:
    """An empty receiver report and a CNAME."""
    who = ssrc.to_bytes(4)
    return b"\x80\xc9\0\1" + who + b"\x81\xca\0\2" + who + b"\1\1a\0"


def session(signalled: str | None = PUBLIC[0]) -> MediaSession:
    plan = StreamPlan(
        receive={0: "PCMU"},
        send_payload_type=0,
        send_encoding="PCMU",
        ptime_ms=20,
        remote_rtp=PRIVATE,
        remote_rtcp=(PRIVATE[0], PRIVATE[1] + 1),
        signalled=signalled,
    )
    playout = Playout(encoding="PCMU", ptime_ms=20, source=PCMU)
    return MediaSession(plan, ssrc=1, cname="a@b", first_sequence=1, first_timestamp=1, now=0.0, playout=playout)


def talk(subject: MediaSession, source: Address, first: int, packets: int, at: float, ssrc: int = 7) -> int:
    """So many packets from a source; how many were taken."""
    before = subject.counters().received
    for number in range(first, first + packets):
        packet = build(0, number, 160 * number, ssrc, bytes(160))
        subject.rtp_received(packet, source, at + 0.02 * (number - first))
        subject.take_backlog()
    return subject.counters().received - before


def test_a_private_address_is_answered_at_its_nat() -> None:
    subject = session()
    assert subject.destination == PRIVATE and subject.rtcp_destination == (PRIVATE[0], 4001)
    assert talk(subject, PUBLIC, 1, 10, 0.0) == 10
    assert subject.destination == PUBLIC
    subject.rtcp_received(report(), (PUBLIC[0], 61001), 0.3)
    assert subject.rtcp_destination == (PUBLIC[0], 61001)


def test_a_nat_that_gives_other_ports_keeps_the_call() -> None:
    subject = session()
    talk(subject, PUBLIC, 1, 50, 0.0)
    subject.rtcp_received(report(), (PUBLIC[0], 61001), 0.9)
    assert talk(subject, REBOUND, 110, 20, 2.2) == 20
    subject.rtcp_received(report(), (REBOUND[0], 61778), 2.7)
    assert subject.destination == REBOUND and subject.rtcp_destination == (REBOUND[0], 61778)


def test_a_peer_that_moves_to_another_network_keeps_the_call() -> None:
    subject = session()
    talk(subject, PUBLIC, 1, 50, 0.0)
    assert talk(subject, MOVED, 120, 20, 2.4) == 20
    subject.rtcp_received(report(), (MOVED[0], 5501), 2.9)
    assert subject.destination == MOVED and subject.rtcp_destination == (MOVED[0], 5501)


def test_a_stranger_gets_nothing_early_late_or_in_a_pause() -> None:
    subject = session()
    talk(subject, STRANGER, 1, 3, 0.0, ssrc=666)
    assert talk(subject, PUBLIC, 1, 50, 0.1) == 50  # at once, for that is where signalling comes from
    assert talk(subject, STRANGER, 4, 50, 0.5, ssrc=7) == 0
    assert talk(subject, STRANGER, 900, 500, 10.0, ssrc=666) == 0
    assert subject.destination == PUBLIC


def test_rtcp_of_a_stranger_neither_counts_nor_draws_ours() -> None:
    subject = session()
    subject.rtcp_received(report(), STRANGER, 0.0)
    talk(subject, PUBLIC, 1, 10, 0.1)
    subject.rtcp_received(report(), STRANGER, 0.4)
    assert subject.rtcp_destination == (PRIVATE[0], 4001) and subject.counters().refused == 2
