from hypothesis import given
from hypothesis import strategies as st

from mediaserver.talk.heard import heard_ms


def test_what_is_on_the_way_is_not_heard() -> None:
    assert heard_ms(1000, 4000, rtt_ms=60, receiver_buffer_ms=40) == 930
    assert heard_ms(1000, 4000, rtt_ms=None, receiver_buffer_ms=40) == 960


def test_never_more_than_the_provider_sent() -> None:
    assert heard_ms(1020, 1003.5, rtt_ms=None, receiver_buffer_ms=0) == 1003


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.none() | st.floats(0, 5000), st.floats(0, 500))
def test_always_within_bounds(sent: float, received: float, rtt: float | None, buffer: float) -> None:
    assert 0 <= heard_ms(sent, received, rtt, buffer) <= received
