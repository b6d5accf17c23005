"""The queue of alarms, and the delays of the RFC's timers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.sip.timers import Alarms, Timer, TimerSettings


def drain(alarms: Alarms[str, int], now: float) -> list[tuple[str, int]]:
    fired = []
    while (due := alarms.due(now)) is not None:
        fired.append(due)
    return fired


def test_alarms_fire_in_order_and_once() -> None:
    alarms: Alarms[str, int] = Alarms()
    alarms.start("a", 1, 5.0)
    alarms.start("b", 1, 3.0)
    alarms.start("a", 2, 4.0)
    assert alarms.next() == 3.0
    assert drain(alarms, 4.0) == [("b", 1), ("a", 2)]
    assert drain(alarms, 9.0) == [("a", 1)]
    assert alarms.next() is None and len(alarms) == 0


def test_an_alarm_set_again_moves() -> None:
    alarms: Alarms[str, int] = Alarms()
    alarms.start("a", 1, 1.0)
    alarms.start("a", 1, 7.0)
    assert len(alarms) == 1
    assert drain(alarms, 6.0) == []
    assert alarms.next() == 7.0


def test_stopping_some_all_and_all_but() -> None:
    alarms: Alarms[str, int] = Alarms()
    for name in (1, 2, 3, 4):
        alarms.start("a", name, float(name))
    alarms.stop("a", 1)
    alarms.keep("a", {3, 4})
    assert alarms.next() == 3.0
    alarms.stop("a")
    alarms.stop("nobody")
    alarms.keep("nobody", ())
    assert alarms.next() is None and len(alarms) == 0


def test_stopped_alarms_do_not_pile_up() -> None:
    alarms: Alarms[str, int] = Alarms()
    for at in range(10_000):
        alarms.start("a", 1, 1e6 + at)
    assert len(alarms._heap) < 200


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "stop", "due"]), st.sampled_from("abc"), st.integers(0, 2), st.integers(0, 20)
        )
    )
)
def test_against_a_dictionary(steps: list[tuple[str, str, int, int]]) -> None:
    alarms: Alarms[str, int] = Alarms()
    model: dict[tuple[str, int], float] = {}
    for what, owner, name, at in steps:
        if what == "start":
            alarms.start(owner, name, float(at))
            model[owner, name] = float(at)
        elif what == "stop":
            alarms.stop(owner, name)
            model.pop((owner, name), None)
        else:
            fired = drain(alarms, float(at))
            assert sorted(fired) == sorted(key for key, due in model.items() if due <= at)
            model = {key: due for key, due in model.items() if due > at}
        assert len(alarms) == len(model)
        assert alarms.next() == min(model.values(), default=None)


@pytest.mark.parametrize(
    ("timer", "unreliable", "reliable"),
    [
        (Timer.A, 0.5, None),
        (Timer.B, 32.0, 32.0),
        (Timer.D, 32.0, 0.0),
        (Timer.E, 0.5, None),
        (Timer.F, 32.0, 32.0),
        (Timer.G, 0.5, None),
        (Timer.H, 32.0, 32.0),
        (Timer.I, 5.0, 0.0),
        (Timer.J, 32.0, 0.0),
        (Timer.K, 5.0, 0.0),
        (Timer.L, 32.0, 32.0),
        (Timer.M, 32.0, 32.0),
    ],
)
def test_the_delays_of_table_4(timer: Timer, unreliable: float, reliable: float | None) -> None:
    timers = TimerSettings()
    assert timers.delay(timer, 0.0, reliable=False) == unreliable
    assert timers.delay(timer, 0.0, reliable=True) == reliable
