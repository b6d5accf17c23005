"""The receiving side as a shell sees it: sources, streams, digits, hostile datagrams, renegotiation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaproviders.contract import PCMU
from mediaserver.rtp import packet, rtcp
from mediaserver.rtp.events import Digit, MediaLost, MediaResumed, SourceChanged, SsrcChanged
from mediaserver.rtp.plan import MediaSettings
from support.rtp import FRAME, PEER, Peer, Uplink, plan, session, speech, wheel

ATTACKER = ("203.0.113.66", 6666)


def test_numbers_wrap_without_a_seam() -> None:
    uplink, peer = Uplink(session()), Peer(sequence=65_400, timestamp=2**32 - 160 * 70)
    payloads = speech(300)
    for turn, payload in enumerate(payloads):
        assert uplink.receive(peer.audio(payload), 0.02 * turn) == [payload]
    counters = uplink.session.counters()
    assert (counters.received, counters.lost, counters.concealed_ms) == (300, 0, 0.0)
    assert counters.jitter_ms < 0.01


def test_a_very_long_stream_wraps_again_and_again() -> None:
    uplink, peer = Uplink(session()), Peer()
    payload = speech(1)[0]
    for turn in range(70_000):
        assert uplink.session.rtp_received(peer.audio(payload), PEER, 0.02 * turn) == payload
    assert uplink.session.counters().lost == 0


def test_a_hijacker_is_not_heard() -> None:
    uplink, peer, thief = Uplink(session()), Peer(), Peer(ssrc=0xBAD, sequence=1)
    for turn, payload in enumerate(speech(100)):
        assert uplink.receive(peer.audio(payload), 0.02 * turn) == [payload]
        assert uplink.receive(thief.audio(b"\x01" * FRAME), 0.02 * turn + 0.01, ATTACKER) == []
    assert uplink.session.destination == PEER
    assert uplink.session.counters().refused == 100
    assert uplink.session.events() == [SourceChanged(PEER, None)]


def test_a_new_stream_of_the_same_source_goes_on_at_once() -> None:
    uplink, old, new = Uplink(session()), Peer(ssrc=1), Peer(ssrc=2, sequence=5, timestamp=99)
    payloads = speech(20)
    for turn in range(10):
        uplink.receive(old.audio(payloads[turn]), 0.02 * turn)
    straggler = old.audio(b"\x01" * FRAME)
    for turn in range(10, 20):
        assert uplink.receive(new.audio(payloads[turn]), 0.02 * turn) == [payloads[turn]]
    assert uplink.receive(straggler, 0.4) == []
    assert uplink.session.events()[1:] == [SsrcChanged(2, 1)]
    assert uplink.payloads == payloads


def test_what_a_hole_held_is_not_lost_when_the_stream_changes() -> None:
    uplink, old, new = Uplink(session()), Peer(ssrc=1), Peer(ssrc=2)
    payloads = speech(3)
    uplink.receive(old.audio(payloads[0]), 0.0)
    old.lose()
    assert uplink.receive(old.audio(payloads[1]), 0.04) == []
    got = uplink.receive(new.audio(payloads[2]), 0.045)
    assert got[-2:] == payloads[1:]


def test_what_a_hole_held_comes_out_when_the_new_stream_begins_with_a_key() -> None:
    uplink, old, new = Uplink(session()), Peer(ssrc=1), Peer(ssrc=2)
    payloads = speech(2)
    uplink.receive(old.audio(payloads[0]), 0.0)
    old.lose()
    assert uplink.receive(old.audio(payloads[1]), 0.04) == []
    assert uplink.session.rtp_received(new.event(1, 160), PEER, 0.045) is not None


def test_a_sender_that_renumbers_is_taken_up_with_its_second_packet() -> None:
    uplink, peer = Uplink(session()), Peer(sequence=100)
    payloads = speech(30)
    for turn in range(30):
        if turn == 10:
            peer.sequence, peer.timestamp = 30_000, 77
        uplink.receive(peer.audio(payloads[turn]), 0.02 * turn)
        uplink.overdue(0.02 * turn + 0.01)
    assert payloads[11:] == uplink.payloads[-19:]
    assert abs(uplink.samples - 30 * FRAME) <= FRAME


def test_keys() -> None:
    uplink, peer = Uplink(session()), Peer()
    now = 0.0
    for key in (1, 2, 11):
        for turn in range(8):
            uplink.receive(peer.event(key, 160 * min(turn + 1, 5), end=turn >= 5), now)
            now += 0.02
        peer.pause(8 * FRAME)
    uplink.receive(peer.event(7, 160), now)
    wheel(now + 0.5, 0.02, uplink.overdue, start=now)
    digits = [event for event in uplink.session.events() if isinstance(event, Digit)]
    assert digits == [Digit("1", 100.0), Digit("2", 100.0), Digit("#", 100.0), Digit("7", 20.0)]


def test_media_that_stops_is_reported_once_and_its_return_too() -> None:
    uplink, peer = Uplink(session()), Peer()
    uplink.receive(peer.audio(speech(1)[0]), 0.0)
    uplink.session.events()
    wheel(20.0, 0.02, uplink.overdue)
    (lost,) = uplink.session.events()
    assert isinstance(lost, MediaLost)
    assert 5.0 <= lost.seconds < 5.1
    peer.pause(20 * 8000)
    uplink.receive(peer.audio(speech(1)[0]), 20.0)
    assert uplink.session.events() == [MediaResumed()]


def test_a_peer_that_never_sends_is_lost_and_one_on_hold_is_not() -> None:
    silent, held = Uplink(session()), Uplink(session(plan(receives=False)))
    wheel(20.0, 0.02, silent.overdue, held.overdue)
    assert [type(event) for event in silent.session.events()] == [MediaLost]
    assert held.session.events() == []
    held.session.update(plan(), 20.0)
    wheel(24.9, 0.02, held.overdue, start=20.0)
    assert held.session.events() == []


def test_rtcp_keeps_a_silent_leg_alive() -> None:
    uplink = Uplink(session())
    report = rtcp.build(rtcp.ReceiverReport(5), rtcp.SourceDescription(5, "x"))
    wheel(20.0, 0.02, uplink.overdue, lambda now: uplink.session.rtcp_received(report, (PEER[0], 9), now))
    assert uplink.session.events() == []


def test_hold_stops_the_callers_audio_but_not_time() -> None:
    uplink, peer = Uplink(session()), Peer()
    payload = speech(1)[0]
    for turn in range(100):
        now = 0.02 * turn
        if turn == 20:
            uplink.session.update(plan(receives=False, sends=False), now)
        if turn == 70:
            uplink.session.update(plan(), now)
        uplink.receive(peer.audio(payload), now)
        uplink.overdue(now + 0.005)
    heard = b"".join(uplink.payloads)
    assert abs(len(heard) - 100 * FRAME) <= FRAME
    assert set(heard[24 * FRAME : 68 * FRAME]) == {0xFF}
    assert heard[-29 * FRAME :] == payload * 29


def test_another_law_after_a_new_description_leaves_the_uplink_as_it_was() -> None:
    uplink, peer = Uplink(session(plan(receive={0: "PCMU"}))), Peer()
    uplink.receive(peer.audio(b"\xff" * FRAME), 0.0)
    uplink.session.update(plan(receive={8: "PCMA"}, send_payload_type=8, send_encoding="PCMA"), 0.02)
    (payload,) = uplink.receive(peer.audio(b"\x2a" * FRAME, kind=8), 0.02)
    assert uplink.session.uplink_format == PCMU
    assert payload == b"\x00" * FRAME  # the largest negative value in both laws
    assert uplink.receive(peer.audio(b"\xff" * FRAME, kind=0), 0.04) == []


def test_a_new_address_opens_the_latch() -> None:
    uplink, peer = Uplink(session()), Peer()
    uplink.receive(peer.audio(speech(1)[0]), 0.0)
    elsewhere = ("198.51.100.7", 7000)
    uplink.session.update(plan(remote_rtp=elsewhere, remote_rtcp=("198.51.100.7", 7001)), 0.1)
    assert uplink.session.destination == elsewhere
    assert uplink.session.rtcp_destination == ("198.51.100.7", 7001)
    assert uplink.receive(peer.audio(speech(1)[0]), 0.11, elsewhere) != []


@pytest.mark.parametrize("back", [1, 50, 99, 2000, 30_000])
def test_a_stream_of_the_same_name_from_a_new_address_is_heard_whatever_its_numbers(back: int) -> None:
    uplink, peer = Uplink(session()), Peer(sequence=40_000)
    payloads = speech(60)
    for turn in range(30):
        uplink.receive(peer.audio(payloads[turn]), 0.02 * turn)
    straggler = peer.audio(payloads[29])
    elsewhere = ("198.51.100.7", 7000)
    uplink.session.update(plan(remote_rtp=elsewhere), 0.6)
    assert uplink.receive(straggler, 0.6) == [payloads[29]], "still on the way when the peer changed"
    other = Peer(sequence=40_030 - back, timestamp=77)
    for turn in range(30, 60):
        assert payloads[turn] in uplink.receive(other.audio(payloads[turn]), 0.02 * turn + 0.02, elsewhere)
    counters = uplink.session.counters()
    assert (counters.lost, counters.duplicate, counters.late) == (0, 0, 0)


def test_a_stream_that_goes_on_from_another_address_is_the_same() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(12)
    for turn in range(12):
        if turn == 6:
            uplink.session.update(plan(remote_rtp=("198.51.100.7", 7000)), 0.12)
            peer.lose()
        uplink.receive(peer.audio(payloads[turn]), 0.02 * turn, PEER if turn < 6 else ("198.51.100.7", 7000))
    wheel(0.5, 0.02, uplink.overdue, start=0.24)
    assert uplink.session.counters().lost == 1, "what was lost in between is known"


def test_a_call_may_go_back_to_a_peer_it_has_just_left() -> None:
    uplink, first, second = Uplink(session()), Peer(ssrc=1), Peer(ssrc=2, sequence=9)
    payloads, elsewhere = speech(6), ("198.51.100.7", 7000)
    for turn, (peer, address) in enumerate([(first, PEER)] * 2 + [(second, elsewhere)] * 2 + [(first, PEER)] * 2):
        uplink.session.update(plan(remote_rtp=address), 0.02 * turn)
        assert uplink.receive(peer.audio(payloads[turn]), 0.02 * turn, address) == [payloads[turn]]


def test_rtcp_on_the_rtp_port() -> None:
    report = rtcp.build(rtcp.ReceiverReport(5))
    for mux, unexpected in ((True, 0), (False, 1)):
        subject = session(plan(rtcp_mux=mux))
        assert subject.rtp_received(report + bytes(20), PEER, 0.0) is None
        counters = subject.counters()
        assert counters.malformed + counters.unexpected == unexpected


def test_rtcp_of_a_stranger_is_refused_and_junk_counted() -> None:
    subject = session()
    subject.rtcp_received(rtcp.build(rtcp.ReceiverReport(5)), ATTACKER, 0.0)
    subject.rtcp_received(b"junk", PEER, 0.0)
    assert subject.counters().refused == 1
    assert subject.counters().malformed == 1
    assert subject.rtcp_destination == (PEER[0], PEER[1] + 1)


def test_types_never_offered_are_counted_and_do_not_latch() -> None:
    uplink, peer = Uplink(session()), Peer()
    assert uplink.receive(peer.audio(b"x" * FRAME, kind=99), 0.0, ATTACKER) == []
    assert uplink.session.counters().unexpected == 1
    assert uplink.session.destination == PEER


def test_empty_packets_keep_a_path_open_without_making_audio() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(2)
    uplink.receive(peer.audio(payloads[0]), 0.0)
    assert uplink.receive(peer.audio(b""), 0.01) == []
    assert uplink.receive(peer.audio(payloads[1]), 0.02) == [payloads[1]]


_hostile = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda first, kind, rest: bytes((first, kind)) + rest,
        st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0x8F, 0xBF, 0x40]),
        st.sampled_from([0, 8, 101, 0x80, 13, 72, 200, 201]),
        st.binary(max_size=200),
    ),
    st.builds(
        lambda kind, sequence, timestamp, ssrc, body: packet.build(kind, sequence, timestamp, ssrc, body),
        st.sampled_from([0, 8, 101, 13]),
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2),
        st.binary(max_size=300),
    ),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(_hostile, st.sampled_from([PEER, ATTACKER])), max_size=60), st.booleans())
def test_hostile_datagrams_are_counted_never_raised(datagrams: list[tuple[bytes, tuple[str, int]]], mux: bool) -> None:
    uplink = Uplink(session(plan(rtcp_mux=mux, comfort_noise_receive=13), settings=MediaSettings()))
    for turn, (data, source) in enumerate(datagrams):
        uplink.receive(data, 0.01 * turn, source)
        uplink.session.rtcp_received(data, source, 0.01 * turn)
        uplink.overdue(0.01 * turn)
        assert uplink.samples <= 0.01 * turn * 8000 + 1600 + 600
    uplink.session.events()
    uplink.session.counters()
    uplink.session.rtcp_due(100.0)
