from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp.reorder import Reorder

JITTER = 0.0


def subject() -> Reorder[int]:
    return Reorder(0.010, 0.060)


def arrive(reorder: Reorder[int], sequence: int, now: float) -> list[tuple[int, int]]:
    if reorder.passes(sequence):
        return [(0, sequence)]
    reorder.hold(sequence, sequence, now, JITTER)
    return reorder.released(now)


def test_packets_in_order_are_never_held() -> None:
    reorder = subject()
    for sequence in range(100, 200):
        assert reorder.passes(sequence)
        assert reorder.deadline is None


def test_a_swapped_pair_waits_for_its_first() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    assert arrive(reorder, 3, 0.040) == []
    assert reorder.deadline == 0.040 + 0.010
    assert arrive(reorder, 2, 0.045) == [(0, 2), (0, 3)]
    assert reorder.deadline is None
    assert (reorder.lost, reorder.late, reorder.duplicates) == (0, 0, 0)


def test_a_hole_is_given_up_and_its_packet_then_late_once() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    arrive(reorder, 4, 0.060)
    assert reorder.released(0.069) == []
    assert reorder.released(0.070) == [(2, 4)]
    assert arrive(reorder, 2, 0.075) == []
    assert arrive(reorder, 2, 0.076) == []
    assert (reorder.lost, reorder.late, reorder.duplicates) == (2, 1, 1)


def test_each_hole_has_a_wait_of_its_own() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    arrive(reorder, 3, 0.020)
    arrive(reorder, 5, 0.025)
    assert reorder.released(0.030) == [(1, 3)]
    assert reorder.released(0.034) == []
    assert reorder.released(0.035) == [(1, 5)]


def test_duplicates_of_played_and_of_held_packets_are_dropped() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    assert arrive(reorder, 1, 0.0) == []
    arrive(reorder, 3, 0.0)
    assert arrive(reorder, 3, 0.0) == []
    assert reorder.duplicates == 2


def test_the_wait_grows_with_reordering_that_was_seen_and_shrinks_with_loss() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    arrive(reorder, 3, 0.0)
    reorder.released(0.010)
    arrive(reorder, 2, 0.030)  # 30 ms late: worth waiting for the next time
    arrive(reorder, 5, 0.1)
    assert abs(reorder.wait - 0.0375) < 1e-9
    assert arrive(reorder, 4, 0.130) == [(0, 4), (0, 5)]
    for turn in range(40):
        arrive(reorder, 7 + 2 * turn, 1.0 + turn)
        reorder.released(1.5 + turn)
    assert reorder.wait == 0.010


def test_the_wait_is_bounded() -> None:
    reorder = subject()
    reorder.passes(1)
    reorder.hold(3, 3, 0.0, 5.0)
    assert reorder.wait == 0.060


def test_a_flood_behind_a_hole_is_not_hoarded() -> None:
    reorder = subject()
    reorder.passes(1)
    out = [one for sequence in range(3, 300) for one in arrive(reorder, sequence, 0.0)]
    assert out[0] == (1, 3)
    assert out[-1] == (0, 299)


def test_restart_hands_out_what_was_held() -> None:
    reorder = subject()
    arrive(reorder, 1, 0.0)
    arrive(reorder, 4, 0.0)
    arrive(reorder, 3, 0.0)
    assert [item for _, item in reorder.restart()] == [3, 4]
    assert reorder.passes(90)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 0.2), st.booleans(), st.integers(0, 2)), min_size=1, max_size=60),
    st.data(),
)
def test_whatever_the_network_does(packets: list[tuple[float, bool, int]], _: st.DataObject) -> None:
    """Each packet is delayed, lost or repeated: what comes out is in order, once, and accounts for every number."""
    arrivals = [
        (0.02 * number + delay + 0.003 * copy, number)
        for number, (delay, lost, copies) in enumerate(packets)
        if not lost
        for copy in range(copies + 1)
    ]
    reorder = subject()
    out: list[tuple[int, int]] = []
    gone = 0.0
    for now, number in sorted(arrivals):
        fresh = arrive(reorder, number, now) + reorder.released(now)
        for _missing, item in fresh:
            if item == number and not reorder.deadline:
                gone = now
        out += fresh
    out += reorder.released(gone + 1000.0)
    numbers = [item for _, item in out]
    assert numbers == sorted(set(numbers))
    if numbers:
        assert sum(missing for missing, _ in out) + len(out) == numbers[-1] - numbers[0] + 1
        assert reorder.late + reorder.duplicates + len(out) == len(arrivals)
    assert reorder.deadline is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 0.008), min_size=2, max_size=40))
def test_reordering_within_the_wait_loses_nothing(delays: list[float]) -> None:
    """Packets every 2 ms, delayed by less than the least wait: all come out, in order."""
    reorder = subject()
    arrive(reorder, -1, 0.0)
    arrivals = sorted((0.002 * number + delay, number) for number, delay in enumerate(delays))
    out = [item for now, number in arrivals for _, item in arrive(reorder, number, now)]
    assert out == list(range(len(delays)))
    assert reorder.lost == 0
