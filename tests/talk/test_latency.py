import pytest

from mediaserver.talk.latency import Stopwatch


def test_stages_add_up_to_the_total() -> None:
    watch = Stopwatch()
    watch.committed(10.5, voice_ended=10.0)
    watch.audio(10.8)
    latency = watch.played(10.81)
    assert latency is not None
    assert (latency.turn, latency.endpoint_ms, latency.think_ms, latency.playout_ms) == (
        1,
        pytest.approx(500),
        pytest.approx(300),
        pytest.approx(10),
    )
    assert latency.total_ms == pytest.approx(810)


def test_only_the_first_item_of_an_answer_is_timed() -> None:
    watch = Stopwatch()
    watch.committed(1.0, 0.5)
    watch.audio(1.1)
    assert watch.played(1.2) is not None
    watch.audio(1.5)
    assert watch.played(1.6) is None


def test_a_greeting_is_no_turn() -> None:
    watch = Stopwatch()
    watch.audio(1.0)
    assert watch.played(1.1) is None


def test_an_interrupted_answer_is_not_timed() -> None:
    watch = Stopwatch()
    watch.committed(1.0, 0.5)
    watch.audio(1.1)
    watch.void()
    assert watch.played(1.2) is None
