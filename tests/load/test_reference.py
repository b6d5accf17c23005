import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.load.recording import Arrival
from mediaserver.load.reference import Spread, main_source, receive


def stream(count, *, delays=None, timestamp=0, sequence=0, step=0.02):
    return [
        Arrival(
            50.0 + step * i + (delays[i] if delays else 0.0),
            (sequence + i) & 0xFFFF,
            (timestamp + 160 * i) & 0xFFFFFFFF,
            False,
            0,
            1,
            b"",
        )
        for i in range(count)
    ]


def test_a_perfect_stream_is_never_late():
    found = receive(stream(200, timestamp=0xFFFFF000, sequence=65500))
    assert (found.packets, found.missing, found.duplicates, found.reordered) == (200, 0, 0, 0)
    assert found.lateness_ms.max() < 1e-6
    assert found.clock_ms == pytest.approx(0, abs=1e-6)
    assert found.seconds == pytest.approx(3.98)


def test_lateness_is_against_the_best_transit_so_far():
    delays = [0.0] * 100
    delays[10], delays[50] = 0.030, -0.004
    found = receive(stream(100, delays=delays))
    assert found.lateness_ms[10] == pytest.approx(30)
    assert found.lateness_ms[49] == pytest.approx(0, abs=1e-6)
    # From the earlier packet on, every other one is 4 ms later than the schedule it set.
    assert found.lateness_ms[51] == pytest.approx(4)


def test_coming_early_is_not_being_heard_early():
    delays = [0.0] * 100
    delays[50], delays[60] = -0.008, 0.005
    found = receive(stream(100, delays=delays))
    assert found.playout[49] == pytest.approx(50.0 + 49 * 0.02)
    assert found.playout[50] == pytest.approx(50.0 + 50 * 0.02)
    # A late one is heard when it is there.
    assert found.playout[60] == pytest.approx(50.0 + 60 * 0.02 + 0.005)


@given(st.sets(st.integers(1, 98), max_size=20), st.integers(0, 65535))
@settings(max_examples=50)
def test_missing_counts_exactly_what_was_taken_out(lost, sequence):
    found = receive([packet for i, packet in enumerate(stream(100, sequence=sequence)) if i not in lost])
    assert found.missing == len(lost)


def test_a_duplicate_is_not_a_loss_and_hides_none():
    packets = stream(100)
    packets[20] = packets[19]
    found = receive(packets)
    assert (found.missing, found.duplicates) == (1, 1)


def test_reordering_is_counted():
    packets = stream(100)
    packets[20], packets[21] = packets[21], packets[20]
    assert receive(packets).reordered == 1


def test_a_clock_that_runs_ahead_is_seen():
    # Contiguous timestamps sent every 19.9 ms: half a second's worth of RTP clock gained in a hundred.
    found = receive(stream(1000, step=0.0199))
    assert found.clock_ms == pytest.approx(0.1 * 1000 * 0.95, rel=0.1)


def test_jitter_alone_is_not_drift():
    draw = np.random.default_rng(3)
    found = receive(stream(500, delays=draw.uniform(0, 0.015, 500).tolist()))
    assert abs(found.clock_ms) < 2


def test_nothing_received_is_not_an_error():
    assert receive([]).packets == 0
    assert main_source([]) == []
    assert math.isnan(Spread.of([]).p99)


def test_spread():
    spread = Spread.of(range(101))
    assert (spread.count, spread.p50, spread.p95, spread.p99, spread.max) == (101, 50, 95, 99, 100)
