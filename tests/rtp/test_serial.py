from hypothesis import given, settings
from hypothesis import strategies as st

from mediaserver.rtp.serial import Unwrapper, forward


@settings(deadline=None)
@given(st.integers(0, 65535), st.lists(st.integers(-32768, 32767), max_size=50))
def test_unwraps_any_walk_of_less_than_half_a_turn(start: int, steps: list[int]) -> None:
    unwrapper = Unwrapper(16)
    position = start
    first = unwrapper.unwrap(start)
    for step in steps:
        position += step
        assert unwrapper.peek(position & 0xFFFF) - first == position - start
        assert unwrapper.unwrap(position & 0xFFFF) - first == position - start


def test_thirty_two_bits_wrap() -> None:
    unwrapper = Unwrapper(32)
    before = unwrapper.unwrap(0xFFFF_FFB0)
    assert unwrapper.unwrap(0x50) - before == 160


def test_an_older_first_neighbour_stays_positive() -> None:
    unwrapper = Unwrapper(16)
    assert unwrapper.unwrap(2) > 0
    assert unwrapper.unwrap(65530) > 0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(-(2**31), 2**31 - 1))
def test_forward_is_the_signed_distance(older: int, distance: int) -> None:
    assert forward((older + distance) % 2**32, older, 32) == distance
