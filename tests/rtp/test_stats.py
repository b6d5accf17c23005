import pytest

from mediaserver.rtp.stats import ReceiverStatistics


def feed(stats: ReceiverStatistics, *sequences: int) -> list[int | None]:
    return [stats.sequence(sequence & 0xFFFF) for sequence in sequences]


def test_loss_across_the_wrap() -> None:
    stats = ReceiverStatistics()
    feed(stats, 65533, 65534, 0, 1, 3)
    assert (stats.expected, stats.received, stats.lost) == (7, 5, 2)
    assert stats.reported_highest == 65536 + 3
    assert stats.fraction_lost() == 2 * 256 // 7
    feed(stats, 4, 5)
    assert stats.fraction_lost() == 0


def test_duplicates_make_loss_negative_and_the_fraction_zero() -> None:
    stats = ReceiverStatistics()
    feed(stats, 1, 2, 2, 2)
    assert stats.lost == -2
    assert stats.fraction_lost() == 0


def test_a_jump_is_believed_when_a_second_packet_confirms_it() -> None:
    stats = ReceiverStatistics()
    first = feed(stats, 10, 11)
    assert feed(stats, 40000, 12) == [None, first[1] + 1]  # a stray one changes nothing
    assert feed(stats, 50000) == [None]
    (number,) = feed(stats, 50001)
    assert number is not None
    assert feed(stats, 50002, 50003) == [number + 1, number + 2]
    assert (stats.restarts, stats.expected, stats.received, stats.total_lost) == (1, 3, 3, 0)


def test_a_jump_back_needs_confirmation_too() -> None:
    stats = ReceiverStatistics()
    feed(stats, 5000)
    assert feed(stats, 100) == [None]
    assert feed(stats, 101)[0] is not None
    assert stats.restarts == 1


def test_a_little_old_is_misorder_not_a_jump() -> None:
    stats = ReceiverStatistics()
    high, low = feed(stats, 50, 2)
    assert high - low == 48


def test_jitter_of_a_steady_stream_is_zero_and_of_an_alternating_one_converges() -> None:
    stats = ReceiverStatistics()
    for turn in range(200):
        stats.timestamp(turn * 160 % 2**32, turn * 0.02)
    assert stats.jitter == pytest.approx(0.0, abs=1e-6)
    for turn in range(200, 500):
        stats.timestamp(turn * 160, turn * 0.02 + (0.005 if turn % 2 else 0.0))
    assert stats.jitter_ms == pytest.approx(5.0, abs=0.1)


def test_a_new_time_line_is_not_jitter() -> None:
    stats = ReceiverStatistics()
    stats.timestamp(0, 0.0)
    stats.timestamp(160 + 90_000, 0.02)
    assert stats.jitter == 0.0


def test_loss_before_a_jump_is_not_forgotten() -> None:
    stats = ReceiverStatistics()
    feed(stats, 1, 2, 5, 30_000, 30_001, 30_004)
    assert (stats.lost, stats.total_lost) == (2, 4)


def test_strays_do_not_carry_the_numbering_away() -> None:
    stats = ReceiverStatistics()
    (first,) = feed(stats, 11)
    assert first is not None
    assert feed(stats, 25_000, 50_000, 12) == [None, None, first + 1]
