import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.g711 import PCMA, PCMU
from support.rtp import FRAME, Peer, Uplink, plan, session, speech, wheel

QUIET = b"\xff" * FRAME


def ahead(uplink: Uplink, now: float) -> float:
    """Samples the stream is in front of the wall, as counted by who took it."""
    return uplink.samples - now * 8000


def test_audio_passes_untouched_and_at_once() -> None:
    uplink, peer = Uplink(session()), Peer()
    for turn, payload in enumerate(speech(300)):
        assert uplink.receive(peer.audio(payload), 0.02 * turn) == [payload]
        assert uplink.overdue(0.02 * turn + 0.015) == []


def test_the_other_law_is_translated() -> None:
    uplink, peer = Uplink(session()), Peer()
    (payload,) = uplink.receive(peer.audio(bytes(range(160)), kind=8), 0.0)
    assert payload == PCMU.encode(PCMA.decode(bytes(range(160))))


def test_silence_before_the_first_packet() -> None:
    uplink = Uplink(session())
    wheel(1.0, 0.02, uplink.overdue)
    assert abs(ahead(uplink, 1.0)) <= FRAME


def test_time_begins_with_the_first_tick_however_old_the_session_is() -> None:
    uplink = Uplink(session(now=0.0))
    wheel(101.0, 0.02, uplink.overdue, start=100.0)
    assert abs(ahead(uplink, 1.0)) <= FRAME
    assert uplink.session.events() == []


def test_a_caller_who_stops_in_mid_word_is_followed_by_silence_in_real_time() -> None:
    uplink, peer = Uplink(session()), Peer()
    for turn, payload in enumerate(speech(50)):
        uplink.receive(peer.audio(payload), 0.02 * turn)
    spoken = uplink.samples
    assert uplink.overdue(0.98 + 0.059) == []
    for turn in range(100):
        now = 1.045 + 0.005 * turn
        uplink.overdue(now)
        # The first packet held 20 ms: the stream's clock began that much earlier.
        assert -FRAME <= ahead(uplink, now + 0.02) <= 1
    assert set(b"".join(uplink.payloads)[spoken:]) == {0xFF}


def test_one_lost_packet_is_concealed_in_its_place() -> None:
    uplink, peer = Uplink(session()), Peer()
    tone = PCMU.encode((8000 * np.sin(2 * np.pi * 400 / 8000 * np.arange(FRAME * 20))).astype(np.int16))
    frames = [tone[at : at + FRAME] for at in range(0, len(tone), FRAME)]
    for turn in range(20):
        now = 0.02 * turn
        if turn == 10:
            peer.lose()
        else:
            uplink.receive(peer.audio(frames[turn]), now)
        uplink.overdue(now + 0.012)
    heard = b"".join(uplink.payloads)
    assert len(heard) == len(tone)
    difference = PCMU.decode(heard).astype(float) - PCMU.decode(tone)
    assert np.abs(difference[: 10 * FRAME]).max() == 0
    assert np.sqrt(np.mean(difference[10 * FRAME : 11 * FRAME] ** 2)) < 2500  # a tone goes on through the hole
    assert np.abs(difference[12 * FRAME :]).max() == 0
    assert uplink.session.counters().concealed_ms == 20.0
    assert uplink.session.counters().lost == 1


def test_a_reordered_pair_costs_nothing() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(10)
    packets = [peer.audio(payload) for payload in payloads]
    packets[4], packets[5] = packets[5], packets[4]
    for turn, data in enumerate(packets):
        uplink.receive(data, 0.02 * turn if turn != 5 else 0.085)
    assert uplink.payloads == payloads
    assert uplink.session.counters().concealed_ms == 0


def test_late_audio_passes_and_quiet_frames_pay_it_back() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(60)
    for turn in range(50):
        uplink.receive(peer.audio(payloads[turn]), 0.02 * turn)
    wheel(1.14, 0.02, uplink.overdue, start=1.0)  # 160 ms of nothing
    for payload in payloads[50:58]:  # then all of it at once
        uplink.receive(peer.audio(payload), 1.14)
    heard = b"".join(uplink.payloads)
    assert all(payload in heard for payload in payloads[:58])
    assert FRAME < ahead(uplink, 1.16) <= 200 * 8
    for turn in range(58, 80):
        uplink.receive(peer.audio(QUIET), 0.02 * turn)
    assert -FRAME <= ahead(uplink, 0.02 * 80) <= FRAME
    assert uplink.session.counters().trimmed_ms > 0


def test_a_flood_cannot_run_ahead_for_ever() -> None:
    uplink, peer = Uplink(session()), Peer()
    for payload in speech(500):
        uplink.receive(peer.audio(payload), 0.0)
    assert uplink.samples <= 200 * 8 + FRAME


def test_comfort_noise_announces_silence_at_once() -> None:
    uplink, peer = Uplink(session(plan(comfort_noise_receive=13))), Peer()
    for turn, payload in enumerate(speech(10)):
        uplink.receive(peer.audio(payload), 0.02 * turn)
    uplink.receive(peer.audio(b"\x32", kind=13), 0.2)
    got = b"".join(uplink.overdue(0.201 + 0.02 * turn)[0] for turn in range(10))
    assert len(set(got)) > 2  # noise, as told


def test_a_key_press_leaves_no_hole_in_time() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(100)
    for turn in range(100):
        now = 0.02 * turn
        if 30 <= turn < 45:
            uplink.receive(peer.event(5, 160 * (turn - 29), end=turn >= 42), now)
            if turn == 44:
                peer.pause(15 * FRAME)
        else:
            uplink.receive(peer.audio(payloads[turn]), now)
        uplink.overdue(now + 0.01)
        assert -5 * FRAME <= ahead(uplink, now + 0.02) <= FRAME
    assert abs(ahead(uplink, 2.0)) <= FRAME


def test_a_slow_clock_is_made_up_for_in_quiet_moments() -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(50) + [QUIET] * 50
    now = 0.0
    for turn in range(6000):  # two minutes at 1000 ppm: 120 ms behind if nothing were done
        uplink.receive(peer.audio(payloads[turn % 100]), now)
        now += 0.02002
        uplink.overdue(now - 0.005)
    assert abs(ahead(uplink, now)) <= 2 * FRAME


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["talk", "talk", "pause", "stall", "loss", "key"]), st.integers(1, 40)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([80, 160, 240, 480]),
    st.floats(0.0, 0.03),
    st.integers(0, 99),
)
def test_time_is_conserved(acts: list[tuple[str, int]], size: int, jitter: float, seed: int) -> None:
    """DTX, stalls with a burst after them, loss, keys and jitter: the uplink keeps pace with the wall throughout."""
    chance = random.Random(seed)
    peer = Peer()
    ptime = size / 8000
    arrivals = [(0.0, peer.audio(b"\x10\x90" * (size // 2)))]  # the stream's clock begins with the first packet
    now = ptime
    for act, frames in acts:
        stalled = now + frames * ptime if act == "stall" and frames * ptime < 0.18 else 0.0
        for _ in range(frames):
            if act in ("talk", "stall"):
                payload = b"\x10\x90" * (size // 2) if act == "talk" else b"\xff" * size
                arrivals.append((max(now + chance.uniform(0, jitter), stalled), peer.audio(payload)))
            elif act == "pause":
                peer.pause(size)
            elif act == "loss":
                peer.lose(1, size)
            else:
                arrivals.append((now, peer.event(1, 160)))
                peer.pause(size)
            now += ptime
    end = now + 1.0
    uplink = Uplink(session(plan(ptime_ms=size // 8)))
    arrivals.sort(key=lambda arrival: arrival[0])
    turn = 0
    while turn * 0.005 <= end:
        moment = turn * 0.005
        while arrivals and arrivals[0][0] <= moment:
            when, data = arrivals.pop(0)
            uplink.receive(data, when)
            assert ahead(uplink, when) <= 1600 + 2 * size
        uplink.overdue(moment)
        assert ahead(uplink, moment) >= -(0.2 * 8000 + 2 * size)
        turn += 1
    # A second of silence later all is settled.
    assert -size - 80 <= ahead(uplink, end) <= 2 * size


@pytest.mark.parametrize("lost", [2, 5, 20])
def test_a_burst_of_losses_costs_no_time(lost: int) -> None:
    uplink, peer = Uplink(session()), Peer()
    payloads = speech(100)
    for turn in range(100):
        now = 0.02 * turn
        if 40 <= turn < 40 + lost:
            peer.lose()
        else:
            uplink.receive(peer.audio(payloads[turn]), now)
        uplink.overdue(now + 0.011)
    assert abs(ahead(uplink, 2.0)) <= FRAME


@pytest.mark.parametrize("size", [80, 160, 480])
def test_no_comfort_between_packets_that_come_as_they_should(size: int) -> None:
    uplink, peer, chance = Uplink(session(plan(ptime_ms=size // 8))), Peer(), random.Random(1)
    payloads = speech(100, size=size)
    arrivals = [turn * size / 8000 + chance.uniform(0, 0.01) for turn in range(100)]
    now = 0.0
    for arrival, payload in zip(arrivals, payloads, strict=True):
        while now < arrival:
            uplink.overdue(now)
            now += 0.005
        uplink.receive(peer.audio(payload), arrival)
    assert uplink.payloads == payloads
